"""What import-linter can't say: identity needs nothing but Python, and the server stays small."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = {"cryptography", "kubernetes", "yaml"}
"""8, 11 and 1 MiB: of the first two, each would be an eighth of the process's memory."""


def imported_by(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def test_identity_needs_the_standard_library_only() -> None:
    modules = list((ROOT / "identity").rglob("*.py"))
    assert modules
    imported = set().union(*map(imported_by, modules))
    assert imported - sys.stdlib_module_names == {"identity"}


def test_the_webhooks_process_imports_nothing_heavy() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", "import sys, webhook.__main__; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "webhook.server" in listed.stdout
    assert HEAVY & set(listed.stdout.split()) == set()
