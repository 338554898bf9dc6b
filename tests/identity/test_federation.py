"""What a ServiceAccount wishes, and all that is wrong in how it says so."""

import pytest

from identity.federation import (
    MOST_ADDITIONAL,
    Federation,
    WantedIdentity,
    federation_from,
    is_resource_id,
)
from identity.names import ACCOUNT_ANNOTATIONS
from tests.builders import ours

ONE = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
TWO = "0b9f6f7e-5d4c-4b3a-8291-a0b1c2d3e4f5"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
RESOURCE = (
    "/subscriptions/40000000-0000-4000-8000-000000000001/resourceGroups/apps"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-web"
)


def federation(annotations: dict[str, str]) -> Federation:
    return federation_from(ours(annotations))


def wanted(*client_ids: str, tenant: str = "") -> tuple[WantedIdentity, ...]:
    return tuple(WantedIdentity(client_id=one, tenant_id=tenant) for one in client_ids)


@pytest.mark.parametrize("annotations", [None, {}, {"example.com/client-id": ONE}])
def test_without_annotations_of_ours_nothing_is_wanted(annotations: dict[str, str] | None) -> None:
    assert federation_from(annotations) == Federation()


def test_empty_annotations_are_absent_ones() -> None:
    assert federation(dict.fromkeys(_known(), "")) == Federation()


def _known() -> list[str]:
    return [key.partition("/")[2] for key in sorted(ACCOUNT_ANNOTATIONS)]


def test_a_client_id_is_wanted_in_lower_case() -> None:
    assert federation({"client-id": ONE.upper()}) == Federation(wanted(ONE))


@pytest.mark.parametrize(
    ("additional", "found"),
    [
        (TWO, (ONE, TWO)),
        (f" {TWO} ;;\n{TWO.upper()};", (ONE, TWO)),
        (f"{ONE.upper()};{TWO}", (ONE, TWO)),
        (";", (ONE,)),
    ],
)
def test_additional_ones_are_trimmed_and_wanted_once(
    additional: str, found: tuple[str, ...]
) -> None:
    read = federation({"client-id": ONE, "additional-client-ids": additional})
    assert read == Federation(wanted(*found))


def test_additional_ones_need_no_first_one() -> None:
    assert federation({"additional-client-ids": TWO}) == Federation(wanted(TWO))


@pytest.mark.parametrize("bad", ["my-app", ONE + " ", ONE + "\n", "{" + ONE + "}", ONE[:-1]])
def test_a_bad_client_id_is_a_fault_and_the_others_go_on(bad: str) -> None:
    read = federation({"client-id": bad, "additional-client-ids": f"{TWO};nonsense"})
    assert read.identities == wanted(TWO)
    assert [fault.found for fault in read.faults] == [bad, "nonsense"]
    assert str(read.faults[1]) == (
        'annotation azure.workload.identity/additional-client-ids: "nonsense" is not valid;'
        " expected a UUID (8-4-4-4-12 hexadecimal digits) without blanks around it"
    )


def test_of_very_many_additional_ones_the_first_are_read_and_the_rest_is_told() -> None:
    many = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(MOST_ADDITIONAL + 1)]
    read = federation({"additional-client-ids": ";".join(many)})
    assert read.identities == wanted(*many[:-1])
    (fault,) = read.faults
    assert f"at most {MOST_ADDITIONAL} client ids are read, found {MOST_ADDITIONAL + 1}" in str(
        fault
    )


@pytest.mark.parametrize("client_id", [{}, {"client-id": ONE}, {"client-id": "not written yet"}])
def test_beside_a_resource_id_the_client_id_is_no_second_identity(
    client_id: dict[str, str],
) -> None:
    read = federation({"identity-resource-id": RESOURCE, "tenant-id": TENANT, **client_id})
    assert read == Federation((WantedIdentity(resource_id=RESOURCE, tenant_id=TENANT),))


def test_beside_a_resource_id_additional_identities_are_wanted_too() -> None:
    read = federation({"identity-resource-id": RESOURCE, "additional-client-ids": TWO})
    assert read == Federation((WantedIdentity(resource_id=RESOURCE), *wanted(TWO)))


def test_a_bad_resource_id_is_a_fault_and_the_client_id_no_stand_in_for_it() -> None:
    read = federation({"identity-resource-id": "shop-web", "client-id": ONE})
    assert read.identities == ()
    (fault,) = read.faults
    assert str(fault) == (
        'annotation azure.workload.identity/identity-resource-id: "shop-web" is not valid;'
        " expected /subscriptions/<UUID>/resourceGroups/<group>/providers"
        "/Microsoft.ManagedIdentity/userAssignedIdentities/<name>"
    )


@pytest.mark.parametrize(
    "value",
    [
        RESOURCE,
        RESOURCE.lower(),
        RESOURCE.upper(),
        RESOURCE + "/",
        RESOURCE.replace("apps", "Größe_(1).x-y"),
    ],
)
def test_resource_ids_of_managed_identities_in_any_case(value: str) -> None:
    assert is_resource_id(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        RESOURCE + "//",
        RESOURCE + "\n",
        " " + RESOURCE,
        RESOURCE + "/federatedIdentityCredentials/x",
        RESOURCE.replace("40000000", "4"),
        RESOURCE.replace("apps", ".."),
        RESOURCE.replace("apps", "apps."),
        RESOURCE.replace("apps", "a/b"),
        RESOURCE.replace("apps", "a?b"),
        RESOURCE.replace("apps", "a" * 91),
        RESOURCE.replace("shop-web", "ab"),
        RESOURCE.replace("shop-web", "-shop"),
        RESOURCE.replace("shop-web", "a" * 129),
        RESOURCE.replace("shop-web", "größe"),
        RESOURCE.replace("/subscriptions", "/\u017fubscriptions"),
        RESOURCE.replace("Microsoft.ManagedIdentity", "Microsoft-ManagedIdentity"),
        RESOURCE.replace("userAssignedIdentities", "systemAssignedIdentities"),
        RESOURCE.removeprefix("/"),
    ],
)
def test_other_paths_are_no_resource_ids(value: str) -> None:
    assert not is_resource_id(value)


@pytest.mark.parametrize("no", ["false", "False", "FALSE"])
def test_federate_false_opts_out_in_any_case_and_faults_are_still_told(no: str) -> None:
    read = federation({"federate": no, "client-id": ONE, "additional-client-ids": "x"})
    assert read.opted_out
    assert read.identities == ()
    assert [fault.found for fault in read.faults] == ["x"]


@pytest.mark.parametrize("yes", ["true", "True", "TRUE"])
def test_federate_true_changes_nothing(yes: str) -> None:
    assert federation({"federate": yes, "client-id": ONE}) == federation({"client-id": ONE})


@pytest.mark.parametrize("odd", ["no", "0", "flase", "false "])
def test_a_misspelt_federate_is_a_fault_and_nothing_is_federated(odd: str) -> None:
    read = federation({"federate": odd, "client-id": ONE})
    assert read.identities == ()
    assert not read.opted_out
    (fault,) = read.faults
    assert fault.found == odd
    assert fault.expected.startswith('"true" or "false"; nothing is federated')


@pytest.mark.parametrize(
    ("written", "tenant"),
    [
        (TENANT.upper(), TENANT),
        ("contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
        ("Login.Contoso.example", "login.contoso.example"),
    ],
)
def test_a_tenant_is_a_uuid_or_a_verified_domain(written: str, tenant: str) -> None:
    read = federation({"client-id": ONE, "additional-client-ids": TWO, "tenant-id": written})
    assert read == Federation(wanted(ONE, TWO, tenant=tenant))


@pytest.mark.parametrize(
    "odd",
    [
        "common",
        "organizations",
        "contoso",
        TENANT + "\n",
        " " + TENANT,
        "contoso..com",
        "-a.com",
        "a.com/x",
        "a.com?x",
        "\u212aontoso.com",
        "a." * 127 + "com",
    ],
)
def test_a_bad_tenant_is_a_fault_and_nothing_is_federated(odd: str) -> None:
    read = federation({"client-id": ONE, "tenant-id": odd})
    assert read.identities == ()
    (fault,) = read.faults
    assert fault.where == "annotation azure.workload.identity/tenant-id"
    assert fault.found == odd


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_policy_is_read(policy: str) -> None:
    read = federation({"client-id": ONE, "deletion-policy": policy})
    assert read == Federation(wanted(ONE), policy=policy)


@pytest.mark.parametrize("odd", ["delete", "Keep", "Retain "])
def test_a_bad_policy_is_a_fault_and_no_policy(odd: str) -> None:
    read = federation({"client-id": ONE, "deletion-policy": odd})
    assert read.identities == wanted(ONE)
    assert read.policy is None
    assert [fault.found for fault in read.faults] == [odd]


def test_every_fault_is_told_at_once() -> None:
    read = federation(dict.fromkeys(_known(), "?"))
    assert [fault.where.partition("/")[2] for fault in read.faults] == [
        "federate",
        "tenant-id",
        "identity-resource-id",
        "additional-client-ids",
        "deletion-policy",
    ]


def test_misspelt_annotations_are_told_in_order() -> None:
    read = federation({"use": "true", "cleint-id": ONE, "client-id": ONE})
    assert read.identities == wanted(ONE)
    assert read.unknown == ("azure.workload.identity/cleint-id", "azure.workload.identity/use")
