"""A pytest plugin for several workers (pytest-xdist): who gets which tests, and what they tell.

Tests of one file share what is dear (a cluster, an emulator), so a file stays with one worker. One
file takes as long as all others together: it is divided by test.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

DIVIDED: Final = ("tests/cluster/controller/faults/test_kills.py",)
TOLD: Final = "told"
"""The user property that carries a line of a test from a worker to whoever reads."""


def scope_of(nodeid: str) -> str:
    """Return what stays with one worker: mostly the file."""
    path, _, _ = nodeid.partition("::")
    return nodeid if path in DIVIDED else path


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Answer xdist's hook, whatever `--dist` says."""
    return _ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Write half characters as escapes: a worker could not send them."""
    report: pytest.TestReport = yield  # type: ignore[assignment]  # pluggy sends it
    report.sections = [(_whole(name), _whole(text)) for name, text in report.sections]
    return report  # type: ignore[return-value]


def _whole(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


class _Teller:
    """Prints, where the terminal is, what tests told in workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        lines = [str(value) for name, value in report.user_properties if name == TOLD]
        if report.when == "call" and lines:
            terminal = self._config.pluginmanager.getplugin("terminalreporter")
            terminal.ensure_newline()
            for line in (report.nodeid, *lines):
                terminal.write_line(f"  {line}")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to workers, unless this is one."""
    if not is_worker(config) and config.getoption("numprocesses", default=None):
        config.pluginmanager.register(_Teller(config))


def is_worker(config: pytest.Config) -> bool:
    """Tell whether this process runs tests for another one that has the terminal."""
    return hasattr(config, "workerinput")


def teller(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what prints a line past pytest's capturing; in a worker, after the test."""
    config = request.config
    if is_worker(config):
        told: list[tuple[str, object]] = request.node.user_properties
        return lambda line: told.append((TOLD, line))
    reporter = config.pluginmanager.getplugin("terminalreporter")
    capturing = config.pluginmanager.getplugin("capturemanager")

    def tell(line: str) -> None:
        with capturing.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(f"  {line}")

    return tell
