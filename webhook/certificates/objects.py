"""The Secret and the configuration in the API server: reading, writing, being told of changes.

It needs less than the original's chart grants: get, update and watch on the one Secret and the one
MutatingWebhookConfiguration, by name. Where somebody deletes the Secret, create on the namespace's
Secrets lets it come back by itself; that can't be limited to a name.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

from webhook.certificates.clock import Clock
from webhook.certificates.configuration import bundle_in, with_bundle
from webhook.certificates.errors import SecretMissing
from webhook.certificates.secret import Json, changed, empty
from webhook.certificates.steps import Change
from webhook.config.settings import CertificateConfig
from webhook.kube import (
    MUTATING_WEBHOOKS,
    SECRETS,
    Forbidden,
    KubeError,
    NotFound,
    Place,
    WatchEvent,
)

_LONGEST_WAIT: Final = 30.0
_STEADY: Final = 5.0
"""A watch that lived for less was none: the next one waits, however it ended."""

_log = logging.getLogger("azwi.webhook.certificates")


class Api(Protocol):
    """What is needed of `webhook.kube.KubeClient`."""

    @property
    def clock_skew(self) -> float | None:
        """How many seconds our clock is ahead of the server's; None: unknown."""

    async def get(self, place: Place, /) -> Json:
        """Read one object."""

    async def put(self, place: Place, body: Json, /) -> Json:
        """Write an object over the version that it names."""

    async def post(self, place: Place, body: Json, /) -> Json:
        """Create an object in a collection."""

    def watch(
        self, place: Place, /, *, params: Mapping[str, str]
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Follow a collection, beginning with what is there."""


@dataclass(frozen=True, slots=True)
class Found:
    """Both objects as just read; None: there is none. The Secret is in no representation."""

    configuration: Json | None
    secret: Json | None = field(repr=False)

    def bundle(self, webhook: str) -> bytes | None:
        """Return `caBundle`; None if there is no such webhook."""
        return None if self.configuration is None else bundle_in(self.configuration, webhook)


class Objects:
    """The two objects that rotation is about.

    Every method raises `KubeError`, `create` also `SecretMissing`, and nothing else.
    """

    def __init__(self, api: Api, config: CertificateConfig, clock: Clock) -> None:
        self.unwatched: dict[str, str] = {}
        """The RBAC rule for each watch that the API server refuses, by path: that object is only
        seen when it is looked for."""
        self._api = api
        self._config = config
        self._clock = clock
        self._secret = SECRETS.named(config.secret_name, config.namespace)
        self._configuration = MUTATING_WEBHOOKS.named(config.configuration_name)

    @property
    def clock_skew(self) -> float | None:
        """How many seconds our clock is ahead of the server's; None: unknown."""
        return self._api.clock_skew

    async def look(self) -> Found:
        """Read both, the Secret last: so a `caBundle` that is written over is never ahead of it."""
        configuration = await self._get(self._configuration)
        return Found(configuration, await self._get(self._secret))

    async def create(self) -> None:
        """Create the Secret, empty as the chart ships it; `Conflict`: somebody was faster."""
        namespace, name = self._config.namespace, self._config.secret_name
        try:
            await self._api.post(SECRETS.all(namespace), empty(namespace, name))
        except Forbidden as error:
            raise SecretMissing(
                f"there is no Secret {name} in namespace {namespace}: create it, empty, as an"
                f" upgrade of the Helm release does, or grant the rule {error.rule}"
            ) from error

    async def write(self, secret: Json, change: Change) -> None:
        """Write the Secret over the version that was read; `Conflict`: look again."""
        await self._api.put(self._secret, changed(secret, change.data, change.notes))

    async def publish(self, configuration: Json, bundle: bytes) -> None:
        """Write `caBundle` over the version that was read; `Conflict`: look again."""
        body = with_bundle(configuration, self._config.webhook_name, bundle)
        await self._api.put(self._configuration, body)

    async def follow_secret(self, changed: Callable[[], None], broken: Callable[[], None]) -> None:
        """Call `changed` whenever the Secret may have changed; never returns."""
        place = SECRETS.watched(self._config.secret_name, self._config.namespace)
        await self._follow(place, self._config.secret_name, changed, broken)

    async def follow_configuration(
        self, changed: Callable[[], None], broken: Callable[[], None]
    ) -> None:
        """Call `changed` whenever the configuration may have changed; never returns."""
        place = MUTATING_WEBHOOKS.watched(self._config.configuration_name)
        await self._follow(place, self._config.configuration_name, changed, broken)

    async def _get(self, place: Place) -> Json | None:
        try:
            return await self._api.get(place)
        except NotFound:
            return None

    async def _follow(
        self, place: Place, name: str, changed: Callable[[], None], broken: Callable[[], None]
    ) -> None:
        params = {"fieldSelector": f"metadata.name={name}"}
        tries = 0
        while True:
            began = self._clock.monotonic()
            try:
                async with self._api.watch(place, params=params) as events:
                    self.unwatched.pop(place.path, None)
                    changed()  # whatever was missed until now
                    async for event in events:
                        if event.kind != "BOOKMARK":
                            changed()
            except Forbidden as error:  # no loss of contact: both objects can still be read
                if self.unwatched.get(place.path) != error.rule:
                    self.unwatched[place.path] = error.rule
                    changed()  # to be told
            except KubeError as error:
                broken()
                _log.debug("a watch broke", extra={"path": place.path, "error": str(error)})
            tries = 0 if self._clock.monotonic() - began >= _STEADY else tries + 1
            await asyncio.sleep(backoff(tries, self._clock))


def backoff(tries: int, clock: Clock, requested: float | None = None) -> float:
    """Return how many seconds to wait after so many failures in a row, or as long as asked for."""
    wait = min(_LONGEST_WAIT, 0.25 * 2.0 ** min(tries, 10)) * (0.5 + 0.5 * clock.chance())
    return max(wait, min(requested or 0.0, 2 * _LONGEST_WAIT))
