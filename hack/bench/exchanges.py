"""Exchanges of the emulator, on one core: how many, what each costs, what they leave in memory.

Beside it, in the same run, the floor that no server in front of the same library can pass: the
signature of the access token and the check of the assertion's, and nothing else.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from hack.bench import driver
from hack.bench.bench import Bench
from hack.bench.driver import Target
from hack.bench.figures import cpu_per_item, percentile
from hack.bench.machine import pinned
from hack.bench.process import cpu_seconds, memory
from hack.bench.reviews import AccountName
from hack.bench.speed import CONNECTIONS
from hack.bench.stage import Api
from hack.bench.subject import Ours, ServerFailed, Subject
from hack.emulator import Emulator
from hack.emulator import running as running_emulator
from identity.names import DEFAULT_AUDIENCE

TENANT: Final = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
SCOPE: Final = "https://graph.microsoft.com/.default"
ISSUED: Final = (b'"access_token":"',)
_TOKENS: Final = 200
"""Assertions differ, as those of pods do."""
_MIB: Final = 1024 * 1024
_WARM_UP: Final = 500


def exchanges(bench: Bench, subject: Subject) -> None:
    """Exchange a real API server's tokens as fast as one core can."""
    if not isinstance(subject, Ours):
        return
    [account] = bench.stage.few()
    with closing(bench.stage.api()) as api, bench.step("emulator: tokens of the API server"):
        issuer = api.call("GET", "/.well-known/openid-configuration")["issuer"]
        assertions = [_token(api, account) for _ in range(_TOKENS)]
    with _emulator(bench, issuer, account) as emulator, pinned(bench.cores.driver):
        address = urlsplit(emulator.addresses.authority)
        target = Target(address.hostname or "", address.port or 443, emulator.tls())
        requests = [request_for(assertion, target.address) for assertion in assertions]
        _saturate(target, requests, count=_WARM_UP)
        _weigh(bench, subject, emulator, "few")
        for number in range(bench.scale.runs):
            with bench.step(f"emulator: exchanges, run {number + 1}"):
                _measure(bench, subject, emulator, (target, requests))
            _floor(bench, subject)
        with bench.step(f"emulator: {bench.scale.load // 2:,} exchanges"):
            _saturate(target, requests, count=bench.scale.load // 2)
        _weigh(bench, subject, emulator, "loaded")


def request_for(assertion: str, host: str) -> bytes:
    """Return the request that msal sends."""
    body = urlencode(
        {
            "client_id": CLIENT,
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
            "client_info": "1",
            "scope": SCOPE,
        }
    )
    head = (
        f"POST /{TENANT}/oauth2/v2.0/token HTTP/1.1\r\nHost: {host}\r\n"
        "Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return f"{head}{body}".encode()


def _measure(
    bench: Bench, subject: Ours, emulator: Emulator, asked: tuple[Target, list[bytes]]
) -> None:
    target, requests = asked
    before = cpu_seconds(_pid(emulator))
    run = driver.saturate(
        target, requests, connections=CONNECTIONS, words=ISSUED, seconds=bench.scale.seconds
    )
    cpu = cpu_per_item(before, cpu_seconds(_pid(emulator)), run.count)
    bench.book.add(subject.name, "exchange.rate", run.rate)
    bench.book.add(subject.name, "exchange.cpu", cpu)
    bench.book.add(subject.name, "exchange.p99", percentile(run.latencies_ms, 99))


def _saturate(target: Target, requests: list[bytes], count: int) -> None:
    driver.saturate(target, requests, connections=CONNECTIONS, words=ISSUED, count=count)


def _floor(bench: Bench, subject: Ours) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public, text = key.public_key(), b"a token of some length" * 30
    how = padding.PKCS1v15()
    count, began = 0, time.perf_counter()
    with pinned(bench.cores.server):
        while (passed := time.perf_counter() - began) < 1.0:
            public.verify(key.sign(text, how, hashes.SHA256()), text, how, hashes.SHA256())
            count += 1
    bench.book.add(subject.name, "exchange.floor", count / passed)


def _weigh(bench: Bench, subject: Ours, emulator: Emulator, key: str) -> None:
    bench.book.add(subject.name, f"exchange.rss.{key}", memory(_pid(emulator)).rss / _MIB)


def _pid(emulator: Emulator) -> int:
    process = emulator.program.process
    if process is None:
        raise ServerFailed(f"the emulator ended: {emulator.log()[-1000:]}")
    return process.pid


@contextmanager
def _emulator(bench: Bench, issuer: str, account: AccountName) -> Iterator[Emulator]:
    """Run an emulator on the server's core that knows the API server as an issuer."""
    folder = bench.folder / "emulator"
    folder.mkdir(mode=0o700, exist_ok=True)
    emulator = Emulator(folder, _seed(bench, folder, issuer, account))
    for _ in range(bench.scale.starts):
        with ExitStack() as stack:
            with pinned(bench.cores.server):
                began = time.perf_counter()
                stack.enter_context(running_emulator(emulator))
            bench.book.add("ours", "exchange.start", time.perf_counter() - began)
    with ExitStack() as stack:
        with pinned(bench.cores.server):
            stack.enter_context(running_emulator(emulator))
        yield emulator


def _seed(bench: Bench, folder: Path, issuer: str, account: AccountName) -> dict[str, object]:
    cluster = bench.stage.cluster
    with closing(bench.stage.api()) as api:
        # Every ServiceAccount may read the issuer's documents, unless an admin has changed that.
        (folder / "reader.token").write_text(_token(api, account, audience=None))
    return {
        "tenants": [{"id": TENANT}],
        "applications": [
            {
                "appId": CLIENT,
                "displayName": "bench",
                "tenant": TENANT,
                "federatedIdentityCredentials": [
                    {
                        "name": "bench",
                        "issuer": issuer,
                        "subject": f"system:serviceaccount:{account.namespace}:{account.name}",
                    }
                ],
            }
        ],
        "issuers": [
            {
                "issuer": issuer,
                "reach": cluster.url,
                "ca": str(cluster.ca_file),
                "tokenFile": "reader.token",
            }
        ],
    }


def _token(api: Api, account: AccountName, audience: str | None = DEFAULT_AUDIENCE) -> str:
    spec = {} if audience is None else {"audiences": [audience], "expirationSeconds": 86400}
    place = f"/api/v1/namespaces/{account.namespace}/serviceaccounts/{account.name}/token"
    answer = api.call("POST", place, json.dumps({"spec": spec}).encode())
    return str(answer["status"]["token"])
