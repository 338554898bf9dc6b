"""A steady stream of pod creations, and what became of each."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

import httpx

from hack.cluster import Cluster
from hack.cluster.readiness import wait_until
from identity.names import USE, VOLUME_NAME
from tests.cluster.api import Api, Json, api_of

_PATIENCE = 90.0


class Fate(Enum):
    """What became of a creation."""

    RIGHT = "came out with its identity"
    AWAY = "the API server itself did not take it"
    FAILED = "failed, or came out without its identity"
    """Whatever is neither of the others: counted against the webhook."""


@dataclass(frozen=True, slots=True)
class Creation:
    """One creation: when, and what became of it."""

    at: float
    """Seconds since the stream began."""
    fate: Fate
    message: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ServiceAccount, and the client id that its pods must come out with."""

    account: str
    client_id: str


class Stream:
    """Creates labelled pods by dry run, from several threads, and keeps count."""

    def __init__(self, api: Api, namespace: str, wanted: Wanted, labels: dict[str, str]) -> None:
        self._api = api
        self._namespace = namespace
        self._wanted = wanted
        self._labels = labels
        self._began = time.monotonic()
        self._creations: list[Creation] = []
        self._grown = threading.Condition()
        self._stop = threading.Event()

    @property
    def creations(self) -> list[Creation]:
        """All that are over, in the order of their ends."""
        with self._grown:
            return list(self._creations)

    @property
    def tally(self) -> Counter[Fate]:
        """How many came to which end."""
        return Counter(creation.fate for creation in self.creations)

    @property
    def failures(self) -> list[str]:
        """The messages of those that are counted against the webhook."""
        return [
            f"{one.at:.2f} s: {one.message}" for one in self.creations if one.fate is Fate.FAILED
        ]

    def create(self, wanted: Wanted | None = None) -> Creation:
        """Create one pod now; it counts."""
        wanted = wanted or self._wanted
        began = time.monotonic() - self._began
        creation = Creation(began, *self._attempt(wanted))
        with self._grown:
            self._creations.append(creation)
            self._grown.notify_all()
        return creation

    def burst(self, count: int, wanted: Sequence[Wanted] = ()) -> None:
        """Create so many at once: more than the API server has connections open."""
        each = itertools.islice(itertools.cycle(wanted or [self._wanted]), count)
        with ThreadPoolExecutor(count, "burst") as pool:
            list(pool.map(self.create, each))

    def forget(self) -> None:
        """Count anew from here."""
        with self._grown:
            self._creations.clear()

    def passes(self, count: int) -> None:
        """Wait until the stream has brought so many more."""
        with self._grown:
            enough = len(self._creations) + count
            assert self._grown.wait_for(lambda: len(self._creations) >= enough, _PATIENCE)

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Wait, while the stream goes on, for something that a look tells."""
        wait_until(reached, seconds=_PATIENCE, what=what, lost=lambda: None, tell=lambda _: None)

    def _attempt(self, wanted: Wanted) -> tuple[Fate, str]:
        pod = a_pod(wanted, self._labels)
        path = f"/api/v1/namespaces/{self._namespace}/pods"
        try:
            answer = self._api.http.post(path, json=pod, params={"dryRun": "All"})
        except httpx.TransportError as error:
            return Fate.AWAY, repr(error)
        if answer.is_success:
            wrong = missing_in(answer.json(), wanted)
            return (Fate.FAILED, wrong) if wrong else (Fate.RIGHT, "")
        message = f"{answer.status_code}: {answer.json().get('message')}"
        away = answer.status_code in {429, 503} and "webhook" not in message
        return Fate.AWAY if away else Fate.FAILED, message

    def _flow(self, ticks: Iterator[float]) -> None:
        """Take one tick after another; where the API server is away, wait as its clients would."""
        for tick in ticks:
            if self._stop.wait(max(0.0, self._began + tick - time.monotonic())):
                return
            if self.create().fate is Fate.AWAY:
                self._await_api_server()

    def _await_api_server(self) -> None:
        """Wait until it says that it is ready: a load balancer before it sends it nothing else."""
        while not self._stop.wait(0.1):
            try:
                if self._api.http.get("/readyz").is_success:
                    return
            except httpx.TransportError:
                continue


@contextmanager
def open_stream(
    cluster: Cluster, namespace: str, wanted: Wanted, labels: dict[str, str] | None = None
) -> Iterator[Stream]:
    """A stream that does not flow by itself."""
    with api_of(cluster) as api:
        yield Stream(api, namespace, wanted, labels or {})


@contextmanager
def steady_stream(
    cluster: Cluster,
    namespace: str,
    wanted: Wanted,
    *,
    rate: int = 40,
    threads: int = 12,
) -> Iterator[Stream]:
    """Create `rate` pods per second (fewer on a slow machine) until the block ends.

    They come in bursts of one from each thread, as those of a Deployment do.
    """
    with (
        open_stream(cluster, namespace, wanted) as stream,
        ThreadPoolExecutor(threads, "stream") as pool,
    ):
        flows = [
            pool.submit(stream._flow, itertools.count(0.0, threads / rate)) for _ in range(threads)
        ]
        try:
            yield stream
        finally:
            stream._stop.set()
        for flow in flows:
            flow.result()


def a_pod(wanted: Wanted, labels: dict[str, str] | None = None) -> Json:
    """A labelled pod of one container."""
    return {
        "metadata": {"generateName": "web-", "labels": {USE: "true", **(labels or {})}},
        "spec": {
            "serviceAccountName": wanted.account,
            "containers": [{"name": "app", "image": "registry.example/app:1"}],
        },
    }


def missing_in(pod: Json, wanted: Wanted) -> str:
    """Say what a pod lacks that came out; empty if it has its identity."""
    env = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0].get("env", [])}
    if (found := env.get("AZURE_CLIENT_ID", "")) != wanted.client_id:
        return f"came out with the client id {found!r} in place of {wanted.client_id!r}"
    if VOLUME_NAME not in [volume["name"] for volume in pod["spec"].get("volumes", [])]:
        return "came out without the token's volume"
    return ""
