"""Warnings: what is let through, and most likely not what its author meant.

The API server shows each to whoever creates the pod. Its documentation asks for 120 characters at
the most, and may cut what is longer than 256. Source:
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from identity.account import Account, is_uuid
from identity.names import (
    ACCOUNT_ANNOTATIONS,
    AZURE_CLIENT_ID,
    CLIENT_ID,
    INJECT_PROXY,
    POD_ANNOTATIONS,
    PREFIX,
    PROXY_CONTAINER,
    PROXY_INIT_CONTAINER,
    PROXY_REDIRECT,
    USE_SUFFIX_PREFIX,
)
from identity.pod import PodSettings, is_false, is_true
from webhook.mutation.outcome import Reason, Warn
from webhook.mutation.podview import PodView

LONGEST: Final = 120
_LONGEST_NAME: Final = 48
_LEAST_OF_A_KEY: Final = 48
_MOST_OF_A_KIND: Final = 5
_BOOLEANS: Final = {
    INJECT_PROXY: 'only "true" injects the proxy',
    PROXY_REDIRECT: 'neither "true" nor "false", so it counts for nothing',
}
"""Annotations that say yes or no, and what becomes of any other value."""


def account_advice(account: Account, pod: PodView, settings: PodSettings) -> list[Warn]:
    """Say what is odd about the ServiceAccount, for a pod that is going to use it."""
    warnings = []
    name = clip(account.name)
    if not account.client_id:
        if _needs_client_id(pod, settings):
            warnings.append(
                Warn(Reason.NO_CLIENT_ID, f"ServiceAccount {name} has no annotation {CLIENT_ID}")
            )
    elif not is_uuid(account.client_id):
        start = f"client-id of ServiceAccount {name} is no UUID: "
        rest = clip(account.client_id, LONGEST - len(start))
        warnings.append(Warn(Reason.CLIENT_ID_NOT_UUID, start + rest))
    for key in account.unknown_annotations[:_MOST_OF_A_KIND]:
        hint = _hint(key, ACCOUNT_ANNOTATIONS)
        warnings.append(_unknown(f"ServiceAccount {clip(name, 24)}", key, hint))
    return warnings


def pod_advice(pod: PodView, settings: PodSettings, custom_endpoint: str | None) -> list[Warn]:
    """Say what is odd about the pod's own annotations; `custom_endpoint` is a key it may have."""
    warnings = []
    for key, meaning in _BOOLEANS.items():
        written = pod.annotations.get(key)
        if written is not None and not is_true(written) and not is_false(written):
            said = f'{key.removeprefix(PREFIX)} is "{clip(written)}": {meaning}'
            warnings.append(Warn(Reason.NOT_A_BOOLEAN, said))
    unknown = sorted(
        key
        for key in pod.annotations
        if key.startswith(PREFIX) and key not in POD_ANNOTATIONS and key != custom_endpoint
    )
    warnings += [_unknown("the pod", key, _pod_hint(key)) for key in unknown[:_MOST_OF_A_KIND]]
    warnings += _unknown_containers(pod, settings)
    return warnings


def path_taken(container: str, path: str) -> Warn:
    """Say that a container has a mount of its own where the token would be."""
    return Warn(Reason.PATH_TAKEN, f"container {clip(container)} has its own mount at {path}")


def clip(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return somebody's text on one line of at most so many characters."""
    text = "".join(char if char.isprintable() else "?" for char in text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _needs_client_id(pod: PodView, settings: PodSettings) -> bool:
    return any(
        AZURE_CLIENT_ID not in container.variables
        for container in pod.all_containers
        if container.name not in settings.skip_containers
    )


def _unknown_containers(pod: PodView, settings: PodSettings) -> list[Warn]:
    if not settings.skip_containers:
        return []
    known = {container.name for container in pod.all_containers}
    if settings.proxy_port is not None:
        known |= {PROXY_CONTAINER, PROXY_INIT_CONTAINER}
    return [
        Warn(
            Reason.UNKNOWN_CONTAINER,
            f'skip-containers names "{clip(name)}", which is no container of the pod',
        )
        for name in sorted(settings.skip_containers - known)[:_MOST_OF_A_KIND]
    ]


def _unknown(owner: str, key: str, hint: str) -> Warn:
    start = f"{owner} has an unknown annotation "
    if LONGEST - len(start) - len(hint) < min(len(key), _LEAST_OF_A_KEY):
        hint = ""  # what was written comes before what may have been meant
    return Warn(
        Reason.UNKNOWN_ANNOTATION, start + clip(key, LONGEST - len(start) - len(hint)) + hint
    )


def _pod_hint(key: str) -> str:
    if key in ACCOUNT_ANNOTATIONS:
        return ": it goes on the ServiceAccount"
    if key.startswith(USE_SUFFIX_PREFIX):
        return ": no such token endpoint"
    return _hint(key, POD_ANNOTATIONS)


def _hint(key: str, known: Iterable[str]) -> str:
    short = key.removeprefix(PREFIX)[:_LONGEST_NAME]
    near = get_close_matches(short, [name.removeprefix(PREFIX) for name in known], 1)
    return f"; {near[0]}?" if near else ""
