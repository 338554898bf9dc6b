"""The folder for what outlives a start: keys, certificates, the database."""

import os
from collections.abc import Callable
from pathlib import Path


class StateFolder:
    """One folder of the emulator's own, mode 0700; files are written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

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
