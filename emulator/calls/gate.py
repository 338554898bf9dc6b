"""Where each call passes once it is understood: latency, throttling and failures meet it here."""

import fnmatch
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from emulator.calls.faults import Failure, Settings
from emulator.calls.log import Call, RequestLog
from emulator.calls.refusal import Refusal, Surface, TokenRefusal, retry_after
from emulator.calls.throttle import Limit, Throttle
from emulator.clock import Clock

CONCURRENT: Final = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"

_USUAL: Final[dict[Surface, dict[int, str]]] = {
    Surface.GRAPH: {
        400: "Request_BadRequest",
        401: "InvalidAuthenticationToken",
        403: "Authorization_RequestDenied",
        404: "Request_ResourceNotFound",
        409: "Directory_ConcurrencyViolation",
        429: "TooManyRequests",
        500: "InternalServerError",
        503: "ServiceUnavailable",
        504: "GatewayTimeout",
    },
    Surface.ARM: {
        400: "BadRequest",
        401: "AuthenticationFailed",
        403: "AuthorizationFailed",
        404: "ResourceNotFound",
        405: "MethodNotAllowed",
        409: CONCURRENT,
        429: "TooManyRequests",
        500: "InternalServerError",
        503: "ServiceUnavailable",
        504: "GatewayTimeout",
    },
    Surface.TOKEN: {400: "invalid_request", 401: "invalid_client", 429: "temporarily_unavailable"},
    Surface.IMDS: {400: "invalid_request", 404: "not_found", 429: "too_many_requests"},
}
_UNAVAILABLE: Final = {
    Surface.TOKEN: "temporarily_unavailable",
    Surface.IMDS: "unknown",
}


class Gate:
    """Holds the faults that are on, and lets calls through or not."""

    def __init__(self, clock: Clock, log: RequestLog, settings: Settings) -> None:
        self._clock = clock
        self._log = log
        self.throttle = Throttle(clock.moment)
        self._writing: set[str] = set()
        self.settings = settings
        self.set(settings)

    def set(self, settings: Settings) -> None:
        """Take other settings, from now on; chance begins anew from their seed."""
        self.settings = settings.model_copy(deep=True)
        self._clock.offset = settings.clock_offset_seconds
        self._chance = random.Random(settings.random_seed)  # noqa: S311 - faults, no secrets
        self.throttle.clear()

    def fail(self, failure: Failure) -> None:
        """Add a rule by which calls fail; chance and the throttles go on as they are."""
        self.settings.failures.append(failure.model_copy())

    async def admit(self, call: Call, limits: Iterable[Limit] = ()) -> None:
        """Let a call through, late if so asked. `call.kind` and `call.identity` must stand.

        Raises Refusal for a call that is throttled or chosen to fail. A failure of the kind
        `after` is left in `call.failing` for the answer to be replaced by.
        """
        self._log.understood(call)
        if self.settings.latency_seconds:
            await self._clock.sleep(self.settings.latency_seconds)
        if self.settings.throttle is not None:
            wait = self.throttle.wait(limits, self.settings.throttle)
            if wait:
                raise refused(call.surface, 429, "Too many requests.", wait=wait)
        failure = self._failure(call)
        if failure is None:
            return
        if failure.after:
            call.failing = failure
            return
        raise await self.failed(call, failure)

    async def failed(self, call: Call, failure: Failure) -> Refusal:
        """Wait as long as a failure says, and return what to answer."""
        if failure.delay_seconds:
            await self._clock.sleep(failure.delay_seconds)
        message = failure.message or f"Failed on demand, with status {failure.status}."
        return refused(
            call.surface, failure.status, message, code=failure.code, wait=failure.retry_after
        )

    @asynccontextmanager
    async def writing(self, holder_key: str) -> AsyncIterator[None]:
        """Hold a managed identity for a write of its credentials.

        Raises Refusal (409) while another write holds it.
        """
        key = holder_key.lower()
        if key in self._writing:
            raise Refusal(
                409,
                CONCURRENT,
                "Too many Federated Identity Credentials are written concurrently for the managed"
                " identity. Concurrent Federated Identity Credentials writes under the same"
                " managed identity are not supported.",
            )
        self._writing.add(key)
        try:
            if self.settings.write_seconds:
                await self._clock.sleep(self.settings.write_seconds)
            yield
        finally:
            self._writing.discard(key)

    def read_at(self) -> float | None:
        """Return the moment that a read shows; None: now."""
        lag = self.settings.stale_read_seconds
        if not lag or self._chance.random() >= self.settings.stale_read_share:
            return None
        return self._clock.moment() - lag

    def known_at(self) -> float | None:
        """Return the moment whose credentials the token endpoint knows; None: now."""
        lag = self.settings.propagation_seconds
        return self._clock.moment() - lag if lag else None

    def _failure(self, call: Call) -> Failure | None:
        for failure in self.settings.failures:
            if not fnmatch.fnmatchcase(call.kind, failure.kind):
                continue
            if failure.identity.lower() not in {"", call.identity}:
                continue
            if failure.share < 1 and self._chance.random() >= failure.share:
                continue
            if failure.count is not None:
                failure.count -= 1
                if failure.count <= 0:
                    self.settings.failures.remove(failure)
            return failure
        return None


def refused(
    surface: Surface, status: int, message: str, *, code: str = "", wait: float | None = None
) -> Refusal:
    """Return a refusal with a service's usual code for a status.

    At the token endpoint a code of digits, with or without `AADSTS`, is the error's number.
    """
    headers = None if wait is None else retry_after(wait)
    number = code.upper().removeprefix("AADSTS")
    usual = _USUAL.get(surface, {}).get(status) or _UNAVAILABLE.get(surface, "BadRequest")
    if surface is Surface.TOKEN and number.isdecimal():
        refusal: Refusal = TokenRefusal(status, usual, int(number), message)
        refusal.headers.update(headers or {})
        return refusal
    return Refusal(status, code or usual, message, headers)
