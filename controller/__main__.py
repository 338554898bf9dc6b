"""The controller's process: `python -m controller --help`.

Exit codes: 0 after an orderly end, 1 when it can't start, 2 for a configuration that can't be
right.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence

from controller import logs
from controller.config.parse import ConfigurationError, parse_config, usage
from controller.health import CannotListen
from controller.kube import NotConfigured, connection
from controller.run import run
from identity.version import VERSION

_log = logging.getLogger("azwi.controller")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the controller; return the exit code."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(usage() + "\n")
        return 0
    if "--version" in arguments:
        sys.stdout.write(VERSION + "\n")
        return 0
    try:
        config = parse_config(arguments, environment, f"{socket.gethostname()}_{os.getpid()}")
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


def _complain(text: str) -> None:
    sys.stderr.write(f"azwi-controller: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
