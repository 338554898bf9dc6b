"""What a pod asks for, read from its annotations and from those of its ServiceAccount."""

from collections.abc import Mapping
from dataclasses import dataclass

from identity.account import Account
from identity.faults import Faults
from identity.integers import parse_go_int
from identity.names import (
    DEFAULT_EXPIRATION_SECONDS,
    DEFAULT_PROXY_PORT,
    INJECT_PROXY,
    MAX_EXPIRATION_SECONDS,
    MIN_EXPIRATION_SECONDS,
    PROXY_PORT,
    PROXY_REDIRECT,
    SKIP_CONTAINERS,
    TOKEN_EXPIRATION,
)

_EXPIRATION = f"whole seconds from {MIN_EXPIRATION_SECONDS} to {MAX_EXPIRATION_SECONDS}"
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class PodSettings:
    """A pod's wishes, valid each."""

    expiration_seconds: int = DEFAULT_EXPIRATION_SECONDS
    """Life of the projected token; kubelet renews it at 80 % of that, or after 24 h."""
    skip_containers: frozenset[str] = frozenset()
    proxy_port: int | None = None
    """Where the proxy listens; None: no proxy is asked for."""
    custom_token_endpoint: bool = False
    proxy_redirect: bool | None = None
    """Whether the pod's traffic is redirected to the proxy; None: the pod leaves that to us."""


_DEFAULT = PodSettings()


def pod_settings(
    annotations: Mapping[str, str],
    account: Account,
    custom_endpoint_annotation: str | None,
    faults: Faults,
) -> PodSettings:
    """Read a pod's annotations; what is wrong goes to `faults`, and its default stands in for it.

    `custom_endpoint_annotation` is the key that asks for the custom token endpoint, where there is
    one. Precedence of the expiration: pod, then ServiceAccount, then the default; empty is absent.
    """
    if not annotations and not account.token_expiration:
        return _DEFAULT
    return PodSettings(
        expiration_seconds=_expiration(annotations, account, faults),
        skip_containers=_skip_containers(annotations.get(SKIP_CONTAINERS)),
        proxy_port=_proxy_port(annotations, faults),
        custom_token_endpoint=(
            custom_endpoint_annotation is not None
            and is_true(annotations.get(custom_endpoint_annotation, ""))
        ),
        proxy_redirect=_proxy_redirect(annotations),
    )


def is_true(value: str) -> bool:
    """Tell whether an annotation says yes: only "true" does, in any letter case."""
    return value.lower() == "true"


def is_false(value: str) -> bool:
    """Tell whether an annotation says no in so many words."""
    return value.lower() == "false"


def _expiration(annotations: Mapping[str, str], account: Account, faults: Faults) -> int:
    if written := annotations.get(TOKEN_EXPIRATION):
        where = f"pod annotation {TOKEN_EXPIRATION}"
    elif written := account.token_expiration:
        where = f"annotation {TOKEN_EXPIRATION} of ServiceAccount {account.name}"
    else:
        return DEFAULT_EXPIRATION_SECONDS
    seconds = parse_go_int(written)
    if seconds is None or not MIN_EXPIRATION_SECONDS <= seconds <= MAX_EXPIRATION_SECONDS:
        faults.add(where, written, _EXPIRATION)
        return DEFAULT_EXPIRATION_SECONDS
    return seconds


def _skip_containers(written: str | None) -> frozenset[str]:
    if not written:
        return frozenset()
    return frozenset(name for entry in written.split(";") if (name := entry.strip()))


def _proxy_port(annotations: Mapping[str, str], faults: Faults) -> int | None:
    if not is_true(annotations.get(INJECT_PROXY, "")):
        return None
    written = annotations.get(PROXY_PORT)
    if written is None:
        return DEFAULT_PROXY_PORT
    port = parse_go_int(written, bits=32)
    if port is None or not 1 <= port <= _HIGHEST_PORT:
        faults.add(f"pod annotation {PROXY_PORT}", written, f"a port from 1 to {_HIGHEST_PORT}")
        return DEFAULT_PROXY_PORT
    return port


def _proxy_redirect(annotations: Mapping[str, str]) -> bool | None:
    written = annotations.get(PROXY_REDIRECT, "")
    if is_true(written):
        return True
    return False if is_false(written) else None
