"""Own rotation: looks at the Secret and the configuration, serves from the one, keeps both right.

Any number of replicas do this side by side; the protocol between them is told in `plan`. Both
objects are read anew before each decision: a watch only says when to look.
"""

import asyncio
import logging
import ssl
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from webhook.certificates import secret as secrets
from webhook.certificates.clock import Clock
from webhook.certificates.configuration import version_of
from webhook.certificates.errors import CertificateError, IssuingFailed
from webhook.certificates.inspection import authorities
from webhook.certificates.issuer import ChildIssuer, Issuer
from webhook.certificates.objects import Api, Found, Objects, backoff
from webhook.certificates.plan import Action, Observed, Publish, Rest, is_wrong, plan
from webhook.certificates.presented import Presented
from webhook.certificates.repeats import Repeats
from webhook.certificates.secret import Contents
from webhook.certificates.sightings import Sightings
from webhook.certificates.steps import Change, SecretStep, change_for
from webhook.config.settings import CertificateConfig
from webhook.kube import Conflict, Forbidden, KubeError

_PAUSE: Final = 0.1
"""Between two looks: changes that come together are looked at together."""
_MOST_STEPS: Final = 8
"""In one go; more would mean that somebody undoes them."""
_FAREWELL: Final = 3.0

_log = logging.getLogger("azwi.webhook.certificates")


@dataclass(frozen=True, slots=True)
class Means:
    """Who makes certificates, and by which clock: seams for tests."""

    issuer: Issuer = field(default_factory=ChildIssuer)
    clock: Clock = field(default_factory=Clock)


class RotatingCertificate:
    """A serving certificate that is made, renewed and published by the replicas themselves."""

    def __init__(
        self,
        api: Api,
        config: CertificateConfig,
        *,
        replica: str,
        min_version: str = "1.3",
        means: Means | None = None,
    ) -> None:
        means = means or Means()
        self.rotations: Counter[str] = Counter()
        """How often this replica did each step, by its name in `plan`."""
        self.rejected = 0
        """How many certificates in the Secret could not be served."""
        self.trouble = ""
        """What keeps this replica from going on, in words, though it may be ready; else empty."""
        self._config = config
        self._replica = replica
        self._issuer = means.issuer
        self._clock = means.clock
        self._objects = Objects(api, config, self._clock)
        self._presented = Presented(config, self._api_servers_time, min_version)
        self._sightings = Sightings()
        self._repeats = Repeats()
        self._wake = asyncio.Event()
        self._ready = asyncio.Event()
        self._read: tuple[tuple[bytes, ...], Contents] = ((), Contents())
        self._deferred: tuple[str, float] | None = None

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """For the listener, for the life of the process."""
        return self._presented.slot.ssl_context

    @property
    def ready(self) -> bool:
        """Tell whether API servers trust what is served, as far as was last known."""
        return not self.problem

    @property
    def problem(self) -> str:
        """Why this replica is not ready, in words; empty if it is.

        A wrong clock alone does not unready it, be it this machine's or the API server's: it keeps
        it from making certificates, while what it presents goes on to be good.
        """
        problem = self._presented.problem
        return self.trouble or problem if problem else ""

    def expiries(self) -> dict[str, float]:
        """Return when the serving certificate and its CA end, in seconds since 1970."""
        serving = self._presented.serving
        if serving is None:
            return {}
        return {"ca": serving.authority.not_after, "serving": serving.not_after}

    async def wait_ready(self) -> None:
        """Return when API servers trust what is served."""
        await self._ready.wait()

    async def run(self) -> None:
        """Keep the certificate fresh until cancelled; trouble with the API is waited out."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._objects.follow_secret(self._wake.set, self._lost_contact))
            group.create_task(
                self._objects.follow_configuration(self._wake.set, self._lost_contact)
            )
            group.create_task(self._keep())

    async def retire(self) -> None:
        """Say farewell: after the last connection, and after `run` has ended.

        A replica that ends without it delays the removal of an old CA, by an hour at the most.
        """
        with suppress(KubeError, TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                while not await self._said_farewell():
                    pass

    async def _said_farewell(self) -> bool:
        """Take this replica's word out of the Secret; False: another one wrote at that moment."""
        found = await self._objects.look()
        if found.secret is None:
            return True
        notes = secrets.notes_of(found.secret)
        others = {k: v for k, v in notes.reports.items() if k != self._replica}
        if others.keys() == notes.reports.keys():
            return True
        try:
            await self._objects.write(found.secret, Change({}, replace(notes, reports=others)))
        except Conflict:
            await asyncio.sleep(_PAUSE * self._clock.chance())
            return False
        return True

    async def _keep(self) -> None:
        tries = 0
        while True:
            self._wake.clear()
            try:
                wait = await self._pass()
                tries = 0
            except (KubeError, CertificateError) as error:
                self._failed(error)
                wait = backoff(tries, self._clock, getattr(error, "retry_after", None))
                tries += 1
                await asyncio.sleep(wait)  # a change is no reason to ask a server in trouble sooner
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            await asyncio.sleep(_PAUSE)

    async def _pass(self) -> float:
        """Do whatever there is to do; return how many seconds to rest."""
        for _ in range(_MOST_STEPS):
            found = await self._objects.look()
            seen = self._observe(found)
            action = plan(seen, self._clock.now(), self._config)
            if isinstance(action, Rest):
                self._deferred = None
                self._settle_trouble(found, seen)
                return self._spread(action.seconds)
            if (wait := self._held_back(action)) > 0:
                return wait
            self._deferred = None
            try:
                if found.secret is None and not isinstance(action, Publish):
                    await self._objects.create()  # first: no keys are made that nobody may store
                else:
                    await self._do(action, found, seen)
            except Conflict:  # somebody was faster
                await asyncio.sleep(_PAUSE * self._clock.chance())
        return 1.0

    def _observe(self, found: Found) -> Observed:
        """Take in what was read: serve from it, and tell what the plan has to know."""
        at = self._clock.monotonic()
        bundle = found.bundle(self._config.webhook_name)
        trusted = authorities(bundle or b"")
        names = [authority.fingerprint for authority in trusted]
        self._sightings.saw_trusted(version_of(found.configuration or {}), names, at)
        contents = self._inspect(found)
        signing = contents.serving.authority.fingerprint if contents.serving else None
        self._sightings.saw_secret(signing, contents.notes.reports, at)
        self._presented.take_in(contents, trusted, self._sightings, at)
        self._tell_ready()
        reports = contents.notes.reports
        return Observed(
            contents=contents,
            replica=self._replica,
            mine=self._presented.authority,
            published=bundle,
            trusted=trusted,
            trusted_for={name: self._sightings.trusted_for(name, at) or 0.0 for name in names},
            signing_for=self._sightings.signing_for(at),
            silent_for={name: self._sightings.silent_for(name, at) for name in reports},
            skew=self._objects.clock_skew,
        )

    def _inspect(self, found: Found) -> Contents:
        """Read the Secret; certificates that have not changed were read before."""
        secret = found.secret or {}
        data = secrets.data_of(secret)
        ours = tuple(data.get(key, b"") for key in secrets.KEYS)
        if self._read[0] != ours:
            contents = secrets.read(data, self._config.dns_name, self._presented.slot.min_version)
            if contents.fault and data.get(secrets.CERTIFICATE):
                self.rejected += 1
                _log.warning("the Secret's certificate is refused", extra={"error": contents.fault})
            self._read = (ours, contents)
        return replace(self._read[1], notes=secrets.notes_of(secret))

    def _tell_ready(self) -> None:
        if self.ready:
            self._ready.set()
        else:
            self._ready.clear()

    async def _do(self, action: Action, found: Found, seen: Observed) -> None:
        if isinstance(action, Publish):
            assert found.configuration is not None  # noqa: S101  else it is not planned
            await self._objects.publish(found.configuration, seen.contents.bundle_pem)
        else:
            assert not isinstance(action, Rest)  # noqa: S101  the caller has looked
            await self._write(action, found, seen)
        self.rotations[action.name] += 1
        self._repeats.did(action.name, self._clock.monotonic())
        _log.info("certificates: a step is done", extra={"step": action.name})

    async def _write(self, step: SecretStep, found: Found, seen: Observed) -> None:
        assert found.secret is not None  # noqa: S101  else it is created first
        now = self._clock.now()
        change = await change_for(step, seen, self._issuer, self._config, now)
        if change.data:  # never write what could not be served
            data = secrets.data_of(found.secret) | dict(change.data)
            kept = {key: value for key, value in data.items() if value is not None}
            after = secrets.read(kept, self._config.dns_name, self._presented.slot.min_version)
            if after.serving is None:
                raise IssuingFailed(f"the step {step.name} would leave nothing: {after.fault}")
        await self._objects.write(found.secret, change)

    def _held_back(self, action: Action) -> float:
        """Return how many seconds it is too early for a step."""
        wait = self._repeats.wait(action.name, self._clock.monotonic())
        if wait > 0:
            self._told(f"the step {action.name} is needed again and again: somebody undoes it")
            return wait
        return 0.0 if action.urgent else self._deferral(action)

    def _deferral(self, action: Action) -> float:
        """Return how long to hold back what is not urgent: another replica may do it meanwhile."""
        at = self._clock.monotonic()
        if self._deferred is None or self._deferred[0] != action.name:
            self._deferred = (action.name, at + self._config.jitter * self._clock.chance())
        return self._deferred[1] - at

    def _spread(self, seconds: float) -> float:
        """Replicas that started together need not look together for ever."""
        if seconds < self._config.check_interval:
            return seconds
        return seconds * (0.9 + 0.1 * self._clock.chance())

    def _lost_contact(self) -> None:
        self._sightings.lost_contact()

    def _failed(self, error: Exception) -> None:
        self._lost_contact()
        if isinstance(error, Forbidden):
            self._told(f"the API server does not allow it; it takes the rule {error.rule}")
        else:
            self._told(str(error))

    def _settle_trouble(self, found: Found, seen: Observed) -> None:
        config = self._config
        if clock := self._clock_fault():
            self._told(clock)
        elif found.configuration is None:
            self._told(f"there is no MutatingWebhookConfiguration {config.configuration_name}")
        elif seen.published is None:
            self._told(f"{config.configuration_name} has no webhook {config.webhook_name}")
        elif rules := " and ".join(sorted(self._objects.unwatched.values())):
            self._told(
                "the API server does not allow a watch, so that changes are only looked for every"
                f" {config.check_interval:g} s; it takes the rule {rules}"
            )
        else:
            self._told("")

    def _api_servers_time(self) -> float:
        return self._clock.now() - (self._objects.clock_skew or 0.0)

    def _clock_fault(self) -> str:
        skew = self._objects.clock_skew
        if skew is None or not is_wrong(skew):
            return ""
        side = "ahead of" if skew > 0 else "behind"
        return (
            f"this machine's clock is {abs(skew):.0f} s {side} the API server's:"
            " it must be put right before this replica makes certificates"
        )

    def _told(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            _log.warning("certificates: trouble", extra={"error": trouble})
        self.trouble = trouble
