"""What the cases are played on: the server process, and an API server that fails."""

import asyncio
import http.client
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from hack.bench.certificates import write_certificates
from hack.cluster.addresses import free_port
from hack.cluster.programs import Program
from hack.fuzz.client import Target
from hack.fuzz.reviews import ACCOUNTS, NAMESPACE
from tests.fakes.kube_api import Answer, Cut, Drop, FakeKubeApi, Hang

if TYPE_CHECKING:
    from tests.fakes.kube_wire import Failure

ROOT: Final = Path(__file__).resolve().parents[2]
HOST: Final = "127.0.0.1"
WEBHOOK: Final = ("-m", "webhook")
_START_PATIENCE: Final = 60.0
_FORGET: Final = 1.0
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")
_ENVIRONMENT: Final = {
    "AZURE_TENANT_ID": "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "PROXY_IMAGE": "registry.example/proxy:1",
    "PROXY_INIT_IMAGE": "registry.example/proxy-init:1",
    "AZURE_KUBERNETES_TOKEN_PROXY": "https://tokens.example",
    "AZURE_KUBERNETES_CA_CONFIGMAP_NAME": "token-proxy-ca",
    # Large blocks go back to the kernel at once, instead of staying with glibc, so that a leak of
    # a few bytes per request is not lost in what bodies of 8 MiB leave behind. See mallopt(3).
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_ARENA_MAX": "1",
}
_FLAGS: Final = (
    "--disable-cert-rotation",
    "--token-path-mode=both",
    "--custom-token-endpoint-annotation-suffix=identity-binding",
    "--custom-token-endpoint-audience=api://AKSIdentityBinding",
    "--shutdown-delay=0s",
    "--shutdown-timeout=1s",
    "--log-level=debug",
)
"""Whatever has code of its own is on; the log says as much as it ever does."""


class StageFailed(Exception):  # noqa: N818
    """The server did not start; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A server that is ready, and where to look at it."""

    program: Program
    target: Target
    health: int
    metrics: int

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.program.process is not None

    def memory(self) -> int:
        """Return its resident memory in bytes; 0 if it is gone."""
        process = self.program.process
        return process.memory() if process else 0

    def descriptors(self) -> int:
        """Count its open files and sockets."""
        process = self.program.process
        return len(list(Path(f"/proc/{process.pid}/fd").iterdir())) if process else 0

    def threads(self) -> int:
        """Count its threads."""
        process = self.program.process
        return len(list(Path(f"/proc/{process.pid}/task").iterdir())) if process else 0

    def ready(self) -> tuple[int, str]:
        """Ask `/readyz`."""
        return _fetch(self.health, "/readyz?verbose")

    def alive_and_well(self) -> tuple[int, str]:
        """Ask `/healthz`."""
        return _fetch(self.health, "/healthz")

    def read_metrics(self) -> str:
        """Ask for the metrics."""
        return _fetch(self.metrics, "/metrics")[1]


@contextmanager
def on_stage(launcher: Sequence[str] = WEBHOOK) -> Iterator[Stage]:
    """Run the API server and the webhook (`launcher`: what Python runs) while the block does."""
    with TemporaryDirectory(prefix="azwi-fuzz-") as name, _api_server() as api:
        folder = Path(name)
        write_certificates(folder, HOST)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(api)))
        program = Program(folder, "webhook")
        port, health, metrics = (free_port(HOST) for _ in range(3))
        command = [
            *(sys.executable, *launcher, *_FLAGS, f"--kubeconfig={kubeconfig}", f"--port={port}"),
            *(f"--webhook-cert-dir={folder / 'p256'}", f"--health-addr={HOST}:{health}"),
            f"--metrics-addr={HOST}:{metrics}",
        ]
        program.start(command, env=_environment(), cwd=ROOT)
        try:
            trust = ssl.create_default_context(cafile=folder / "ca.crt")
            stage = Stage(program, Target(HOST, port, trust), health, metrics)
            _wait_until_ready(stage)
            yield stage
        finally:
            program.stop(patience=5)


def _wait_until_ready(stage: Stage) -> None:
    deadline = time.monotonic() + _START_PATIENCE
    last = "it does not listen"
    while time.monotonic() < deadline:
        if not stage.alive:
            raise StageFailed(f"the webhook ended{stage.program.tail()}")
        try:
            status, last = stage.ready()
        except OSError:
            status = 0
        if status == 200:
            return
        time.sleep(0.02)
    raise StageFailed(f"the webhook is not ready: {last}{stage.program.tail()}")


def _fetch(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection(HOST, port, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(("PYTHON", "MALLOC_"))
    }
    return {**kept, **_ENVIRONMENT}


def _kubeconfig(server: str) -> dict[str, object]:
    return {
        "current-context": "fuzz",
        "clusters": [{"name": "fuzz", "cluster": {"server": server}}],
        "contexts": [{"name": "fuzz", "context": {"cluster": "fuzz"}}],
    }


@contextmanager
def _api_server() -> Iterator[str]:
    """Run the API server in a thread with a loop of its own, so that judging never delays it."""
    loop = asyncio.new_event_loop()
    started: list[str] = []
    up, down = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with FakeKubeApi() as api:
            _prepare(api)
            started.append(api.url)
            up.set()
            while not down.is_set():
                api.requests.clear()  # it keeps them all
                try:
                    async with asyncio.timeout(_FORGET):
                        await down.wait()
                except TimeoutError:
                    continue

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="api-server")
    thread.start()
    up.wait()
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join()


def _prepare(api: FakeKubeApi) -> None:
    for name, annotations in ACCOUNTS.items():
        api.account(NAMESPACE, name, annotations)
    failures: dict[str, Failure] = {
        "fails": Answer(500),
        "forbidden": Answer(403, reason="Forbidden"),
        "garbled": Answer(200, b"\x00{ not JSON"),
        "shapeless": Answer(200, {"metadata": 5}),
        "dropped": Drop(),
        "cut": Cut(20),
        "hangs": Hang(),
        "busy": Answer(429, headers={"Retry-After": "1"}),
    }
    for name, failure in failures.items():
        api.fail(failure, method="GET", path=f"/serviceaccounts/{name}-", times=None)
