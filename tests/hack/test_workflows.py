"""The workflows, looked at by actionlint: their syntax, expressions, and the shell in them."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def actionlint(*workflows: Path) -> subprocess.CompletedProcess[str]:
    go = shutil.which("go")
    if go is None:
        pytest.skip("actionlint is a Go program, and there is no Go here")
    return subprocess.run(
        [go, "-C", ROOT / "hack" / "tools", "tool", "actionlint", *workflows],
        capture_output=True,
        text=True,
        check=False,
    )


def test_actionlint_has_nothing_to_say() -> None:
    assert WORKFLOWS
    told = actionlint(*WORKFLOWS)
    assert told.returncode == 0, told.stdout + told.stderr


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    told = actionlint(wrong)
    assert told.returncode == 1
    assert 'unexpected key "run-on"' in told.stdout
