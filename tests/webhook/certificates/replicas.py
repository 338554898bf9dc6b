"""Replicas of the webhook as far as certificates go, on one in-memory API, in virtual time."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tests.webhook.certificates import original
from tests.webhook.certificates.keys import NAME, QuickIssuer
from tests.webhook.certificates.memory_api import Json, MemoryApi
from webhook.certificates.clock import Clock
from webhook.certificates.configuration import bundle_in
from webhook.certificates.contexts import rehearse
from webhook.certificates.errors import Unusable
from webhook.certificates.inspection import authorities, serving, signs
from webhook.certificates.rotating import Means, RotatingCertificate
from webhook.certificates.secret import data_of
from webhook.config.settings import CertificateConfig
from webhook.kube import KubeError, Place, Unreachable, WatchEvent

START = 1_800_000_000.0
CONFIG = CertificateConfig(directory=Path("/certs"))


def virtual_now() -> float:
    return START + asyncio.get_running_loop().time()


class Link:
    """One replica's way to the API server, which can be cut."""

    def __init__(self, api: MemoryApi, off: float = 0.0) -> None:
        self._api = api
        self.off = off
        """How many seconds the replica's clock is ahead."""
        self.tells_time = True
        """False: its answers have no Date."""
        self.down_until = -1e9
        self.refuses: dict[tuple[str, str], KubeError] = {}

    @property
    def clock_skew(self) -> float | None:
        return self.off if self.tells_time else None

    def cut(self, seconds: float) -> None:
        self.down_until = asyncio.get_running_loop().time() + seconds
        self._api.break_watches()

    def was_down_since(self, moment: float) -> bool:
        return self.down_until > moment

    async def get(self, place: Place, /) -> Json:
        self._check("get", place)
        return await self._api.get(place)

    async def put(self, place: Place, body: Json, /) -> Json:
        self._check("update", place)
        answer = await self._api.put(place, body)
        self._check("update", place)  # done, but the answer did not come
        return answer

    async def post(self, place: Place, body: Json, /) -> Json:
        self._check("create", place)
        return await self._api.post(place, body)

    @asynccontextmanager
    async def watch(
        self, place: Place, /, *, params: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        self._check("watch", place)
        async with self._api.watch(place, params=params) as events:
            yield events

    def _check(self, verb: str, place: Place) -> None:
        if asyncio.get_running_loop().time() < self.down_until:
            raise Unreachable("the API server can't be reached")
        if (error := self.refuses.get((verb, place.resource))) is not None:
            raise error


@dataclass
class Replica:
    name: str
    link: Link
    certificate: RotatingCertificate
    issuer: QuickIssuer
    task: asyncio.Task[None] | None = None

    @property
    def serves(self) -> str | None:
        """The authority of what it presents."""
        serving = self.certificate._presented.serving
        return serving.authority.fingerprint if serving else None

    @property
    def leaf(self) -> str | None:
        serving = self.certificate._presented.serving
        return serving.fingerprint if serving else None

    def is_ready(self) -> bool:
        return self.certificate.ready

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@dataclass
class Replicas:
    """Some replicas, and everything that they have in common."""

    config: CertificateConfig = CONFIG
    seed: int = 0
    latency: float = 0.02
    skew: float = 0.0
    """Clocks differ by up to this many seconds."""
    running: dict[str, Replica] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.api = MemoryApi(self.config, seed=self.seed, latency=self.latency)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for replica in list(self.running.values()):
            await self.stop(replica.name)

    def start(self, name: str, *, off: float = 0.0, tells_time: bool = True) -> Replica:
        link = Link(self.api, off + self.random.uniform(-self.skew, self.skew))
        link.tells_time = tells_time
        clock = Clock(
            now=lambda: virtual_now() + link.off,
            monotonic=asyncio.get_running_loop().time,
            chance=self.random.random,
        )
        issuer = QuickIssuer(self.random.randrange(6))
        certificate = RotatingCertificate(
            link, self.config, replica=name, min_version="1.2", means=Means(issuer, clock)
        )
        replica = Replica(name, link, certificate, issuer)
        replica.task = asyncio.create_task(certificate.run())
        self.running[name] = replica
        return replica

    async def started(self, name: str, within: float = 5.0) -> Replica:
        replica = self.start(name)
        async with asyncio.timeout(within):
            await replica.certificate.wait_ready()
        return replica

    async def stop(self, name: str, *, farewell: bool = False) -> None:
        replica = self.running.pop(name)
        await replica.stop()
        if farewell:
            await replica.certificate.retire()

    @property
    def data(self) -> dict[str, bytes]:
        return data_of(self.api.secret)

    @property
    def bundle(self) -> bytes:
        return bundle_in(self.api.configuration, self.config.webhook_name) or b""

    @property
    def published(self) -> list[str]:
        return [one.fingerprint for one in authorities(self.bundle)]

    @property
    def in_secret(self) -> list[str]:
        return [one.fingerprint for one in authorities(self.data["ca.crt"])]

    def check_form(self) -> None:
        """The original would keep the Secret as it is."""
        now = datetime.fromtimestamp(virtual_now(), UTC)
        original.accepts(self.data, NAME, now)


def chain_is_whole(replicas: Replicas) -> bool:
    """The first CA signs `tls.crt`, owns `ca.key`, and `caBundle` is `ca.crt`."""
    data = replicas.data
    first = authorities(data["ca.crt"])[0]
    serving(data["tls.crt"], data["tls.key"], [first], NAME, "1.2")
    return signs(first, data["ca.key"]) and replicas.bundle == data["ca.crt"]


def accepted(replica: Replica, bundle: bytes) -> bool:
    """A whole handshake, as an API server with this bundle would do."""
    try:
        rehearse(replica.certificate.ssl_context, bundle.decode(), name=NAME)
    except Unusable:
        return False
    return True


def originals_data(ca_key: Any, now: float = START, **lives: Any) -> dict[str, bytes]:
    return original.secret_data(NAME, datetime.fromtimestamp(now, UTC), ca_key=ca_key, **lives)


def encoded(data: dict[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}


def annotated(replicas: Replicas, key: str, value: str) -> None:
    def change(secret: Json) -> Json:
        metadata = secret["metadata"]
        annotations = {**metadata.get("annotations", {}), key: value}
        return {**secret, "metadata": {**metadata, "annotations": annotations}}

    replicas.api.change(replicas.api.secret_place, change)
