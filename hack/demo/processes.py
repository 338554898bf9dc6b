"""Processes of the demo: whether they are ready, and their last words when something goes wrong."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from hack.cluster import StartFailed
from hack.cluster.programs import Program
from hack.cluster.readiness import wait_until
from hack.demo.errors import DemoFailed

_READY_SECONDS = 30


@contextmanager
def log_shown(program: Program) -> Iterator[None]:
    """Quote the end of a program's log with whatever goes wrong: the log itself is removed."""
    try:
        yield
    except DemoFailed as error:
        _, _, lines = program.tail().partition("\n")
        log = (
            f"the last lines of the {program.name}'s log:\n{lines}"
            if lines
            else f"the {program.name} logged nothing"
        )
        raise DemoFailed(f"{error}\n{log}") from error


def await_ready(program: Program, address: str, tell: Callable[[str], None]) -> None:
    """Wait until `/readyz` at an address (`host:port`) is content. DemoFailed says why it isn't."""
    try:
        wait_until(
            lambda: _get_readyz(address)[0] == http.client.OK,
            seconds=_READY_SECONDS,
            what=f"the {program.name}",
            lost=partial(end_of, program),
            tell=tell,
        )
    except StartFailed as error:
        answer = _get_readyz(address)[1]
        raise DemoFailed(
            f"expected the {program.name} to get ready, found: {error}"
            + "".join(f"\n    /readyz: {line}" for line in answer.splitlines())
        ) from error


def end_of(program: Program) -> str | None:
    """Say how it ended; none while it runs."""
    status = program.exit_status()
    return None if status is None else f"ended with status {status}"


def _get_readyz(address: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/readyz?verbose")
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()
