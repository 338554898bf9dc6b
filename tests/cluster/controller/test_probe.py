"""Proofs with a real API server's tokens, at the emulator."""

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from controller.config.settings import ProbeSettings
from controller.kube import Kube
from controller.kube.kubeconfig import from_kubeconfig
from controller.probe import Prober, ProbeSubject, Result, Settings
from entra.exchange import Exchanger
from entra.http import Http
from entra.msal_transport import MsalTransport
from entra.retry import PROPAGATION
from hack.cluster import Cluster
from hack.emulator import Emulator, running
from identity.names import DEFAULT_AUDIENCE
from tests.cluster.api import Api, a_namespace, api_of
from tests.cluster.exchange import (
    BARE,
    CLIENT,
    ELSEWHERE,
    GRAPH,
    SHOUTED,
    TENANT,
    Issuer,
    make_accounts,
    may_read_the_issuer,
    reader_token,
)

pytestmark = pytest.mark.cluster

IMPATIENT = replace(PROPAGATION, first_backoff=0.05, longest_backoff=0.3)
"""The policy of programs, faster."""
CALLER = "11111111-2222-4333-8444-555555555555"
NOBODY = "00000000-1111-4222-8333-444444444444"
SECRET = "known-to-these-tests-only"
ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{}"


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    with api_of(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    with a_namespace(api, "probe") as name:
        make_accounts(api, name)
        yield name


@pytest.fixture(scope="module")
def issuer(api: Api) -> str:
    return str(api.get("/.well-known/openid-configuration")["issuer"])


@pytest.fixture(scope="module")
def emulator(
    cluster: Cluster,
    api: Api,
    namespace: str,
    issuer: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("emulator")
    (folder / "reader.token").write_text(reader_token(api, namespace))
    seed = Issuer(issuer, cluster, namespace).seed()
    caller = {"appId": CALLER, "displayName": "caller", "tenant": TENANT, "secret": SECRET}
    seed["applications"].append(caller)
    with may_read_the_issuer(api, namespace), running(Emulator(folder, seed)) as found:
        yield found


@pytest.fixture
def subject(namespace: str) -> ProbeSubject:
    return ProbeSubject(namespace, "payments", CLIENT, TENANT, DEFAULT_AUDIENCE)


MakeProber = Callable[[Path], Awaitable[Prober]]


@pytest.fixture
async def prober_of(emulator: Emulator, namespace: str) -> AsyncIterator[MakeProber]:
    """Makes probers that ask the API server as somebody; all is closed with the test."""
    http = Http(httpx.AsyncHTTPTransport(verify=emulator.tls(), trust_env=False))
    transport = MsalTransport(http)
    where = ProbeSettings(GRAPH, frozenset({namespace}))
    settings = Settings(where, emulator.addresses.authority, propagation=IMPATIENT)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(http.aclose)
        stack.push_async_callback(transport.aclose)

        async def make(kubeconfig: Path) -> Prober:
            kube = await stack.enter_async_context(Kube(from_kubeconfig(kubeconfig)))
            return Prober(kube, Exchanger(transport), settings)

        yield make


@pytest.fixture
async def prober(prober_of: MakeProber, cluster: Cluster) -> Prober:
    return await prober_of(cluster.kubeconfig)


def federate(emulator: Emulator, client_id: str, issuer: str, subject: ProbeSubject) -> None:
    """Write a credential as the vendor's users do."""
    with emulator.client() as http:
        answer = http.post(
            f"/{TENANT}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": CALLER,
                "client_secret": SECRET,
                "scope": f"{emulator.addresses.graph}/.default",
            },
        )
        http.post(
            f"{emulator.addresses.graph}/v1.0/applications(appId='{client_id}')"
            "/federatedIdentityCredentials",
            headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
            json={
                "name": "probe",
                "issuer": issuer,
                "subject": f"system:serviceaccount:{subject.namespace}:{subject.account}",
                "audiences": [subject.audience],
            },
        ).raise_for_status()


async def test_a_credential_that_works_is_verified(prober: Prober, subject: ProbeSubject) -> None:
    found = await prober.verify(subject)
    assert (found.result, found.reason) == (Result.VERIFIED, "Verified")
    assert found.claims is not None
    assert (found.claims.client_id, found.claims.tid, found.claims.aud) == (
        CLIENT,
        TENANT,
        GRAPH.removesuffix("/.default"),
    )
    assert found.told()["claims"]["clientId"] == CLIENT


@pytest.mark.parametrize(
    ("changes", "reason", "code"),
    [
        ({"account": "default"}, "SubjectMismatch", "AADSTS700213"),
        ({"client_id": SHOUTED}, "SubjectCaseMismatch", "AADSTS7002138"),
        ({"client_id": ELSEWHERE}, "IssuerMismatch", "AADSTS700211"),
        ({"audience": "api://AKSIdentityBinding"}, "AudienceMismatch", "AADSTS700212"),
        ({"client_id": NOBODY}, "ApplicationNotFound", "AADSTS700016"),
        ({"tenant_id": NOBODY}, "TenantNotFound", "AADSTS90002"),
        ({"account": "nobody"}, "NoServiceAccount", ""),
    ],
)
async def test_what_does_not_fit_is_the_reason(
    prober: Prober, subject: ProbeSubject, changes: dict[str, str], reason: str, code: str
) -> None:
    found = await prober.verify(replace(subject, **changes))  # type: ignore[arg-type]
    assert (found.result, found.reason, found.code) == (Result.REFUSED, reason, code), found
    assert bool(found.request_id) is bool(code)


async def test_a_credential_of_a_moment_ago_is_waited_for(
    prober: Prober, subject: ProbeSubject, emulator: Emulator, issuer: str
) -> None:
    bare = replace(subject, client_id=BARE)
    assert (await prober.verify(bare)).reason == "NoCredentials"
    emulator.admin("PUT", "/faults", {"propagationSeconds": 2})
    try:
        federate(emulator, BARE, issuer, subject)
        lately = replace(bare, written_lately=True)
        assert (await prober.verify_once(lately)).reason == "NotPropagated"
        assert (await prober.verify(lately)).verified
    finally:
        emulator.admin("POST", "/reset")


async def test_who_may_not_ask_for_tokens_reads_what_to_grant_and_that_is_enough(
    prober_of: MakeProber, subject: ProbeSubject, cluster: Cluster, api: Api
) -> None:
    user = f"prober-{uuid.uuid4().hex[:8]}"
    prober = await prober_of(cluster.kubeconfig_for(user))
    found = await prober.verify(subject)
    assert (found.result, found.reason) == (Result.REFUSED, "TokenRefused")
    assert f"by a Role in the namespace {subject.namespace}, verb create on" in found.message
    assert "serviceaccounts/token of the core API group" in found.message
    grant(api, subject.namespace, user)
    async with asyncio.timeout(30.0):  # the API server learns of it from a watch
        while found.reason == "TokenRefused":
            await asyncio.sleep(0.1)
            found = await prober.verify_once(subject)
    assert found.verified


def grant(api: Api, namespace: str, user: str) -> None:
    """Do what the message says; it goes with the namespace."""
    group = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}
    api.post(ROLES.format(namespace, "roles"), {"metadata": {"name": user}, "rules": [rule]})
    api.post(
        ROLES.format(namespace, "rolebindings"),
        {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        },
    )


async def test_an_issuer_that_entra_can_not_reach_is_told(
    prober: Prober, subject: ProbeSubject, emulator: Emulator
) -> None:
    failure = {"kind": "token", "status": 400, "code": "AADSTS90061", "count": None}
    emulator.admin("POST", "/failures", failure)
    try:
        found = await prober.verify_once(subject)
    finally:
        emulator.admin("DELETE", "/failures")
    assert (found.result, found.reason) == (Result.REFUSED, "IssuerUnreachable")


async def test_tokens_of_kube_system_are_not_asked_for(
    cluster: Cluster, emulator: Emulator, subject: ProbeSubject
) -> None:
    """Not even of an administrator who may ask for all of them."""
    emulator.admin("DELETE", "/requests")
    settings = Settings(ProbeSettings(GRAPH, everywhere=True), emulator.addresses.authority)
    http = Http(httpx.AsyncHTTPTransport(verify=emulator.tls(), trust_env=False))
    transport = MsalTransport(http)
    try:
        async with Kube(from_kubeconfig(cluster.kubeconfig)) as kube:
            prober = Prober(kube, Exchanger(transport), settings)
            system = replace(subject, namespace="kube-system", account="default")
            assert (await prober.verify(system)).reason == "NotProbed"
            assert emulator.admin("GET", "/requests")["requests"] == []
            assert (await prober.verify(subject)).verified
    finally:
        await transport.aclose()
        await http.aclose()


async def test_no_token_is_in_a_log_or_a_status(
    prober: Prober,
    subject: ProbeSubject,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    emulator.admin("POST", "/failures", {"kind": "token", "status": 503, "count": 2})
    told = [await prober.verify(subject)]
    told += [await prober.verify(replace(subject, account="default"))]
    assert [one.verified for one in told] == [True, False]
    shown = caplog.text + repr(told) + json.dumps([one.told() for one in told])
    assert "eyJ" not in shown
    assert "asked again" in caplog.text
