"""Containers as a strict cluster runs them: read-only root, no capabilities, no new privileges.

By a Docker engine, podman or runc, the first that is here. runc needs root, and gets the layers
unpacked.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from hack.images.programs import answer, run
from tests.images.archive import Archive

_PATIENCE: Final = 60.0  # seconds, for machines that do much else


class NoRunner(Exception):  # noqa: N818 - as in hack.images
    """Nothing here runs containers."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a container gets from outside."""

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    """By their places inside; read only."""
    scratch: Sequence[str] = ()
    """Folders it may write to, as emptyDir would be."""
    port: int = 0
    """Served on all addresses inside; reached on 127.0.0.1 outside."""


@dataclass(slots=True)
class Container:
    """One container; `command` is its own runner's way to talk about it."""

    name: str
    process: subprocess.Popen[bytes]
    folder: Path
    runner: "Runner"

    @property
    def said(self) -> str:
        """All it printed so far."""
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")

    def ended(self) -> int | None:
        """The exit code, where it has one."""
        return self.process.poll()

    def wait(self) -> int:
        """Wait for the end."""
        try:
            return self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end; it said:\n{self.said}") from None

    def terminate(self) -> None:
        """Ask it to end, as a kubelet does."""
        self.runner.signal(self.name, "TERM")

    def kernel_says(self) -> dict[str, str]:
        """/proc/PID/status of its first process."""
        text = Path(f"/proc/{self.runner.pid(self.name)}/status").read_text()
        return {key: value.strip() for key, _, value in map(_at_colon, text.splitlines())}

    def root_options(self) -> set[str]:
        """What its root is mounted with. Source: proc_pid_mountinfo(5)."""
        text = Path(f"/proc/{self.runner.pid(self.name)}/mountinfo").read_text()
        (options,) = [words[5] for line in text.splitlines() if (words := line.split())[4] == "/"]
        return set(options.split(","))

    def remove(self) -> None:
        """Leave nothing of it."""
        self.runner.remove(self.name)
        self.process.wait(_PATIENCE)


class Runner(Protocol):
    """What runs containers."""

    def load(self, target: str, archive: Path) -> None: ...
    def start(
        self, target: str, arguments: Sequence[str], folder: Path, given: Given
    ) -> Container: ...
    def pid(self, name: str) -> int: ...
    def signal(self, name: str, signal: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def clear(self) -> None: ...


class Engine:
    """docker or podman, which speak alike."""

    def __init__(self, program: str) -> None:
        self._program = program

    def load(self, target: str, archive: Path) -> None:
        run([self._program, "load", "--input", archive])

    def start(self, target: str, arguments: Sequence[str], folder: Path, given: Given) -> Container:
        name = f"azwi-{target}-{secrets.token_hex(4)}"
        options = ["--name", name, "--read-only", "--cap-drop", "ALL"]
        options += ["--security-opt", "no-new-privileges"]
        for key, value in given.environment.items():
            options += ["--env", f"{key}={value}"]
        for inside, file in given.files.items():
            options += ["--volume", f"{file}:{inside}:ro"]
        for place in given.scratch:
            options += ["--tmpfs", f"{place}:mode=1777"]
        if given.port:
            options += ["--publish", f"127.0.0.1:{given.port}:{given.port}"]
        image = f"localhost/azwi/{target}:dev"
        command = [self._program, "run", *options, image, *arguments]
        return Container(name, _spawned(command, folder), folder, self)

    def pid(self, name: str) -> int:
        return int(run([self._program, "inspect", "--format", "{{.State.Pid}}", name]))

    def signal(self, name: str, signal: str) -> None:
        run([self._program, "kill", "--signal", signal, name])

    def remove(self, name: str) -> None:
        answer([self._program, "rm", "--force", name])

    def clear(self) -> None:
        pass  # images stay, as the person's own builds do


class Bundles:
    """runc on a folder with the unpacked layers; the network is the machine's."""

    def __init__(self, folder: Path) -> None:
        self._command = ["runc", "--root", str(folder / "state")]
        self._folder = folder
        self._archives: dict[str, Archive] = {}

    def load(self, target: str, archive: Path) -> None:
        self._archives[target] = Archive.read(archive)
        self._archives[target].unpack(self._folder / target)

    def start(self, target: str, arguments: Sequence[str], folder: Path, given: Given) -> Container:
        name = f"azwi-{target}-{secrets.token_hex(4)}"
        config = _bundle(self._archives[target].config, arguments, given)
        config["root"] = {"path": str(self._folder / target), "readonly": True}
        (folder / "config.json").write_text(json.dumps(config))
        command = [*self._command, "run", "--bundle", str(folder), name]
        return Container(name, _spawned(command, folder), folder, self)

    def pid(self, name: str) -> int:
        return int(json.loads(run([*self._command, "state", name]))["pid"])

    def signal(self, name: str, signal: str) -> None:
        run([*self._command, "kill", name, signal])

    def remove(self, name: str) -> None:
        answer([*self._command, "delete", "--force", name])

    def clear(self) -> None:
        shutil.rmtree(self._folder)


def find_runner(folder: Path) -> Runner:
    """Find the first that works. Raises NoRunner."""
    for program in ("docker", "podman"):
        if answer([program, "version", "--format", "{{.Server.Version}}"]) is not None:
            return Engine(program)
    if not shutil.which("runc"):
        raise NoRunner("nothing here runs containers: no Docker engine, podman or runc")
    if os.geteuid() != 0:
        raise NoRunner("runc needs root to run the images here")
    return Bundles(folder)


def eventually(container: Container, probe: Any) -> Any:
    """Ask until there is an answer; a container that ended answers never."""
    end = time.monotonic() + _PATIENCE
    while (found := probe()) is None:
        if container.ended() is not None or time.monotonic() > end:
            raise AssertionError(f"{container.name} gave no answer; it said:\n{container.said}")
        time.sleep(0.1)  # there is no event to wait for: another program begins to listen
    return found


def _spawned(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )


def _bundle(image: Mapping[str, Any], arguments: Sequence[str], given: Given) -> dict[str, Any]:
    """Configure a bundle as an engine would. Source: the OCI runtime specification 1.0."""
    user, _, group = image["User"].partition(":")
    environment = [*image["Env"], *(f"{key}={value}" for key, value in given.environment.items())]
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]},
        *(
            {
                "destination": place,
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "nodev", "mode=1777"],
            }
            for place in given.scratch
        ),
        *(
            {
                "destination": inside,
                "type": "bind",
                "source": str(file),
                "options": ["bind", "ro"],
            }
            for inside, file in given.files.items()
        ),
    ]
    none: list[str] = []
    return {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False,
            "user": {"uid": int(user), "gid": int(group)},
            "args": [*image["Entrypoint"], *(arguments or image.get("Cmd") or ())],
            "env": environment,
            "cwd": image["WorkingDir"],
            "capabilities": {
                "bounding": none,
                "effective": none,
                "permitted": none,
                "inheritable": none,
                "ambient": none,
            },
            "noNewPrivileges": True,
        },
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }


def _at_colon(line: str) -> tuple[str, str, str]:
    return line.partition(":")
