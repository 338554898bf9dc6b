"""The application's side: an access token for the pod's own, and how a refusal is told."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hack.demo import entra
from hack.demo.errors import DemoFailed
from hack.demo.exchange import RESOURCE, Refused, access_claims, exchange, pod_variables
from hack.demo.quick_start import MANIFESTS, read_quick_start
from hack.emulator import Emulator
from hack.webhook import TENANT_ID
from tests.builders import a_pod
from tests.fakes.issuer import FakeIssuer, served

QUICK_START = read_quick_start(MANIFESTS)
ISSUER = "https://issuer.test/"
OWN = "system:serviceaccount:azwi-demo:controller"


@pytest.fixture(scope="module")
def issuer() -> FakeIssuer:
    return FakeIssuer(ISSUER)


@pytest.fixture(scope="module")
def emulator(issuer: FakeIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """As the demo seeds it; besides, the first identity trusts the ServiceAccount."""
    folder = tmp_path_factory.mktemp("demo")
    with served(issuer, folder) as address:
        cluster: Any = SimpleNamespace(folder=folder, url=address.url, ca_file=address.ca)
        seeded = entra.seed(QUICK_START, ISSUER, cluster, OWN)
        seeded["applications"][1]["federatedIdentityCredentials"] = [
            {"name": "billing", "issuer": ISSUER, "subject": QUICK_START.subject}
        ]
        with entra.running(cluster, seeded, "a.reader.token") as found:
            yield found


def pod(emulator: Emulator) -> dict[str, Any]:
    """A pod as the webhook leaves it."""
    variables = {
        "AZURE_CLIENT_ID": QUICK_START.client_id,
        "AZURE_TENANT_ID": TENANT_ID,
        "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/wi/token/azure-identity-token",
        "AZURE_AUTHORITY_HOST": f"{emulator.addresses.authority}/",
    }
    told = [{"name": name, "value": value} for name, value in variables.items()]
    return a_pod(containers=[{"name": "app", "env": [*told, {"name": "LOG_LEVEL", "value": "x"}]}])


def token_file(folder: Path, token: str) -> Path:
    file = folder / "pod.token"
    entra.write_token(file, token)
    assert file.stat().st_mode & 0o777 == 0o600
    return file


def test_the_pods_variables_and_its_token_are_all_that_an_application_needs(
    emulator: Emulator, issuer: FakeIssuer, tmp_path: Path
) -> None:
    file = token_file(tmp_path, issuer.token(sub=QUICK_START.subject))
    token = exchange(pod(emulator), file, emulator.addresses.ca)
    claims = access_claims(emulator, token)
    assert (claims["appid"], claims["tid"], claims["aud"]) == (
        QUICK_START.client_id,
        TENANT_ID,
        RESOURCE,
    )


def test_a_refusal_is_told_by_its_code_and_without_the_token(
    emulator: Emulator, issuer: FakeIssuer, tmp_path: Path
) -> None:
    token = issuer.token(sub="system:serviceaccount:quick-start:another")
    with pytest.raises(Refused) as refused:
        exchange(pod(emulator), token_file(tmp_path, token), emulator.addresses.ca)
    assert refused.value.code == "AADSTS700213"
    assert "expected an access token, found AADSTS700213: " in str(refused.value)
    assert token not in str(refused.value)


def test_an_access_token_of_somebody_else_is_no_good(
    emulator: Emulator, issuer: FakeIssuer
) -> None:
    token = issuer.token(aud=RESOURCE)
    with pytest.raises(DemoFailed, match="signed by a key of the tenant") as failed:
        access_claims(emulator, token)
    assert token not in str(failed.value)


def test_an_access_token_for_another_resource_is_no_good(
    emulator: Emulator, issuer: FakeIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hack.demo.exchange.SCOPE", "https://graph.microsoft.com/.default")
    file = token_file(tmp_path, issuer.token(sub=QUICK_START.subject))
    token = exchange(pod(emulator), file, emulator.addresses.ca)
    with pytest.raises(DemoFailed, match="expected a token for https://vault"):
        access_claims(emulator, token)


def test_a_pods_variables_are_those_of_azure_sdks(emulator: Emulator) -> None:
    assert set(pod_variables(pod(emulator))) == {
        "AZURE_AUTHORITY_HOST",
        "AZURE_CLIENT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_TENANT_ID",
    }


def test_the_demo_begins_with_identities_that_nothing_stands_on_but_one_made_by_hand() -> None:
    cluster: Any = SimpleNamespace(url="https://127.0.0.1:1", ca_file=Path("ca.crt"))
    seeded = entra.seed(QUICK_START, ISSUER, cluster, OWN)
    holders = [*seeded["applications"], *seeded["managedIdentities"]]
    standing = [
        (one.get("appId"), credential["subject"])
        for one in holders
        for credential in one.get("federatedIdentityCredentials", ())
    ]
    assert standing == [(entra.CONTROLLER_ID, OWN)]


def test_all_identities_are_listed_with_what_stands_on_them(emulator: Emulator) -> None:
    found = {one.name: one for one in entra.identities(emulator)}
    assert {name: one.kind for name, one in found.items()} == {
        "azwi-controller": "application",
        "billing": "application",
        "billing-next": "managed identity",
    }
    assert [one["subject"] for one in found["billing"].credentials] == [QUICK_START.subject]
    assert found["billing-next"].client_id == QUICK_START.next_client_id
    assert found["billing-next"].credentials == ()
    assert re.fullmatch(r"[a-z0-9-]+", found["azwi-controller"].credentials[0]["name"])
