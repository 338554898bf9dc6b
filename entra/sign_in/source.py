"""The token source of this program: signs in as it is told to, and keeps the tokens."""

import time
from collections.abc import Callable
from functools import partial

from entra.aadsts import code_of, error_from_answer
from entra.aadsts_codes import STALE_ASSERTION
from entra.errors import EntraError, Refused, Unauthenticated, Unavailable
from entra.msal_transport import MsalTransport
from entra.sign_in.acquire import acquire
from entra.sign_in.cache import TokenCache
from entra.sign_in.settings import (
    Certificate,
    ClientSecret,
    ManagedIdentity,
    SignInSettings,
    WorkloadIdentity,
    check,
)
from entra.token_answers import Grant, Outcome
from entra.tokens import AccessToken
from identity.faults import Faults

_IMDS_IN_MOTION = frozenset({404, 408, 410})
"""What IMDS answers while it starts or moves; others of the kind are told apart by the transport.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
"""


class SignIn:
    """A `TokenSource`. Nothing is asked before the first token is; nothing is retried here.

    What passes by itself is raised as a `Transient`, for the policy of the call that needs the
    token; anything else as `Unauthenticated`, with the way we sign in and what to do about it.
    """

    def __init__(
        self,
        settings: SignInSettings,
        transport: MsalTransport,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raise `Unauthenticated` with all faults of the settings; `now` is since the epoch."""
        faults = Faults()
        check(settings, faults)
        if faults:
            raise Unauthenticated("; ".join(map(str, faults)))
        self._settings = settings
        self._transport = transport
        self._now = now
        self._cache = TokenCache(self._fetch, now)

    def __repr__(self) -> str:
        return f"SignIn({identity_of(self._settings)})"

    async def token(self, scope: str) -> AccessToken:
        """Return a token for a scope; see `entra.tokens.TokenSource`."""
        return await self._cache.token(scope)

    def forget(self, scope: str, token: AccessToken) -> None:
        """Drop a token that the service refused; see `entra.tokens.TokenSource`."""
        self._cache.forget(scope, token)

    async def _fetch(self, scope: str) -> Grant:
        try:
            return await self._ask(scope)
        except Refused as error:
            raise Unauthenticated(
                f"can't sign in as {identity_of(self._settings)}: {error.message}",
                trace=error.trace,
            ) from error

    async def _ask(self, scope: str) -> Grant:
        service = "imds" if isinstance(self._settings, ManagedIdentity) else "token"
        call = partial(acquire, self._settings, scope)
        begun = self._now()
        outcome = await self._transport.run(call, service=service)
        if outcome.refused and code_of(outcome.answer) in STALE_ASSERTION:
            # The kubelet may have written the next token just now; a certificate's is made anew.
            begun = self._now()
            outcome = await self._transport.run(call, service=service)
        if outcome.refused:
            raise _refusal(outcome)
        return outcome.grant(begun)


def identity_of(settings: SignInSettings) -> str:
    """Return in words who signs in, and by what."""
    match settings:
        case WorkloadIdentity(application, token_file):
            return f"{application.client_id} by the token file {token_file}"
        case ClientSecret(application, secret_file):
            return f"{application.client_id} by the client secret file {secret_file}"
        case Certificate(application, certificate_file):
            return f"{application.client_id} by the certificate file {certificate_file}"
        case ManagedIdentity(client_id, endpoint):
            whose = "the node's system-assigned identity" if client_id is None else client_id
            return f"{whose} by the metadata service {endpoint}"


def _refusal(outcome: Outcome) -> EntraError:
    answer = outcome.answer
    error = error_from_answer(answer)
    if answer.service != "imds":
        return error
    if answer.status in _IMDS_IN_MOTION:
        return Unavailable(error.message, trace=error.trace, retry_after=answer.retry_after)
    return Unauthenticated(
        f"{error.message}; check that the identity is assigned to this node", trace=error.trace
    )
