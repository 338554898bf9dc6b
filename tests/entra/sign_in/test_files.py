from pathlib import Path

import pytest

from entra.errors import Unauthenticated
from entra.sign_in.files import read_bytes, read_text, read_word


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def test_a_word_is_read_without_the_white_space_around_it(file: Path) -> None:
    file.write_text(" \ts3cr3t~.\n")

    assert read_word(file, "client secret file") == "s3cr3t~."


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_file_is_told(file: Path, content: str) -> None:
    file.write_text(content)

    with pytest.raises(Unauthenticated, match=r"the token file .*/secret is empty; write it anew"):
        read_word(file, "token file")


@pytest.mark.parametrize("content", ["s3cr3t and more", "s3cr3t\nmore", "s3cr3t\x00"])
def test_what_is_not_one_word_is_told_without_its_content(file: Path, content: str) -> None:
    file.write_text(content)

    with pytest.raises(Unauthenticated, match="holds more than one word") as caught:
        read_word(file, "token file")

    assert "s3cr3t" not in str(caught.value)


def test_what_is_not_text_is_told_without_its_content(file: Path) -> None:
    file.write_bytes(b"s3cr3t\xff")

    with pytest.raises(Unauthenticated, match="is not text") as caught:
        read_text(file, "key file")

    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "why"),
    [("none", "No such file or directory"), (".", "Is a directory"), ("\0", "it is no path")],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, name: str, why: str
) -> None:
    with pytest.raises(Unauthenticated, match=f"can't be read: {why}; check that it is mounted"):
        read_bytes(tmp_path / name, "key file")


def test_a_file_that_has_no_end_is_not_read_to_it() -> None:
    with pytest.raises(Unauthenticated, match="larger than any token file is"):
        read_bytes(Path("/dev/zero"), "token file")
