"""What the leader does: one term of office, from reading the journal to the loss of the Lease.

Nothing of one term is used in the next: what somebody else wrote in between is read anew.
"""

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Final

import httpx

from controller.config.settings import Config
from controller.issuer import issuer_of
from controller.journal import Journal, Options
from controller.kube import Connection, KopfLogin, Kube, KubeError
from controller.lease import Leadership
from controller.metrics import Metrics
from controller.term import Azure, Term
from controller.watch import Watch
from entra.client import Entra, Seams
from entra.exchange import Exchanger
from entra.http import AT_ONCE, Http
from entra.msal_transport import MsalTransport
from entra.pacing import REAL, Pace
from entra.sign_in import SignIn

API_TIMEOUT: Final = 10.0
"""Seconds for one call of the API server."""
_CONNECTIONS: Final = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
"""As many are kept as there may be: httpcore closes idle ones as soon as there are more in all."""

_log = logging.getLogger("azwi.controller")


@dataclass(slots=True)
class State:
    """What readiness and metrics look at; of the term under way, if there is one."""

    problem: str = "not leading yet"
    term: Term | None = None
    watch: Watch | None = None


@dataclass(frozen=True, slots=True)
class Office:
    """What a process has for all its terms."""

    config: Config
    connection: Connection
    kube: Kube
    leadership: Leadership
    metrics: Metrics
    state: State


async def lead(office: Office) -> None:
    """Do the leader's work until cancelled; raise what keeps it from being done."""
    config, state = office.config, office.state
    kube = office.kube.guarded(partial(office.leadership.assure, API_TIMEOUT))
    journal = Journal(
        kube, config.namespace, options=Options(before_write=office.metrics.journal_written)
    )
    await journal.load()
    issuer = await issuer_of(
        kube, given=config.cluster.issuer, token_file=config.cluster.token_file
    )
    await journal.settle_issuer(issuer, accept_change=config.cluster.accept_issuer_change)
    async with _azure(office, journal) as azure:
        term = Term(config, kube, journal, azure, office.metrics)
        await term.lists.all()
        watch = Watch(KopfLogin(office.connection), term.notices(), grants=config.watch_grants)
        state.term, state.watch, state.problem = term, watch, ""
        try:
            with office.metrics.watching(term.figures):
                await _work(term, watch, config)
        finally:
            state.term, state.watch, state.problem = None, None, "the leader's work is ending"


async def _work(term: Term, watch: Watch, config: Config) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(watch.run(), name="watch")
        for queue in term.queues:
            group.create_task(queue.run(), name=f"queue {queue.name}")
        group.create_task(_resync(term, config.intervals.resync), name="resync")


async def _resync(term: Term, interval: float, pace: Pace = REAL) -> None:
    """Have everything looked at again and again: what was missed is found here."""
    term.all_due()
    while True:
        await pace.sleep(interval)
        try:
            await term.renew_cluster()
            await term.lists.all()
        except KubeError as error:
            _log.warning("resync: not listed", extra={"error": str(error)})
        term.all_due(spread=interval * 0.5)


@asynccontextmanager
async def _azure(office: Office, journal: Journal) -> AsyncIterator[Azure]:
    config, metrics = office.config, office.metrics
    _spare_searching()
    trusted = ssl.create_default_context()
    if config.ca_file is not None:
        trusted.load_verify_locations(config.ca_file)
    limits = config.entra.limits
    transport = httpx.AsyncHTTPTransport(verify=trusted, limits=_CONNECTIONS)
    sign_in_http = Http(httpx.AsyncHTTPTransport(verify=trusted), limits, metrics.call_ended)
    msal = MsalTransport(sign_in_http)
    # Of its own, so that our sign-in never waits behind proofs.
    probe_msal = MsalTransport(sign_in_http)
    seams = Seams(
        before_write=partial(office.leadership.assure, limits.longest), told=metrics.call_ended
    )
    entra = Entra(
        config.entra,
        transport,
        SignIn(config.sign_in, msal),
        remembered=journal.remembered,
        seams=seams,
    )
    try:
        async with entra:
            yield Azure(entra, Exchanger(probe_msal))
    finally:
        await probe_msal.aclose()
        await msal.aclose()
        await sign_in_http.aclose()


def _spare_searching() -> None:
    """Let httpcore find at once that sniffio is not installed: it looks four times for each call.

    Python would go through all folders each time, which takes as long as a third of the call.
    """
    if "sniffio" not in sys.modules and find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # documented: "not there"
