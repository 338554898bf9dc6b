"""The command line, read once into a frozen object, all its faults at once."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from emulator.calls.faults import Settings
from identity.faults import Faults

LEVELS: Final = ("debug", "info", "warning", "error")


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
    persist: bool
    log_level: str
    faults: Settings
    """Only what was given is set (`model_fields_set`): it goes over the seed's."""


_FAULT_FLAGS: Final = {
    "latency": ("latency_seconds", "seconds added to every call"),
    "propagation-delay": (
        "propagation_seconds",
        "seconds until the token endpoint knows of a changed credential",
    ),
    "stale-reads": ("stale_read_seconds", "seconds by which reads lag behind writes"),
    "throttle": ("throttle", "throttle at the published rates times this"),
    "write-time": ("write_seconds", "seconds a write of a credential takes; others meanwhile: 409"),
    "clock-offset": ("clock_offset_seconds", "seconds by which the emulator's clock is fast"),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
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
        required=True,
        metavar="DIR",
        help="keys, certificates, database; made if need be",
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
    for flag, (_, words) in _FAULT_FLAGS.items():
        made.add_argument(f"--{flag}", metavar="N", help=words)
    return made


def parse(arguments: Sequence[str], faults: Faults) -> Options:
    """Read a command line; what is wrong goes to `faults`. Exits for --help and wrong usage."""
    given = parser().parse_args(arguments)
    numbers = {}
    for flag, (name, _) in _FAULT_FLAGS.items():
        written = getattr(given, flag.replace("-", "_"))
        if written is not None:
            numbers[name] = _number(f"--{flag}", written, faults)
    if given.log_level not in LEVELS:
        faults.add("--log-level", given.log_level, f"one of {', '.join(LEVELS)}")
    return Options(
        host=given.host,
        port=_port("--port", given.port, faults),
        imds_port=_port("--imds-port", given.imds_port, faults),
        state=_folder(given.state, faults),
        seed=_file("--seed", given.seed, faults),
        issuer_ca=_file("--issuer-ca", given.issuer_ca, faults),
        public_url=_url(given.public_url, faults),
        tls_names=tuple(given.tls_name),
        persist=given.persist,
        log_level=given.log_level,
        faults=Settings.model_validate(numbers),
    )


def _number(flag: str, written: str, faults: Faults) -> float:
    lowest = -86400.0 * 400 if flag == "--clock-offset" else 0.0
    highest = {"--clock-offset": 86400.0 * 400, "--throttle": 1e6}.get(flag, 600.0)
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest or (flag == "--throttle" and value == 0):
        faults.add(flag, written, f"a number from {lowest:g} to {highest:g}")
        return 1.0
    return value


def _port(flag: str, written: str, faults: Faults) -> int:
    if not written.isascii() or not written.isdecimal() or int(written) > 65535:
        faults.add(flag, written, "a port from 0 to 65535")
        return 0
    return int(written)


def _folder(written: str, faults: Faults) -> Path:
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
    return path


def _url(written: str | None, faults: Faults) -> str | None:
    if written is None:
        return None
    try:
        parts = urlsplit(written)
        fits = parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        fits = False
    if not fits or parts.path.strip("/"):
        faults.add("--public-url", written, "https://name:port, without a path")
        return None
    return written.rstrip("/")
