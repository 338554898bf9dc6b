"""Reading a seed: all its faults at once, each with its path."""

from pathlib import Path
from typing import Any

import pytest
import trustme

from emulator.calls.faults import Settings
from emulator.seed.read import (
    DEFAULT_TENANT,
    SeedError,
    default_seed,
    load_seed,
    read_issuer,
    read_seed,
)
from tests.emulator.seed.samples import (
    APP,
    ISSUER,
    MANAGED,
    OTHER_TENANT,
    SUBSCRIPTION,
    TENANT,
    application,
    credential,
    identity,
    seed,
)


def wrong_with(content: Any, **options: Any) -> list[str]:
    with pytest.raises(SeedError) as caught:
        read_seed(content, **options)
    return [*map(str, caught.value.faults)]


def test_a_seed_is_read_as_it_is_written() -> None:
    found = read_seed(seed())
    (app,), (managed,) = found.applications, found.managed_identities
    assert (app.app_id, app.display_name, app.tenant) == (APP, "payments", TENANT)
    assert app.federated_identity_credentials[0].audiences == ["api://AzureADTokenExchange"]
    assert managed.parts == (SUBSCRIPTION, "team", "worker")
    assert found.faults == Settings(latency_seconds=0.5)


def test_without_a_seed_there_is_one_tenant() -> None:
    assert [tenant.id for tenant in default_seed().tenants] == [DEFAULT_TENANT]


def test_an_empty_document_is_a_seed() -> None:
    assert read_seed(None) == read_seed({})


def test_all_faults_of_the_form_are_told_at_once() -> None:
    content = {
        "tenants": [{"id": "contoso"}],
        "applications": [
            {"appID": APP, "displayName": 5, "tenant": TENANT, "federatedIdentityCredentials": [{}]}
        ],
        "managedIdentities": [identity(resourceId="/subscriptions/x")],
        "issuers": [{"issuer": "http://plain"}],
        "faults": {"throttle": "fast", "failures": [{"status": 200}]},
        "fault": {},
    }
    assert wrong_with(content) == [
        'tenants[0].id: "contoso" is not valid; expected a UUID',
        "applications[0].appId: is missing",
        (
            'applications[0].displayName: "5" is not valid; expected a text, in quotes if it looks'
            " like something else"
        ),
        "applications[0].federatedIdentityCredentials[0].name: is missing",
        "applications[0].federatedIdentityCredentials[0].issuer: is missing",
        "applications[0].federatedIdentityCredentials[0].subject: is missing",
        "applications[0].appID: is unknown: check its spelling",
        (
            'managedIdentities[0].resourceId: "/subscriptions/x" is not valid; expected'
            " /subscriptions/<UUID>/resourceGroups/<group>/providers/Microsoft.ManagedIdentity/"
            "userAssignedIdentities/<name of 3 to 128 letters>"
        ),
        (
            'issuers[0].issuer: "http://plain" is not valid; expected an address that begins with'
            " https://, without query and fragment"
        ),
        'faults.throttle: "fast" is not valid; expected a number',
        'faults.failures[0].status: "200" is not valid; expected greater than or equal to 400',
        "fault: is unknown: check its spelling",
    ]


def test_all_contradictions_are_told_at_once() -> None:
    twice = [credential(), credential(subject="other"), credential("third")]
    content = seed(
        applications=[
            application(tenant=OTHER_TENANT),
            application(appId=APP.upper(), federatedIdentityCredentials=twice),
        ],
        managedIdentities=[identity(clientId=APP), identity(clientId=MANAGED)],
        subscriptions=[{"id": SUBSCRIPTION.upper(), "tenant": TENANT}],
        roleAssignments=[{"scope": "/", "role": "King", "principal": APP}],
        issuers=[{"issuer": ISSUER}, {"issuer": ISSUER}],
    )
    again = "expected a value that no earlier entry has"
    assert wrong_with(content) == [
        (
            f'applications[0].tenant: "{OTHER_TENANT}" is not valid; expected the id of one of'
            " `tenants`"
        ),
        f'applications[1].appId: "{APP.upper()}" is not valid; {again}',
        f'managedIdentities[0].clientId: "{APP}" is not valid; {again}',
        (
            'managedIdentities[1].resourceId: "/subscriptions/7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34/'
            f'resourceGro~" is not valid; {again}'
        ),
        f'issuers[1].issuer: "{ISSUER}" is not valid; {again}',
        'roleAssignments[0].role: "King" is not valid; expected a built-in role\'s name or GUID',
        f'applications[1].federatedIdentityCredentials[1].name: "cluster" is not valid; {again}',
        (
            "applications[1].federatedIdentityCredentials[2]: the combination of issuer and subject"
            " is already there under the name cluster"
        ),
    ]


def test_an_identity_is_of_the_tenant_of_its_subscription() -> None:
    content = seed(
        tenants=[{"id": TENANT}, {"id": OTHER_TENANT}],
        subscriptions=[{"id": SUBSCRIPTION, "tenant": OTHER_TENANT}],
    )
    assert wrong_with(content) == [
        (
            f'managedIdentities[0].tenant: "{TENANT}" is not valid; expected {OTHER_TENANT}, to'
            " which its subscription belongs"
        )
    ]


def test_the_rules_of_credentials_hold_for_a_seed() -> None:
    wild = credential(subject="system:serviceaccount:*:app")
    assert wrong_with(seed(applications=[application(federatedIdentityCredentials=[wild])])) == [
        (
            "applications[0].federatedIdentityCredentials[0]: wildcards are not supported in the"
            " subject"
        )
    ]
    many = [credential(f"number-{n}", f"s{n}") for n in range(21)]
    (fault,) = wrong_with(seed(applications=[application(federatedIdentityCredentials=many)]))
    assert fault.startswith("applications[0].federatedIdentityCredentials: ")


def test_tenants_that_are_there_already_count() -> None:
    content = seed(tenants=[])
    assert "tenants" in wrong_with(content)[0]
    assert read_seed(content, tenants=[TENANT]).applications


@pytest.mark.parametrize("field", ["secret", "certificate"])
def test_what_must_not_be_shown_is_not(field: str) -> None:
    with pytest.raises(SeedError) as caught:
        read_seed(seed(applications=[application(**{field: ""})]))
    read = read_seed(seed())
    told = f"{caught.value} {caught.value.faults} {read!r} {read}"
    assert field in str(caught.value)
    assert "s3cret" not in told


@pytest.mark.parametrize("wrong", [["hunter2"], {"hunter2": 1}, 5, True])
def test_a_secret_of_a_wrong_type_is_not_shown_either(wrong: Any) -> None:
    (fault,) = wrong_with(seed(applications=[application(secret=wrong)]))
    assert fault.startswith("applications[0].secret")
    assert "hunter2" not in fault
    assert '"' not in fault


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("tenants: [", "is no YAML: "),
        ("tenants: []\ntenants: []\n", "the key 'tenants' stands there twice"),
        ("a: !!python/object:os.system {}", "is no YAML: "),
        ("a: 2026-13-77", "is no YAML: "),
        (f"a: {'9' * 5000}", "is no YAML: "),
        ("[" * 3000, "is no YAML: "),
        ("- tenants", "expected a mapping of names to values"),
        ("a: \x00", "is no YAML: "),
        ("1: 2", "expected names that are texts"),
    ],
)
def test_a_file_that_is_no_seed_is_told_of_in_words(
    tmp_path: Path, written: str, told: str
) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(written)
    with pytest.raises(SeedError) as caught:
        load_seed(file)
    assert told in str(caught.value)
    assert caught.value.malformed


def test_a_file_that_can_not_be_read_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="the seed: can't be read: No such file or directory"):
        load_seed(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SeedError, match="is no YAML"):
        load_seed(tmp_path / "bytes.yaml")


def test_keys_may_be_merged_and_anchored(tmp_path: Path) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(
        f"tenants: [{{id: {TENANT}}}]\n"
        f"applications:\n- &a {{appId: {APP}, displayName: one, tenant: {TENANT}}}\n"
        f"- {{<<: *a, appId: {MANAGED}, displayName: two}}\n"
    )
    assert [one.display_name for one in load_seed(file).applications] == ["one", "two"]


def test_the_files_of_issuers_are_beside_the_seed(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    (tmp_path / "no.crt").write_text("no certificate")
    good = {"issuer": ISSUER, "ca": "ca.crt", "tokenFile": "comes-later"}
    assert read_seed({"issuers": [good]}, tmp_path).issuers[0].ca == "ca.crt"
    for name in ("no.crt", "none.crt", "."):
        assert wrong_with({"issuers": [good | {"ca": name}]}, folder=tmp_path) == [
            (
                f'issuers[0].ca: "{name}" is not valid; expected a file of PEM certificates,'
                " relative to the seed"
            )
        ]


def test_a_request_can_not_name_files() -> None:
    assert wrong_with({"issuers": [{"issuer": ISSUER, "ca": "a", "tokenFile": "b"}]}) == [
        "issuers[0].ca: files are for the seed file; give the text as caData",
        "issuers[0].tokenFile: files are for the seed file; give it as token",
    ]
    with pytest.raises(SeedError, match=r"^tokenFile: files are"):
        read_issuer({"issuer": ISSUER, "tokenFile": "/etc/passwd"})


def test_certificates_and_tokens_can_be_texts() -> None:
    pem = trustme.CA().cert_pem.bytes().decode()
    found = read_issuer({"issuer": ISSUER, "caData": pem, "token": "t0ken"})
    assert (found.ca_data, found.token) == (pem, "t0ken")
    assert "t0ken" not in repr(found)
    for data in ("none", "\u00fc", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        with pytest.raises(SeedError, match=r"^caData: expected PEM certificates$"):
            read_issuer({"issuer": ISSUER, "caData": data})


def test_of_a_file_and_a_text_there_is_one(tmp_path: Path) -> None:
    ca = trustme.CA().cert_pem
    ca.write_to_path(str(tmp_path / "ca.crt"))
    both = {"issuer": ISSUER, "ca": "ca.crt", "caData": ca.bytes().decode(), "token": "a"}
    assert wrong_with({"issuers": [both | {"tokenFile": "b"}]}, folder=tmp_path) == [
        "issuers[0].caData: is there twice: as a file and as a text",
        "issuers[0].token: is there twice: as a file and as a text",
    ]


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "\u00fcmlaut"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(SeedError) as caught:
        read_issuer({"issuer": ISSUER, "token": token})
    assert str(caught.value) == "token: expected printable ASCII characters without blanks"
