"""Putting the parts together, for as long as the process lasts."""

import asyncio
import gc
import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from webhook.accounts import AccountCache
from webhook.certificates.files import CertificateFiles
from webhook.certificates.rotating import RotatingCertificate
from webhook.config.settings import Config, MutationConfig
from webhook.kube import VERSION, Connection, KubeClient, KubeError
from webhook.logs import loop_exception_handler
from webhook.metrics import CacheFigures, CertificateFigures, Metrics
from webhook.mutation.mutate import mutate
from webhook.native_sidecars import has_native_sidecars
from webhook.server.admission import Admission
from webhook.server.server import Server
from webhook.server.signals import Signals

_RETRY_SECONDS: Final = 2.0
_GARBAGE: Final = (20_000, 50, 100)
"""Thresholds of Python's collector: an admission makes no cycles, so it need not look often."""

_log = logging.getLogger("azwi.webhook")


@dataclass(frozen=True, slots=True)
class _Parts:
    config: Config
    client: KubeClient
    accounts: AccountCache
    certificate: CertificateFiles | RotatingCertificate
    metrics: Metrics
    server: Server


async def run(config: Config, connection: Connection, replica: str) -> bool:
    """Serve until a signal asks for the end; False: something under way was cut short.

    `replica` names this process among the others of the Deployment. Raises `CannotListen` and
    `FilesUnreadable` before anything is served, and whatever made a part of it fail.
    """
    asyncio.get_running_loop().set_exception_handler(loop_exception_handler)
    async with KubeClient(connection) as client:
        parts = _build(config, client, replica)
        with Signals() as signals:
            work = asyncio.create_task(_work(parts), name="work")
            stop = asyncio.create_task(signals.stop.wait(), name="stop")
            try:
                await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
                finished = await parts.server.stop(signals.at_once)
            finally:
                stop.cancel()
                if not work.done():
                    work.cancel()
                await asyncio.wait((work, stop))
            if not work.cancelled():
                work.result()  # it ends by itself only with an error
        await parts.certificate.retire()
    return finished


def _build(config: Config, client: KubeClient, replica: str) -> _Parts:
    accounts = AccountCache(client)
    certificate = _certificate(config, client, replica)
    metrics = Metrics()
    metrics.watch_cache(
        lambda: CacheFigures(
            accounts=accounts.size,
            age_seconds=accounts.age_seconds() if accounts.synced else None,
            relists=accounts.relists,
            errors=accounts.watch_errors,
            live_reads=accounts.live_reads,
        )
    )
    metrics.watch_certificates(
        lambda: CertificateFigures(
            certificate.expiries(), certificate.rotations, certificate.rejected
        )
    )
    checks = {
        "certificate": lambda: certificate.problem or None,
        "accounts": lambda: (
            None if accounts.synced else accounts.problem or "ServiceAccounts are not listed yet"
        ),
    }
    server = Server(config.server, checks, metrics)
    return _Parts(config, client, accounts, certificate, metrics, server)


def _certificate(
    config: Config, client: KubeClient, replica: str
) -> CertificateFiles | RotatingCertificate:
    min_version = config.server.tls_min_version
    if config.certificates.rotate:
        return RotatingCertificate(
            client, config.certificates, replica=replica, min_version=min_version
        )
    return CertificateFiles(config.certificates, min_version=min_version)


async def _work(parts: _Parts) -> None:
    """Run all parts until cancelled; raises the error of the first that fails."""
    try:
        async with asyncio.TaskGroup() as group:
            health = group.create_task(parts.server.start(), name="health")
            group.create_task(parts.accounts.run(), name="accounts")
            group.create_task(parts.certificate.run(), name="certificate")
            group.create_task(_admit(parts, health), name="admit")
    except BaseExceptionGroup as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        _log.error("a part has failed: ending", extra={"error": first})
        raise first from None


async def _admit(parts: _Parts, health: asyncio.Task[None]) -> None:
    """Take reviews once everything is there that every answer needs."""
    mutation = await _adapted(parts.config.mutation, parts.client)
    await parts.certificate.wait_ready()
    admission = Admission(
        partial(mutate, config=mutation),
        parts.accounts,
        parts.metrics,
        max_body_bytes=parts.config.server.max_body_bytes,
    )
    await parts.server.admit(admission, parts.certificate.ssl_context)
    await parts.accounts.wait_synced()
    await asyncio.wait((health,))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


async def _adapted(mutation: MutationConfig, client: KubeClient) -> MutationConfig:
    """Ask which release the API server is of, until it says so; the proxy's form depends on it."""
    while True:
        try:
            native = has_native_sidecars(await client.get(VERSION))
        except (KubeError, ValueError) as error:
            _log.warning("the API server's release is not known yet", extra={"error": str(error)})
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            _log.info("the API server's release is known", extra={"nativeSidecars": native})
            return replace(mutation, proxy=replace(mutation.proxy, native_sidecar=native))
