"""A ServiceAccount's token for an access token: the proof that a federated credential works."""

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from entra.aadsts import code_of, error_from_answer
from entra.aadsts_codes import STALE_ASSERTION
from entra.client_credentials import Application, ask_for_token, check_application
from entra.errors import Invalid
from entra.exchange.claims import Claims, claims_of
from entra.msal_transport import MsalTransport
from entra.pacing import REAL, Pace
from entra.retry import PROPAGATION, REQUESTS, Policy, retrying
from entra.token_answers import Grant, Outcome
from entra.tokens import AccessToken
from identity.faults import Faults

Assertion = Callable[[], str | Awaitable[str]]
"""Gives a ServiceAccount's token, a fresh one whenever it is asked."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What an exchange brought, without the token itself."""

    expires_on: float
    """Seconds since the epoch."""
    claims: Claims | None
    """None where the token can't be read, which is no fault."""
    request_id: str
    correlation_id: str


class Exchanger:
    """Exchanges tokens at the token endpoint. Every attempt reaches it: nothing is remembered."""

    def __init__(
        self,
        transport: MsalTransport,
        pace: Pace = REAL,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take `now` as seconds since the epoch, and waits between attempts from `pace`."""
        self._transport = transport
        self._pace = pace
        self._now = now

    async def exchange(
        self,
        application: Application,
        assertion: Assertion,
        scope: str,
        *,
        written_lately: bool = False,
        policy: Policy | None = None,
    ) -> Exchanged:
        """Exchange a ServiceAccount's token, and forget the access token.

        `written_lately` says that the federated credential was written within the last 5 minutes:
        then a refusal that propagation explains is `NotPropagated` and asked again under
        `PROPAGATION`, else it is `Misconfigured` at once. Another `policy` may take its place.

        Raises what the token endpoint's refusal means (`entra.aadsts`), with its AADSTS code, trace
        id and correlation id in `trace`, what the transport raises, and what `assertion` does.
        """
        grant = await self._grant(
            _Wanted(application, assertion, scope, written_lately), policy=policy
        )
        return Exchanged(
            grant.token.expires_on,
            claims_of(grant.token.value),
            grant.trace.request_id,
            grant.trace.correlation_id,
        )

    async def access_token(
        self, application: Application, assertion: Assertion, scope: str
    ) -> AccessToken:
        """Exchange a ServiceAccount's token for the access token itself; raises as `exchange`."""
        return (await self._grant(_Wanted(application, assertion, scope))).token

    async def _grant(self, wanted: "_Wanted", *, policy: Policy | None = None) -> Grant:
        faults = Faults()
        check_application(wanted.application, faults)
        if faults:
            raise Invalid("; ".join(map(str, faults)))
        patience = policy or (PROPAGATION if wanted.written_lately else REQUESTS)
        return await retrying(partial(self._attempt, wanted), patience, self._pace)

    async def _attempt(self, wanted: "_Wanted") -> Grant:
        begun = self._now()
        outcome = await self._ask(wanted)
        if outcome.refused and code_of(outcome.answer) in STALE_ASSERTION:
            begun = self._now()
            outcome = await self._ask(wanted)
        if outcome.refused:
            raise error_from_answer(outcome.answer, written_lately=wanted.written_lately)
        return outcome.grant(begun)

    async def _ask(self, wanted: "_Wanted") -> Outcome:
        given = wanted.assertion()
        token = await given if inspect.isawaitable(given) else given
        if not token:
            raise Invalid("the ServiceAccount's token is empty")
        credential = {"client_assertion": lambda: token}
        return await self._transport.run(
            partial(
                ask_for_token,
                application=wanted.application,
                credential=credential,
                scope=wanted.scope,
            )
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an exchange is made for."""

    application: Application
    assertion: Assertion
    scope: str
    written_lately: bool = False
