"""Reading the files that we sign in by. What stands in one never gets into a message."""

from pathlib import Path
from typing import Final

from entra.errors import Unauthenticated

_LARGEST: Final = 256 * 1024
"""Bytes; a PKCS#12 file with a chain of certificates is some thousands."""


def read_word(path: Path, what: str) -> str:
    """Return a token or a secret without the white space around it.

    Raises `Unauthenticated` where there is none, or one that no request could carry.
    """
    word = read_text(path, what).strip()
    if not word:
        raise Unauthenticated(f"the {what} {path} is empty; write it anew")
    if any(char.isspace() or not char.isprintable() for char in word):
        raise Unauthenticated(f"the {what} {path} holds more than one word; write it anew")
    return word


def read_text(path: Path, what: str) -> str:
    """Return the text of a file, or raise `Unauthenticated`."""
    try:
        return read_bytes(path, what).decode("utf-8")
    except UnicodeDecodeError:
        # The error would hold the content.
        raise Unauthenticated(f"the {what} {path} is not text; write it anew") from None


def read_bytes(path: Path, what: str) -> bytes:
    """Return the content of a file, or raise `Unauthenticated`."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        why = error.strerror if isinstance(error, OSError) else "it is no path"
        raise Unauthenticated(
            f"the {what} {path} can't be read: {why}; check that it is mounted"
        ) from error
    if len(content) > _LARGEST:
        raise Unauthenticated(f"the {what} {path} is larger than any {what} is")
    return content
