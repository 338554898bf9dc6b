"""What the emulator can answer is what the client knows: each is written without the other."""

import ast
from pathlib import Path
from typing import Final

import pytest

from entra.aadsts_codes import MEANINGS

TOKENS: Final = Path(__file__).parents[2] / "emulator" / "tokens"
LOWEST: Final = 10_000
"""HTTP statuses and lengths are below; AADSTS codes begin here."""


def answered() -> set[int]:
    """Every number that a TokenRefusal of the emulator is made with."""
    found = set()
    for module in TOKENS.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or "Refusal" not in ast.unparse(node.func):
                continue
            found |= {
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
            }
    return {code for code in found if code >= LOWEST}


def test_the_emulator_answers_many_codes() -> None:
    assert {90002, 700016, 7000215, 7002138, 700024} <= answered()
    assert len(answered()) > 20


@pytest.mark.parametrize("code", sorted(answered()))
def test_each_code_that_the_emulator_answers_is_classed(code: int) -> None:
    assert code in MEANINGS
