"""Which objects a ServiceAccount leads to, and what becomes of those that it led to before."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.accounts.plan import Change, Make, Remove, plan_objects
from controller.model import DeletionPolicy
from controller.names import FINALIZER, MADE_FOR
from controller.store.objects import record_from
from identity.credential_names import object_name
from tests.controller.accounts.stage import AUDIENCE, CLUSTER, KEY, Namespace, account

ONE = "11111111-2222-3333-4444-555555555555"
OTHER = "66666666-7777-8888-9999-aaaaaaaaaaaa"
RESOURCE_ID = (
    f"/subscriptions/{ONE}/resourceGroups/Shop"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/App-1"
)


def specs(namespace: Namespace) -> list[Any]:
    return [body["spec"] for body in namespace.objects.values()]


@pytest.fixture
def namespace() -> Namespace:
    return Namespace()


def test_an_annotated_account_leads_to_one_object(namespace: Namespace) -> None:
    (step,) = namespace.planned(account(client_id=ONE))

    name = object_name("app", ONE)
    assert step == Make(
        name,
        {
            "apiVersion": "azure.workload.identity/v1alpha1",
            "kind": "FederatedIdentityCredential",
            "metadata": {
                "name": name,
                "namespace": "shop",
                "labels": {MADE_FOR: "app"},
                "finalizers": [FINALIZER],
                "ownerReferences": [
                    {
                        "apiVersion": "v1",
                        "kind": "ServiceAccount",
                        "name": "app",
                        "uid": "sa-1",
                        "controller": True,
                        "blockOwnerDeletion": False,
                    }
                ],
            },
            "spec": {
                "serviceAccountName": "app",
                "audiences": [AUDIENCE],
                "identity": {"clientId": ONE},
            },
        },
    )


def test_what_it_leads_to_is_read_as_what_it_was_made_for(namespace: Namespace) -> None:
    namespace.bring_to(account(client_id=ONE.upper(), tenant_id=OTHER, deletion_policy="Retain"))

    (record,) = namespace.records
    wish = record.wish
    assert wish.faults == ()
    assert (wish.made_for, wish.owner, wish.account) == ("app", "sa-1", "app")
    assert (wish.client_id, wish.tenant_id, wish.policy) == (ONE, OTHER, DeletionPolicy.RETAIN)


def test_many_identities_lead_to_an_object_each(namespace: Namespace) -> None:
    namespace.bring_to(account(client_id=ONE, additional_client_ids=f"{OTHER.upper()}; {ONE}"))

    assert [spec["identity"] for spec in specs(namespace)] == [
        {"clientId": ONE},
        {"clientId": OTHER},
    ]


def test_an_identity_by_resource_id_is_known_without_case(namespace: Namespace) -> None:
    namespace.bring_to(account(identity_resource_id=RESOURCE_ID))
    (before,) = namespace.objects

    steps = namespace.bring_to(account(identity_resource_id=RESOURCE_ID.lower()))

    assert steps == [Change(before, "fic-1", {"identity": {"resourceId": RESOURCE_ID.lower()}})]
    assert list(namespace.objects) == [before]


def test_a_client_id_that_the_controller_wrote_beside_the_resource_id_leads_to_nothing_more(
    namespace: Namespace,
) -> None:
    namespace.bring_to(account(identity_resource_id=RESOURCE_ID))

    assert namespace.planned(account(identity_resource_id=RESOURCE_ID, client_id=ONE)) == []


@pytest.mark.parametrize(
    "silent",
    [
        account(),
        account(client_id=""),
        account(client_id=ONE, federate="false"),
        account(client_id="no-uuid"),
        account(service_account_token_expiration="3600"),
        None,
    ],
    ids=["no annotation", "empty", "opted out", "no UUID", "another annotation", "gone"],
)
def test_an_account_that_asks_for_nothing_leads_to_nothing(
    namespace: Namespace, silent: Any
) -> None:
    assert namespace.planned(silent) == []
    namespace.bring_to(account(client_id=ONE))

    assert namespace.bring_to(silent) == [Remove(object_name("app", ONE), "fic-1")]


def test_a_fault_in_one_identity_takes_nothing_from_the_others(namespace: Namespace) -> None:
    namespace.bring_to(account(client_id=ONE, additional_client_ids="no-uuid"))

    assert [spec["identity"] for spec in specs(namespace)] == [{"clientId": ONE}]


def test_another_identity_is_another_object_and_the_new_one_does_not_wait(
    namespace: Namespace,
) -> None:
    namespace.bring_to(account(client_id=ONE))

    steps = namespace.planned(account(client_id=OTHER))

    assert steps[0] == Remove(object_name("app", ONE), "fic-1")
    assert [step.name for step in steps[1:]] == [object_name("app", OTHER)]


def test_a_policy_that_is_written_or_taken_away_changes_the_object(namespace: Namespace) -> None:
    namespace.bring_to(account(client_id=ONE))
    name = object_name("app", ONE)

    on = namespace.bring_to(account(client_id=ONE, deletion_policy="Delete"))
    off = namespace.bring_to(account(client_id=ONE))

    assert on == [Change(name, "fic-1", {"deletionPolicy": "Delete"})]
    assert off == [Change(name, "fic-1", {"deletionPolicy": None})]


def test_what_people_changed_in_an_object_is_put_right(namespace: Namespace) -> None:
    namespace.bring_to(account(client_id=ONE))
    name = object_name("app", ONE)
    namespace.objects[name]["spec"] = {
        "subject": "somebody",
        "issuer": "https://elsewhere.example",
        "audiences": ["api://other"],
        "identity": {"clientId": ONE, "tenantId": OTHER},
    }

    namespace.bring_to(account(client_id=ONE))

    assert specs(namespace) == [
        {"serviceAccountName": "app", "audiences": [AUDIENCE], "identity": {"clientId": ONE}}
    ]


def test_one_that_is_as_it_should_be_is_left_alone(namespace: Namespace) -> None:
    namespace.bring_to(account(client_id=ONE, additional_client_ids=OTHER))

    assert namespace.planned(account(client_id=ONE, additional_client_ids=OTHER)) == []


def test_one_that_goes_is_left_to_its_end_and_its_successor_is_made_then(
    namespace: Namespace,
) -> None:
    namespace.bring_to(account(client_id=ONE))
    namespace.bring_to(account())

    assert namespace.planned(account()) == []
    assert namespace.planned(account(client_id=ONE, deletion_policy="Delete")) == []
    namespace.let_go()
    assert [type(step) for step in namespace.planned(account(client_id=ONE))] == [Make]


def test_what_another_account_of_the_name_left_goes_and_is_never_taken_over(
    namespace: Namespace,
) -> None:
    """Its credential was written for the one before; the garbage collector wants it, too."""
    namespace.bring_to(account("sa-1", client_id=ONE))
    successor = account("sa-2", client_id=ONE, deletion_policy="Retain")

    assert namespace.bring_to(successor) == [Remove(object_name("app", ONE), "fic-1")]
    namespace.let_go()
    namespace.bring_to(successor)

    (record,) = namespace.records
    assert record.wish.owner == "sa-2"


def test_an_object_written_by_hand_is_nobodys_here(namespace: Namespace) -> None:
    namespace.bring_to(account(client_id=ONE))
    (body,) = namespace.objects.values()
    body["metadata"]["ownerReferences"] = []
    body["metadata"]["labels"] = {MADE_FOR: "app"}

    assert record_from(body, CLUSTER).wish.made_for == ""


def test_a_name_that_is_too_long_for_a_label_is_left_out_of_it() -> None:
    long = account(name="x" * 64, client_id=ONE)

    (step,) = plan_objects(long.key, long, (), AUDIENCE)

    assert isinstance(step, Make)
    assert MADE_FOR not in step.body["metadata"]["labels"]


ACCOUNTS = st.one_of(
    st.none(),
    st.builds(
        account,
        st.sampled_from(["sa-1", "sa-2"]),
        client_id=st.sampled_from(["", ONE, ONE.upper(), OTHER, "no-uuid"]),
        additional_client_ids=st.sampled_from(["", ONE, OTHER, f"{ONE};{OTHER};;x"]),
        identity_resource_id=st.sampled_from(["", RESOURCE_ID, RESOURCE_ID.upper(), "/x"]),
        tenant_id=st.sampled_from(["", OTHER, "contoso.example", "?"]),
        federate=st.sampled_from(["", "true", "false", "perhaps"]),
        deletion_policy=st.sampled_from(["", "Delete", "Retain", "Keep"]),
    ),
)


@settings(deadline=None, print_blob=True)
@given(st.lists(st.tuples(ACCOUNTS, st.booleans()), max_size=8), ACCOUNTS)
def test_whatever_an_account_said_before_its_objects_end_as_it_says_now(
    history: list[tuple[Any, bool]], now: Any
) -> None:
    namespace, at_once = Namespace(), Namespace()
    for before, finished in history:
        namespace.bring_to(before)
        if finished:
            namespace.let_go()
    for _ in range(2):  # what goes first, and then what takes its place
        namespace.bring_to(now)
        namespace.let_go()
    at_once.bring_to(now)

    assert namespace.planned(now) == []
    made, wanted = namespace.objects, at_once.objects
    assert {name: body["spec"] for name, body in made.items()} == {
        name: body["spec"] for name, body in wanted.items()
    }
    assert {record.wish.owner for record in namespace.records} <= {now.uid if now else ""}
    assert all(record.key.namespace == KEY.namespace for record in namespace.records)
