"""What entra is made of: httpx, msal, Python and identity; nothing of the programs around it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "entra").rglob("*.py"))
ALLOWED = {"entra", "identity", "httpx", "msal"}


def imported_by(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_knows_httpx_msal_and_identity_only(module: Path) -> None:
    assert imported_by(module) - sys.stdlib_module_names <= ALLOWED


def test_importing_all_of_it_pulls_in_no_kubernetes_and_no_sdk() -> None:
    names = [
        ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for module in MODULES
    ]
    assert "entra.client" in names
    listed = subprocess.run(
        [sys.executable, "-c", f"import sys, {', '.join(names)}; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in listed.stdout.split()}
    strangers = {"azure", "fastapi", "kiota_http", "kopf", "kubernetes", "msgraph", "pydantic"}
    ours = {"controller", "emulator", "hack", "tests", "webhook"}
    assert loaded & (strangers | ours) == set()
