"""Proofs by a real exchange. The right to ask for tokens is the right to be any ServiceAccount.

So nothing is asked for in a namespace that the settings do not name, nor ever in `kube-system`. A
token goes from the API server to Entra ID and nowhere else; of what comes back the claims are kept.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from controller.config.settings import ProbeSettings
from controller.kube import paths
from controller.kube.errors import KubeError, Unavailable
from controller.probe.reasons import Account, no_token, not_probed, refused_by_entra
from controller.probe.verification import Result, Verification
from entra.errors import EntraError
from entra.exchange import Application, Exchanged, Exchanger
from entra.pacing import REAL, Pace
from entra.retry import ONCE, PROPAGATION, REQUESTS, Policy, retrying

LIFETIME: Final = 600
"""Seconds of the tokens that are asked for: the least that Kubernetes gives."""


class TokenApi(Protocol):
    """What is needed of `controller.kube.Kube`."""

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask by a POST; raises `KubeError`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What proofs are made with."""

    where: ProbeSettings
    authority: str
    """`https://host` of the token endpoint."""
    at_once: int = 8
    """Proofs under way; more than that wait."""
    propagation: Policy = PROPAGATION
    """Patience with a credential that was written lately."""
    requests: Policy = REQUESTS
    """Patience with any other."""


@dataclass(frozen=True, slots=True)
class ProbeSubject:
    """What is to be proved: that this ServiceAccount gets tokens of this identity."""

    namespace: str
    account: str
    client_id: str
    tenant_id: str
    audience: str
    """Of the ServiceAccount's token: what the credential asks for."""
    written_lately: bool = False
    """The credential was written within the last 5 minutes: it may not be known everywhere."""


class Prober:
    """Makes proofs, a few at a time; nothing of one is kept here."""

    def __init__(
        self,
        kube: TokenApi,
        exchanger: Exchanger,
        settings: Settings,
        *,
        pace: Pace = REAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take `clock` as seconds since the epoch, and waits between attempts from `pace`."""
        self._kube = kube
        self._exchanger = exchanger
        self._settings = settings
        self._pace = pace
        self._clock = clock
        self._places = asyncio.Semaphore(settings.at_once)

    def covers(self, namespace: str) -> bool:
        """Tell whether proofs are made in that namespace at all."""
        return self._settings.where.covers(namespace)

    async def verify(self, subject: ProbeSubject) -> Verification:
        """Exchange a token of the ServiceAccount, with patience; say what came of it.

        Takes up to 5 minutes for a credential written lately, up to 2 while Entra ID fails; nobody
        else waits for it meanwhile. Raises nothing but what is a bug.
        """
        settings = self._settings
        policy = settings.propagation if subject.written_lately else settings.requests
        return await self._verify(subject, policy)

    async def verify_once(self, subject: ProbeSubject) -> Verification:
        """Do the same in one attempt, for callers who come back by themselves."""
        return await self._verify(subject, ONCE)

    async def _verify(self, subject: ProbeSubject, policy: Policy) -> Verification:
        if not self.covers(subject.namespace):
            return not_probed(subject.namespace, self._clock())
        try:
            exchanged = await retrying(lambda: self._attempt(subject), policy, self._pace)
        except EntraError as error:
            return refused_by_entra(error, self._clock())
        except KubeError as error:
            account = Account(subject.namespace, subject.account)
            return no_token(error, account, self._clock())
        return self._proved(exchanged)

    async def _attempt(self, subject: ProbeSubject) -> Exchanged:
        """Take a place for one attempt only: who waits for propagation keeps nobody waiting."""
        application = Application(subject.tenant_id, subject.client_id, self._settings.authority)
        async with self._places:
            return await self._exchanger.exchange(
                application,
                lambda: self._token(subject),
                self._settings.where.scope,
                written_lately=subject.written_lately,
                policy=ONCE,
            )

    async def _token(self, subject: ProbeSubject) -> str:
        path = paths.token_request(subject.namespace, subject.account)
        spec = {"audiences": [subject.audience], "expirationSeconds": LIFETIME}
        answer = await self._kube.create(
            path,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        status = answer.get("status")
        token = status.get("token") if isinstance(status, dict) else None
        if not isinstance(token, str) or not token:
            raise Unavailable(f"POST {path}: the answer holds no token; is it an API server?")
        return token

    def _proved(self, exchanged: Exchanged) -> Verification:
        claims = exchanged.claims
        words = "Entra ID gives the ServiceAccount access tokens of the identity"
        if claims is None:
            words = f"{words}; what they say can't be read"
        return Verification(
            Result.VERIFIED,
            "Verified",
            words,
            self._clock(),
            claims=claims,
            request_id=exchanged.request_id,
        )
