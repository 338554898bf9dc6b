"""pytest on tests/e2e, as a process of its own that cleans up before it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_CLEANING_SECONDS: Final = 180


def run_suite(kubeconfig: Path, arguments: Sequence[str]) -> int:
    """Run it; returns pytest's exit code. Interrupted, it first lets the tests clean up."""
    environment = {
        "AZWI_REQUIRE_E2E": "1",  # what can't run here is a failure: that is what we are for
        **os.environ,
        "AZWI_E2E_KUBECONFIG": str(kubeconfig),
    }
    # One process: releases share the names of what has no namespace.
    command = [sys.executable, "-m", "pytest", "--numprocesses=0", "--durations=10", *arguments]
    if not any(word.startswith("tests/e2e") for word in arguments):
        command.append("tests/e2e")
    with subprocess.Popen(command, env=environment, cwd=_ROOT) as tests:
        try:
            return tests.wait()
        except BaseException:
            tests.send_signal(signal.SIGINT)
            _wait(tests)
            raise


def _wait(tests: subprocess.Popen[bytes]) -> None:
    try:
        tests.wait(timeout=_CLEANING_SECONDS)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        tests.kill()
