"""The controller's process, and what is done where it goes: `python -m controller --help`.

Exit codes: 0 after an orderly end, 1 when it can't start, 2 for a configuration that can't be
right.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from controller import logs
from controller.config.parse import ConfigurationError, parse_config, parse_end, usage
from controller.health import CannotListen
from controller.kube import Kube, KubeError, NotConfigured, connection
from controller.release import NobodyLeads, release, withdraw
from controller.run import run
from identity.version import VERSION

_ENDS: Final = ("release", "withdraw")
_log = logging.getLogger("azwi.controller")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the controller; return the exit code."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(usage() + "\n")
        return 0
    if "--version" in arguments:
        sys.stdout.write(VERSION + "\n")
        return 0
    process = f"{socket.gethostname()}_{os.getpid()}"
    if arguments and arguments[0] in _ENDS:
        return _end(arguments[0], arguments[1:], environment, process)
    return _run(arguments, environment, process)


def _run(arguments: Sequence[str], environment: Mapping[str, str], process: str) -> int:
    try:
        config = parse_config(arguments, environment, process)
    except ConfigurationError as error:
        for fault in error.faults:
            _complain(str(fault))
        return 2
    logs.set_up(config.log_level)
    _log.info("starting", extra={"version": VERSION})
    try:
        asyncio.run(run(config, connection(config.kubeconfig, environment)))
    except (NotConfigured, CannotListen) as error:
        _complain(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the boundary of the process
        _log.critical("unexpected error", exc_info=error)
        return 1
    _log.info("ended")
    return 0


def _end(what: str, arguments: Sequence[str], environment: Mapping[str, str], process: str) -> int:
    try:
        settings = parse_end(arguments, environment, f"{what}_{process}")
    except ConfigurationError as error:
        for fault in error.faults:
            _complain(str(fault))
        return 2
    logs.set_up(settings.log_level)

    async def work() -> None:
        async with Kube(connection(settings.kubeconfig, environment)) as kube:
            if what == "withdraw":
                await withdraw(kube, settings.lease)
            else:
                count = await release(kube, settings.lease)
                _log.info("released", extra={"objects": count})

    try:
        asyncio.run(work())
    except (KubeError, NobodyLeads) as error:
        _complain(str(error))
        return 1
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(f"azwi-controller: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
