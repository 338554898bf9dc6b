"""What is kept of a ServiceAccount."""

import pytest

from identity.account import Account, account_from, is_uuid
from identity.names import ACCOUNT_ANNOTATIONS, PREFIX
from tests.builders import CLIENT, an_account

RESOURCE_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/x/web"


@pytest.mark.parametrize("annotations", [None, {}, {"example.com/a": "b"}])
def test_without_annotations_of_ours_nothing_is_kept(annotations: dict[str, str] | None) -> None:
    assert account_from("demo", "sa", "7", annotations) == Account("demo", "sa", "7")


def test_values_stand_as_they_were_written() -> None:
    account = an_account(
        {"client-id": " X ", "tenant-id": "", "service-account-token-expiration": "?"}
    )
    assert account.client_id == " X "
    assert account.tenant_id == ""
    assert account.token_expiration == "?"
    assert account.unknown_annotations == ()


def test_an_absent_tenant_is_not_an_empty_one() -> None:
    assert an_account().tenant_id is None
    assert an_account(tenant_id="").tenant_id == ""


@pytest.mark.parametrize(
    ("annotations", "waits"),
    [
        ({}, False),
        ({"identity-resource-id": RESOURCE_ID}, True),
        ({"identity-resource-id": RESOURCE_ID, "client-id": ""}, True),
        ({"identity-resource-id": RESOURCE_ID, "client-id": CLIENT}, False),
        ({"identity-resource-id": ""}, False),
        ({"client-id": CLIENT}, False),
    ],
)
def test_it_waits_for_its_identity_until_there_is_a_client_id(
    annotations: dict[str, str], waits: bool
) -> None:
    assert an_account(annotations).awaits_identity is waits


def test_keys_of_our_prefix_that_mean_nothing_are_remembered_in_order() -> None:
    account = an_account({"use": "true", "cleint-id": "x", "client-id": CLIENT, "": "x"})
    assert account.unknown_annotations == (PREFIX, PREFIX + "cleint-id", PREFIX + "use")


def test_every_annotation_of_the_contract_is_known() -> None:
    annotations = dict.fromkeys(ACCOUNT_ANNOTATIONS, "x")
    assert account_from("demo", "sa", "7", annotations).unknown_annotations == ()
    assert {key.removeprefix(PREFIX) for key in ACCOUNT_ANNOTATIONS} == {
        "client-id",
        "tenant-id",
        "service-account-token-expiration",
        "additional-client-ids",
        "identity-resource-id",
        "federate",
        "deletion-policy",
    }


@pytest.mark.parametrize("value", [CLIENT, CLIENT.upper(), "0" * 8 + "-0000-0000-0000-" + "0" * 12])
def test_a_uuid_is_hexadecimal_digits_in_five_groups(value: str) -> None:
    assert is_uuid(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "my-identity",
        CLIENT[:-1],
        CLIENT + "0",
        CLIENT + "\n",
        " " + CLIENT,
        "{" + CLIENT + "}",
        "urn:uuid:" + CLIENT,
        CLIENT.replace("-", ""),
        CLIENT.replace("-", "_"),
        CLIENT[:-1] + "g",
        CLIENT[:-1] + "٣",
    ],
)
def test_other_ways_to_write_a_uuid_are_not_taken(value: str) -> None:
    assert not is_uuid(value)
