"""The command line, read once into a frozen object, all its faults at once."""

import argparse
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from emulator.calls.faults import Settings
from emulator.fault_flags import add_flags, read_flags
from emulator.seed.issuers import is_authority_file
from identity.faults import Faults
from identity.version import VERSION

LEVELS: Final = ("debug", "info", "warning", "error")
_LABEL: Final = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"(\*\.)?({_LABEL}\.)*{_LABEL}", re.IGNORECASE)
"""A DNS name, or a wildcard. Source: RFC 1123, 2.1."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an emulator is started with."""

    host: str
    port: int
    imds_port: int
    state: Path
    seed: Path | None
    issuer_ca: Path | None
    public_url: str | None
    """How callers reach it, if that is not `https://host:port`; no slash at the end."""
    tls_names: tuple[str, ...]
    """Names and addresses in the certificate besides those that go without saying."""
    persist: bool
    log_level: str
    faults: Settings
    """Only what was given is set (`model_fields_set`): it goes over the seed's."""


class _UnreadableError(Exception):
    """argparse can't go on."""


class _Parser(argparse.ArgumentParser):
    """One that leaves the last word to the caller."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong. Raises _UnreadableError."""
        raise _UnreadableError(message)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = _Parser(
        prog="python -m emulator",
        description="A double of Entra ID, Microsoft Graph, Azure Resource Manager and the"
        " instance metadata service, for laptops and CI. When it can serve it prints one line of"
        " JSON with its addresses. Its admin API asks nobody who they are: keep it from others.",
        epilog="Faults can be set by the seed and at run time, too: docs/emulator.md.",
        allow_abbrev=False,
    )
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    made.add_argument("--port", default="8443", help="HTTPS; 0 picks a free one (%(default)s)")
    made.add_argument("--imds-port", default="8081", help="HTTP; 0 picks a free one (%(default)s)")
    made.add_argument(
        "--state",
        metavar="DIR",
        help="required: keys, certificates, database; made if need be",
    )
    made.add_argument("--seed", metavar="FILE", help="YAML: what it starts with")
    made.add_argument("--issuer-ca", metavar="FILE", help="PEM: the CA of assertions' issuers")
    made.add_argument(
        "--public-url", metavar="URL", help="how callers reach it (https://host:port)"
    )
    made.add_argument(
        "--tls-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name or address in the certificate; may be given several times",
    )
    made.add_argument("--persist", action="store_true", help="keep everything across restarts")
    made.add_argument("--log-level", default="info", help=f"{', '.join(LEVELS)} (%(default)s)")
    made.add_argument("--version", action="version", version=VERSION)
    add_flags(made)
    return made


def parse(arguments: Sequence[str], faults: Faults) -> Options:
    """Read a command line; what is wrong goes to `faults`. Exits for --help and --version."""
    try:
        given, unknown = parser().parse_known_args(arguments)
    except _UnreadableError as error:
        faults.add("the command line", None, f"{error}; see --help")
        given, unknown = parser().parse_known_args(["--state", "."])
    for argument in unknown:
        faults.add(argument, None, "is unknown: check its spelling, or see --help")
    if given.log_level not in LEVELS:
        faults.add("--log-level", given.log_level, f"one of {', '.join(LEVELS)}")
    for name in given.tls_name:
        if not _is_name(name):
            faults.add("--tls-name", name, "a DNS name or an address")
    if not _is_name(given.host) or given.host.startswith("*"):
        faults.add("--host", given.host, "an address, or a name for one")
    return Options(
        host=given.host,
        port=_port("--port", given.port, faults),
        imds_port=_port("--imds-port", given.imds_port, faults),
        state=_folder(given.state, faults),
        seed=_file("--seed", given.seed, faults),
        issuer_ca=_authority(given.issuer_ca, faults),
        public_url=_url(given.public_url, faults),
        tls_names=tuple(given.tls_name),
        persist=given.persist,
        log_level=given.log_level,
        faults=read_flags(vars(given), faults),
    )


def _is_name(written: str) -> bool:
    try:
        ipaddress.ip_address(written)
    except ValueError:
        return len(written) <= 253 and _NAME.fullmatch(written) is not None
    return True


def _port(flag: str, written: str, faults: Faults) -> int:
    digits = written.isascii() and written.isdecimal() and len(written) <= 5
    if not digits or int(written) > 65535:
        faults.add(flag, written, "a port from 0 to 65535")
        return 0
    return int(written)


def _folder(written: str | None, faults: Faults) -> Path:
    if not written:
        faults.add("--state", None, "is required: a folder for keys and certificates")
        return Path()
    path = Path(written)
    if path.exists() and not path.is_dir():
        faults.add("--state", written, "a folder, there or to be made")
    return path


def _file(flag: str, written: str | None, faults: Faults) -> Path | None:
    if written is None:
        return None
    path = Path(written)
    if not path.is_file():
        faults.add(flag, written, "a file that is there")
        return None
    return path


def _authority(written: str | None, faults: Faults) -> Path | None:
    path = _file("--issuer-ca", written, faults)
    if path is not None and not is_authority_file(path):
        faults.add("--issuer-ca", written, "a file of PEM certificates")
    return path


def _url(written: str | None, faults: Faults) -> str | None:
    if written is None:
        return None
    try:
        parts = urlsplit(written)
        fits = parts.scheme == "https" and _is_name(parts.hostname or "") and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits or parts.path.strip("/") or "@" in written or "?" in written or "#" in written:
        faults.add("--public-url", written, "https://name:port, without a path")
        return None
    return f"https://{parts.netloc.lower()}"
