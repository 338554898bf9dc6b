"""The webhook's process: `python -m webhook --help`.

Exit codes: 0 after an orderly end, 1 when it can't start or something was cut short, 2 for a
configuration that can't be right.
"""

import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence

import uvloop

from identity.faults import Faults
from identity.version import VERSION
from webhook import logs
from webhook.certificates.errors import CertificateError
from webhook.config.flags import parse_flags, usage
from webhook.config.parse import FLAGS, ConfigurationError, parse_config
from webhook.config.settings import Config
from webhook.kube import Connection, NotConfigured, in_cluster_connection, kubeconfig_connection
from webhook.run import run
from webhook.server.errors import ServerError

_log = logging.getLogger("azwi.webhook")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the webhook; return the exit code."""
    asked = parse_flags(arguments, FLAGS, Faults())
    if "-h" in arguments or asked.is_on("help"):
        _print(usage("python -m webhook", FLAGS))
        return 0
    if asked.is_on("version"):
        _print(VERSION)
        return 0
    try:
        parsed = parse_config(arguments, environment)
    except ConfigurationError as error:
        for fault in error.faults:
            _complain(str(fault))
        return 2
    logs.set_up(parsed.config.log_level)
    _log.info("starting", extra={"version": VERSION})
    for notice in parsed.notices:
        _log.warning(notice)
    replica = f"{socket.gethostname()}-{os.getpid()}"
    try:
        connection = _connection(parsed.config, environment)
        finished = uvloop.run(run(parsed.config, connection, replica))
    except (NotConfigured, CertificateError, ServerError) as error:
        _complain(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the boundary of the process
        _log.critical("unexpected error", exc_info=error)
        return 1
    _log.info("ended", extra={"finished": finished})
    return 0 if finished else 1


def _connection(config: Config, environment: Mapping[str, str]) -> Connection:
    if config.kubeconfig is not None:
        return kubeconfig_connection(config.kubeconfig)
    return in_cluster_connection(
        environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    )


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(text: str) -> None:
    sys.stderr.write(f"azwi-webhook: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
