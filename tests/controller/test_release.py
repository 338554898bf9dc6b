"""What is left of the controller where it goes: nothing that keeps anybody's namespace."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from controller.__main__ import main
from controller.config.parse import ConfigurationError, parse_end
from controller.config.settings import LeaseSettings
from controller.kube import Changed, Forbidden, NotFound, NotServed, Unavailable, paths
from controller.kube.client import Page
from controller.names import FINALIZER
from controller.release import DEFINITION, NobodyLeads, release, withdraw
from entra.pacing import Pace

Object = dict[str, Any]
LEASE = LeaseSettings("azwi", "azwi-controller", "release_here")
OTHERS = "example.org/other"
PACE = Pace(sleep=lambda _: asyncio.sleep(0.001))


@dataclass
class Server:
    """What `Kube` is to the end of a controller: objects by path, with versions, and failures."""

    objects: dict[str, Object] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    """Raised by the next calls on our objects, one each."""
    before_patch: Callable[[], None] = lambda: None
    deleted: asyncio.Event = field(default_factory=asyncio.Event)
    written_by: list[str] = field(default_factory=list)
    """Who held the Lease at each write of an object."""

    def put(self, namespace: str, name: str, *finalizers: str) -> None:
        metadata = {"namespace": namespace, "name": name, "finalizers": list(finalizers)}
        self._store(paths.fic(namespace, name), {"metadata": metadata})

    def hold(self, holder: str, seconds: int = 1) -> None:
        spec = {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": "then"}
        self._store(paths.lease("azwi", "azwi-controller"), {"metadata": {}, "spec": spec})

    def finalizers(self, namespace: str, name: str) -> list[str]:
        found: list[str] = self.objects[paths.fic(namespace, name)]["metadata"]["finalizers"]
        return found

    @property
    def holder(self) -> str:
        lease = self.objects.get(paths.lease("azwi", "azwi-controller"), {"spec": {}})
        return str(lease["spec"].get("holderIdentity", ""))

    # As of `controller.kube.Kube`.

    def guarded(self, before_change: Callable[[], None]) -> Self:
        before_change()
        return self

    async def get(self, path: str) -> Object:
        self._fail(path)
        if path not in self.objects:
            raise NotFound(path)
        return copy.deepcopy(self.objects[path])

    async def pages(self, path: str, *, metadata_only: bool) -> AsyncIterator[Page]:
        assert metadata_only
        self._fail(path)
        if DEFINITION not in self.objects:
            raise NotServed(path)
        found = [body for key, body in self.objects.items() if key.startswith("/apis/azure.")]
        for one in found:
            yield Page([copy.deepcopy(one)], "1")

    async def create(self, collection: str, body: Object) -> Object:
        return self._store(f"{collection}/{body['metadata']['name']}", body)

    async def replace(self, path: str, body: Object) -> Object:
        return self._store(path, body)

    async def merge(self, path: str, body: Object) -> Object:
        self.before_patch()
        self._fail(path)
        found = self.objects[path]
        if body["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            raise Changed(path)
        self.written_by.append(self.holder)
        return self._store(path, {"metadata": {**found["metadata"], **body["metadata"]}})

    async def delete(self, path: str) -> bool:
        self.objects[path]["metadata"]["deletionTimestamp"] = "now"
        self.deleted.set()
        return True

    def _store(self, path: str, body: Mapping[str, Any]) -> Object:
        versions = [int(one["metadata"]["resourceVersion"]) for one in self.objects.values()]
        stored = copy.deepcopy(dict(body))
        stored["metadata"]["resourceVersion"] = str(max(versions, default=0) + 1)
        self.objects[path] = stored
        return copy.deepcopy(stored)

    def _fail(self, path: str) -> None:
        if path.startswith("/apis/azure.") and self.failures:
            raise self.failures.pop(0)


@pytest.fixture
def server() -> Server:
    server = Server()
    server._store(DEFINITION, {"metadata": {}})
    return server


async def released(server: Server) -> int:
    async with asyncio.timeout(20):
        return await release(server, LEASE, PACE)  # type: ignore[arg-type]


async def withdrawn(server: Server) -> None:
    async with asyncio.timeout(20):
        await withdraw(server, LEASE, PACE)  # type: ignore[arg-type]


async def test_our_finalizer_comes_off_every_object_and_nobody_elses_does(server: Server) -> None:
    server.put("shop", "orders", OTHERS, FINALIZER)
    server.put("mail", "post", FINALIZER)
    server.put("mail", "without", OTHERS)
    assert await released(server) == 2
    assert server.finalizers("shop", "orders") == [OTHERS]
    assert server.finalizers("mail", "post") == []
    assert server.finalizers("mail", "without") == [OTHERS]


async def test_it_waits_for_the_leader_and_leads_while_it_writes(server: Server) -> None:
    server.hold("a-controller")
    server.put("shop", "orders", FINALIZER)
    assert await released(server) == 1
    assert server.written_by == [LEASE.identity]
    assert server.holder == "", "the Lease is given up"


async def test_what_changes_meanwhile_is_read_again(server: Server) -> None:
    server.put("shop", "orders", FINALIZER)

    def somebody_else_writes() -> None:
        server.before_patch = lambda: None
        server.put("shop", "orders", FINALIZER, OTHERS)

    server.before_patch = somebody_else_writes
    assert await released(server) == 1
    assert server.finalizers("shop", "orders") == [OTHERS]


async def test_without_the_definition_there_is_nothing_to_release(server: Server) -> None:
    del server.objects[DEFINITION]
    assert await released(server) == 0


async def test_an_api_server_that_fails_is_asked_again(server: Server) -> None:
    server.put("shop", "orders", FINALIZER)
    server.failures = [Unavailable("busy"), Unavailable("busy")]
    assert await released(server) == 1


async def test_a_right_that_is_missing_ends_it(server: Server) -> None:
    server.put("shop", "orders", FINALIZER)
    server.failures = [Forbidden("no")]
    with pytest.raises(Forbidden):
        await released(server)
    assert server.holder == "", "the Lease is given up"


async def test_withdrawing_deletes_the_definition_and_waits_for_it_to_go(server: Server) -> None:
    server.hold("a-controller", seconds=30)
    server.put("shop", "orders", FINALIZER)
    work = asyncio.create_task(withdrawn(server))
    await asyncio.wait_for(server.deleted.wait(), 20)
    await asyncio.wait((work,), timeout=0.02)
    assert not work.done(), "it still waits"
    del server.objects[DEFINITION]
    await work


async def test_withdrawing_without_a_controller_deletes_nothing(server: Server) -> None:
    for _ in ("without a Lease", "with one that nobody holds"):
        with pytest.raises(NobodyLeads, match="azwi/azwi-controller"):
            await withdrawn(server)
        assert "deletionTimestamp" not in server.objects[DEFINITION]["metadata"]
        server.hold("")


async def test_withdrawing_without_the_definition_is_done(server: Server) -> None:
    del server.objects[DEFINITION]
    await withdrawn(server)


def test_it_leads_in_a_name_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("{}")
    flags = ["--namespace=azwi", f"--kubeconfig={tmp_path / 'config'}", "--lease-identity=a-pod"]
    settings = parse_end(flags, {"POD_NAME": "a-pod"}, "release_here_7")
    assert settings.lease.identity == "release_here_7"
    assert settings.kubeconfig == tmp_path / "config"


def test_all_faults_of_its_flags_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_end(["--namespace=Azwi", "--log-level=loud"], {}, "here", tmp_path)
    assert len(raised.value.faults) == 2


@pytest.mark.parametrize("what", ["release", "withdraw"])
def test_the_process_ends_with_2_for_flags_that_cannot_be_right(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([what, "--log-level=loud", "--namespace=azwi"], {}) == 2
    assert "log-level" in capsys.readouterr().err
