"""Why an exchange was refused, in words."""

import ast
from pathlib import Path

import pytest

from emulator.directory import Credential, Directory
from emulator.page.reasons import REASONS, label_of, reason_of
from emulator.seed.plant import plant
from emulator.seed.read import read_seed
from emulator.tokens.exchanges import Exchange
from tests.emulator.seed.samples import APP, ISSUER, TENANT, seed

SOURCES = Path(__file__).parents[3] / "emulator" / "tokens"
SUBJECT = "system:serviceaccount:team:app"
AUDIENCE = "api://AzureADTokenExchange"


@pytest.fixture
def directory() -> Directory:
    found = Directory()
    plant(read_seed(seed()), found)
    return found


def refused(code: int | None, **changed: str) -> Exchange:
    found = Exchange(
        1.0,
        TENANT,
        client_id=APP,
        issuer=ISSUER,
        subject=SUBJECT,
        audience=AUDIENCE,
        aadsts=code,
    )
    for name, value in changed.items():
        setattr(found, name, value)
    return found


def test_every_code_of_the_token_endpoint_has_words() -> None:
    raised = {
        argument.value
        for source in SOURCES.glob("*.py")
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.Call)
        for argument in node.args
        if isinstance(argument, ast.Constant)
        and type(argument.value) is int
        and argument.value > 50_000
    }
    assert len(raised) > 20
    assert raised - REASONS.keys() == set()


def test_words_are_sentences() -> None:
    for words in REASONS.values():
        assert words[0].isupper()
        assert words.endswith(".")


@pytest.mark.parametrize(
    ("exchange", "nearest"),
    [
        (refused(700213, subject=SUBJECT + "2"), f"There is: {SUBJECT}."),
        (refused(7002138, subject=SUBJECT.upper()), f"There is: {SUBJECT}."),
        (refused(700212, audience="api://else"), f"There is: {AUDIENCE}."),
        (refused(700211, issuer=ISSUER.rstrip("/")), f"There is: {ISSUER}."),
        (
            refused(700213),
            "cluster fits by now: it was written later, or was not known yet.",
        ),
        (refused(70025, client_id="f00df00d-0000-4111-8222-333344445555"), ""),
    ],
)
def test_what_the_identity_has_instead_is_told(
    directory: Directory, exchange: Exchange, nearest: str
) -> None:
    words = REASONS[exchange.aadsts or 0]
    assert reason_of(exchange, directory) == f"{words} {nearest}".strip()


def test_of_many_subjects_the_most_alike_are_told(directory: Directory) -> None:
    holder = directory.holder(APP)
    assert holder is not None
    for number in range(9):
        name = f"other-{number}"
        held = Credential(name, name, ISSUER, f"system:serviceaccount:other:x{number}", (AUDIENCE,))
        directory.credentials(holder.key).put(name, held, 1.0)
    told = reason_of(refused(700213, subject="system:serviceaccount:other:x5y"), directory)
    assert "There is: system:serviceaccount:other:x5, " in told
    assert told.endswith(" and 7 more.")


def test_a_success_needs_no_words(directory: Directory) -> None:
    assert (reason_of(refused(None), directory), label_of(refused(None))) == ("", "")


def test_a_code_without_words_keeps_its_number(directory: Directory) -> None:
    assert (reason_of(refused(99999), directory), label_of(refused(99999))) == ("", "AADSTS99999")
    assert label_of(refused(429)) == "HTTP 429"
