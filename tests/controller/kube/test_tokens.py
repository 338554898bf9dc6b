"""The token, and the file that it is in."""

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.kube import NotConfigured
from controller.kube.tokens import StaticToken, TokenFile


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(" first\n")
    return path


def test_a_file_is_read_anew_after_a_minute(file: Path) -> None:
    clock = Clock()
    token = TokenFile(file, clock)
    file.write_text("second")
    clock.seconds = 59.9
    assert token.current() == "first"
    clock.seconds = 60.0
    assert token.current() == "second"


def test_a_file_is_read_anew_when_the_token_is_refused(file: Path) -> None:
    token = TokenFile(file, Clock())
    file.write_text("second")
    assert token.renew("first") is True
    assert token.current() == "second"
    assert token.renew("second") is False


def test_many_that_were_refused_at_once_read_the_file_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = TokenFile(file, Clock())
    file.write_text("second")
    assert token.renew("first")
    file.unlink()
    assert token.renew("first"), "there is another by now, and nothing to read"
    assert token.current() == "second"
    assert not caplog.messages


def test_a_file_that_can_not_be_read_for_once_leaves_the_last_token(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    token = TokenFile(file, clock)
    file.write_text("")
    clock.seconds = 60.0
    with caplog.at_level(logging.WARNING, "azwi.controller.kube"):
        assert token.current() == "first"
    assert caplog.messages == ["the token file can't be read, going on with the last token"]
    assert "first" not in repr(caplog.records[0].__dict__)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"s3cr3t\nx", "holds characters that no token has"),
        (b"s3cr3t\xff", "can't be read: it is not text"),
    ],
)
def test_a_file_without_a_token_is_told_at_the_start(
    file: Path, content: bytes | None, words: str
) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(NotConfigured, match=words) as caught:
        TokenFile(file)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None, "it would carry the content along"


def test_a_token_of_a_kubeconfig_stays(file: Path) -> None:
    token = StaticToken("abc")
    assert (token.current(), token.renew("abc")) == ("abc", False)
    assert "abc" not in repr(token)
    assert "first" not in repr(TokenFile(file))
