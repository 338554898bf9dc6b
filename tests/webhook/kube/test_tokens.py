import logging
from pathlib import Path

import pytest

from webhook.kube import NotConfigured
from webhook.kube.tokens import StaticToken, TokenFile


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("first\n")
    return file


def test_a_token_is_read_again_when_a_minute_has_passed(file: Path) -> None:
    clock = Clock()
    token = TokenFile(file, clock)
    file.write_text("second\n")

    clock.now += 59.9
    assert token.current() == "first"
    clock.now += 0.1
    assert token.current() == "second"


def test_a_token_that_was_refused_is_read_again_at_once(file: Path) -> None:
    token = TokenFile(file, Clock())

    assert token.renew() is False
    file.write_text("second\n")
    assert token.renew() is True
    assert token.current() == "second"


def test_the_last_token_stands_while_the_file_is_away(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = TokenFile(file, Clock())
    file.unlink()

    with caplog.at_level(logging.WARNING):
        assert token.renew() is False

    assert token.current() == "first"
    assert "going on with the last token" in caplog.text


@pytest.mark.parametrize("content", ["", " \n", "two words", "line\nbreak", "naïve", "\x00"])
def test_what_no_header_can_carry_is_no_token(file: Path, content: str) -> None:
    file.write_text(content)

    with pytest.raises(NotConfigured) as caught:
        TokenFile(file)

    assert str(file) in str(caught.value)
    assert "break" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"token file .*/none can't be read: No such file"):
        TokenFile(tmp_path / "none")


def test_tokens_do_not_show_in_a_repr(file: Path) -> None:
    file.write_text("s3cr3t")

    assert "s3cr3t" not in repr(TokenFile(file)) + repr(StaticToken("s3cr3t"))
    assert StaticToken("s3cr3t").renew() is False
