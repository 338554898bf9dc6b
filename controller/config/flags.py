"""The command line: every flag, the variable that stands in for it, and what was said.

A flag wins over its variable; one that is empty counts as not given, so that a chart may render all
of them. Reading goes on after a fault, so that all of them are told.
"""

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from identity.clouds import CLOUDS
from identity.faults import Faults
from identity.names import (
    AZURE_AUTHORITY_HOST,
    AZURE_CLIENT_ID,
    AZURE_FEDERATED_TOKEN_FILE,
    AZURE_TENANT_ID,
    DEFAULT_AUDIENCE,
)

LEVELS: Final = ("error", "warning", "info", "debug")
WORKLOAD_IDENTITY: Final = "workload-identity"
MANAGED_IDENTITY: Final = "managed-identity"
CLIENT_SECRET: Final = "client-secret"
CERTIFICATE: Final = "certificate"
WAYS: Final = (WORKLOAD_IDENTITY, MANAGED_IDENTITY, CLIENT_SECRET, CERTIFICATE)
_BY_SECRET: Final = f"with {CLIENT_SECRET}"
_BY_CERTIFICATE: Final = f"with {CERTIFICATE}"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: its name without dashes, what it takes if nothing is said, and what it is for."""

    name: str
    help: str
    default: str = ""
    variable: str = ""
    """The variable of the environment that is read where the flag is not given."""
    shown: str = "VALUE"
    """What stands for the value in `--help`; empty: a switch, alone or with =true or =false."""


GROUPS: Final[Mapping[str, tuple[Flag, ...]]] = {
    "Entra ID": (
        Flag("tenant-id", "required: the tenant of the identities", "", AZURE_TENANT_ID, "UUID"),
        Flag("cloud", "which cloud", CLOUDS[0].name, "AZURE_ENVIRONMENT", "NAME"),
        Flag("authority-host", "where tokens come from", "", AZURE_AUTHORITY_HOST, "URL"),
        Flag("graph-url", "Microsoft Graph, or none where there is none", shown="URL"),
        Flag("resource-manager-url", "Azure Resource Manager", shown="URL"),
        Flag("graph-audience", "what tokens for Graph are for, if not its URL"),
        Flag("resource-manager-audience", "the same for Resource Manager"),
        Flag("ca-file", "PEM: authorities trusted for these beside the system's", shown="FILE"),
        Flag("subscriptions", "whose managed identities are looked for", shown="UUID,..."),
        Flag("rate-factor", "times the published rates: how fast calls may be made", "1"),
    ),
    "how the controller signs in": (
        Flag("sign-in", ", ".join(WAYS), WORKLOAD_IDENTITY, shown="WAY"),
        Flag("client-id", "the controller's own identity", "", AZURE_CLIENT_ID, "UUID"),
        Flag(
            "token-file",
            f"with {WORKLOAD_IDENTITY}: the projected token",
            "",
            AZURE_FEDERATED_TOKEN_FILE,
            "FILE",
        ),
        Flag("client-secret-file", f"{_BY_SECRET}: holds the secret", shown="FILE"),
        Flag("certificate-file", f"{_BY_CERTIFICATE}: PEM, or PKCS#12 (.pfx, .p12)", shown="FILE"),
        Flag("key-file", f"{_BY_CERTIFICATE}: PEM, if it is not in that file", shown="FILE"),
        Flag("password-file", f"{_BY_CERTIFICATE}: what the key is encrypted with", shown="FILE"),
        Flag("imds-endpoint", f"with {MANAGED_IDENTITY}: the metadata service", shown="URL"),
    ),
    "this cluster": (
        Flag("kubeconfig", "empty: the ServiceAccount of the controller's pod", shown="FILE"),
        Flag(
            "namespace",
            "the controller's own; in a pod it is known",
            "",
            "POD_NAMESPACE",
            "NAME",
        ),
        Flag("issuer", "of its tokens, exactly; empty: found out", shown="URL"),
        Flag(
            "accept-issuer-change", "another issuer than before is the cluster's new one", shown=""
        ),
        Flag("audience", "of federated credentials", DEFAULT_AUDIENCE),
        Flag(
            "slots-per-namespace", "of an identity's 20, what one namespace may take", "10", "", "N"
        ),
        Flag("watch-grants", "grants are checked when ClusterRoles change", "true", shown=""),
        Flag(
            "resolve-resource-ids",
            "client ids of identities named by resource id are written back",
            "false",
            shown="",
        ),
    ),
    "proving credentials by an exchange": (
        Flag("probe-namespaces", "where; * is all but kube-system; empty: off", shown="NAME,..."),
        Flag("probe-scope", "what the token is for; empty: Resource Manager", shown="SCOPE"),
        Flag("probe-interval", "how often each is proved again", "6h", shown="TIME"),
    ),
    "how often": (
        Flag("resync-interval", "every object and its grant is looked at", "3m", shown="TIME"),
        Flag("drift-interval", "every identity's credentials are listed", "30m", shown="TIME"),
        Flag(
            "denial-interval",
            "between the two denials that take a credential away; may only be raised",
            "60s",
            shown="TIME",
        ),
    ),
    "the Lease of the one that leads": (
        Flag("lease-name", "its name", "azwi-controller", shown="NAME"),
        Flag("lease-identity", "who this is; empty: the pod's name", "", "POD_NAME", "NAME"),
        Flag("lease-duration", "after which silence another takes over", "30s", shown="TIME"),
        Flag("lease-renew-interval", "between renewals", "5s", shown="TIME"),
        Flag("lease-retry-interval", "between tries after a failure", "2s", shown="TIME"),
    ),
    "looking at the controller": (
        Flag("health-addr", "address of /healthz and /readyz", ":9440", shown="ADDRESS"),
        Flag("metrics-addr", "address of /metrics; 0 serves none", ":8095", shown="ADDRESS"),
        Flag("log-level", ", ".join(LEVELS), "info", shown="LEVEL"),
    ),
}

FLAGS: Final = tuple(flag for group in GROUPS.values() for flag in group)


@dataclass(frozen=True, slots=True)
class Setting:
    """What was said about one thing, and where."""

    where: str
    """The flag or variable that it comes from; both, where neither is given."""
    text: str
    """Empty: nothing was said, and nothing is the default."""
    by_flag: bool = False
    """It stands on the command line: whoever wrote it means this program."""


class _UnreadableError(Exception):
    """argparse can't go on."""


class _Parser(argparse.ArgumentParser):
    """One that leaves the last word to the caller."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong. Raises _UnreadableError."""
        raise _UnreadableError(message)


_INDENT: Final = 38
_WIDTH: Final = 100
"""Columns of `--help`."""
_NO_VALUE: Final = object()
"""Stands for a value where a flag came without one."""


def _parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = _Parser(allow_abbrev=False, add_help=False)
    for flag in FLAGS:
        made.add_argument(f"--{flag.name}", nargs="?", const=_NO_VALUE if flag.shown else "true")
    return made


def usage() -> str:
    """Return the text of `--help`."""
    lines = [
        "usage: python -m controller [release | withdraw] [--flag=value ...]",
        "",
        "Keeps the federated identity credentials in Entra ID true to the annotated",
        "ServiceAccounts of this cluster. TIME is written as 90s, 3m or 1h30m. A name in brackets",
        "is the variable of the environment that stands in for the flag.",
        "",
        "Where the controller goes: `release` takes its finalizer off all objects, once none runs;",
        "credentials stay. `withdraw` deletes the definition while one runs, and waits until all",
        "credentials of the objects are removed. Both take the flags of the Lease, --kubeconfig,",
        "--namespace and --log-level; others mean nothing there.",
    ]
    for title, flags in GROUPS.items():
        lines += ["", f"{title}:"]
        for flag in flags:
            lines += _lines(flag)
    lines += ["", "--version prints the version, --help this text."]
    return "\n".join(lines)


def _lines(flag: Flag) -> list[str]:
    option = f"--{flag.name}" + (f"={flag.shown}" if flag.shown else "[=true|false]")
    default = f" (default {flag.default})" if flag.default else ""
    variable = f" [{flag.variable}]" if flag.variable else ""
    return textwrap.wrap(
        f"{flag.help}{default}{variable}",
        _WIDTH,
        initial_indent=f"  {option:{_INDENT - 3}} ",
        subsequent_indent=" " * _INDENT,
        break_on_hyphens=False,
    )


def read_command_line(
    arguments: Sequence[str], environment: Mapping[str, str], faults: Faults
) -> Mapping[str, Setting]:
    """Return what is said about each flag, by its name."""
    try:
        given, unknown = _parser().parse_known_args(arguments)
    except _UnreadableError as error:
        faults.add("the command line", None, f"{error}; see --help")
        given, unknown = argparse.Namespace(), []
    _tell_unknown(unknown, faults)
    said: dict[str, Any] = {name.replace("_", "-"): text for name, text in vars(given).items()}
    for name, text in said.items():
        if text is _NO_VALUE:
            faults.add(f"--{name}", None, "expected a value after it")
            said[name] = None
    return {flag.name: _setting(flag, said.get(flag.name), environment) for flag in FLAGS}


def _setting(flag: Flag, said: str | None, environment: Mapping[str, str]) -> Setting:
    option = f"--{flag.name}"
    if said:
        return Setting(option, said, by_flag=True)
    if not flag.variable:
        return Setting(option, flag.default)
    if value := environment.get(flag.variable):
        return Setting(flag.variable, value)
    return Setting(f"{option} or {flag.variable}", flag.default)


def _tell_unknown(unknown: Sequence[str], faults: Faults) -> None:
    """Name what argparse did not know, without values: one may be a secret."""
    value_may_follow = False
    for argument in unknown:
        if argument.startswith("-"):
            name, equals, _ = argument.partition("=")
            faults.add(name, None, "no such flag; --help lists them")
            value_may_follow = not equals
        elif value_may_follow:
            value_may_follow = False
        else:
            faults.add("arguments", argument, "flags only, such as --log-level=info")
