"""The folder for what outlives a start: keys, certificates, the database."""

import os
from collections.abc import Callable
from pathlib import Path


class StateError(Exception):
    """The folder can't be used; the text says why."""


class StateFolder:
    """One folder of the emulator's own, mode 0700; files are written whole or not at all."""

    def __init__(self, path: Path) -> None:
        """Make the folder if need be. Raises StateError."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"--state: {path} can't be made: {error.strerror}") from error
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise StateError(f"--state: {path} can't be written to; choose another folder")

    def kept(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return a file's content; one that is not there is made first."""
        file = self.path / name
        if not file.exists():
            self.write(name, make())
        return file.read_bytes()

    def write(self, name: str, content: bytes) -> Path:
        """Replace a file, readable by nobody else, in one step."""
        file = self.path / name
        new = self.path / f".{name}.{os.getpid()}"
        new.touch(mode=0o600)
        new.write_bytes(content)
        new.replace(file)
        return file
