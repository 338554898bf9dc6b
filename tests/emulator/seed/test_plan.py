"""What of a seed is made, and what stays as it is."""

from collections import Counter
from typing import Any

import pytest

from emulator.directory import ALWAYS, Credential, Directory
from emulator.seed.plan import Plan, plan
from emulator.seed.plant import begin, carry_out, plant
from emulator.seed.read import read_seed
from emulator.storage import InMemory
from tests.emulator.seed.samples import (
    APP,
    ISSUER,
    MANAGED,
    OTHER_TENANT,
    RESOURCE,
    SUBSCRIPTION,
    TENANT,
    application,
    credential,
    identity,
    seed,
)


@pytest.fixture
def directory() -> Directory:
    """A directory with the sample in it."""
    found = Directory()
    plant(read_seed(seed()), found)
    return found


def planned(directory: Directory, planted: tuple[str, ...] = (), **changed: Any) -> Plan:
    return plan(read_seed(seed(**changed), tenants=[TENANT, OTHER_TENANT]), directory, planted)


def keys(found: Plan) -> list[str]:
    return [step.key for step in found.steps]


def names(directory: Directory, client_id: str) -> list[str]:
    holder = directory.holder(client_id)
    assert holder is not None
    return [one.name for one in directory.credentials(holder.key).values()]


def test_everything_of_a_seed_is_made() -> None:
    found = planned(Directory())
    assert found.faults == ()
    assert Counter(step.kind for step in found.steps) == {
        "tenants": 1,
        "subscriptions": 1,
        "applications": 1,
        "credentials": 2,
        "managedidentities": 1,
        "roleassignments": 1,
    }


def test_what_was_planted_is_found_by_all_its_names(directory: Directory) -> None:
    app, managed = directory.holder(APP.upper()), directory.holder(MANAGED)
    assert app is not None
    assert managed is not None
    assert app == directory.application(APP)
    assert managed == directory.identities.get(RESOURCE)
    principal = directory.principal(TENANT, MANAGED)
    assert principal is not None
    assert (principal.type, principal.alternative_names[0]) == (
        "ManagedIdentity",
        "isExplicit=True",
    )
    (assignment,) = directory.assignments.values()
    assert assignment.principal_id == getattr(directory.principal(TENANT, APP), "object_id", None)
    assert names(directory, APP) == names(directory, MANAGED) == ["cluster"]


def test_ids_are_the_same_in_every_run(directory: Directory) -> None:
    again = Directory()
    plant(read_seed(seed()), again)
    assert again.principals.values() == directory.principals.values()
    assert again.applications.values() == directory.applications.values()


def test_what_is_there_is_not_made_again(directory: Directory) -> None:
    assert planned(directory) == Plan((), ())
    changed = planned(
        directory,
        tenants=[{"id": TENANT.upper(), "displayName": "Other"}],
        applications=[application(appId=APP.upper(), displayName="other")],
    )
    assert changed == Plan((), ())


def test_a_credential_more_is_made(directory: Directory) -> None:
    more = [credential(), credential("second", "other")]
    found = planned(directory, applications=[application(federatedIdentityCredentials=more)])
    assert keys(found) == [f"credentials/{APP}/second"]
    carry_out(found.steps, directory)
    assert names(directory, APP) == ["cluster", "second"]


def test_a_credential_that_breaks_a_rule_beside_those_that_are_there_is_told(
    directory: Directory,
) -> None:
    same = [credential("second")]
    found = planned(directory, applications=[application(federatedIdentityCredentials=same)])
    assert keys(found) == []
    assert [*map(str, found.faults)] == [
        (
            "applications[0].federatedIdentityCredentials[0]: the combination of issuer and subject"
            " is already there under the name cluster, for payments"
        )
    ]


def test_the_twenty_slots_hold_for_all_that_come_together(directory: Directory) -> None:
    table = directory.credentials(RESOURCE)
    for number in range(18):
        name = f"number-{number}"
        table.put(name, Credential(name, name, ISSUER, name, ("a",)), 1.0)
    more = [credential("one-more", "x"), credential("two-more", "y")]
    found = planned(directory, managedIdentities=[identity(federatedIdentityCredentials=more)])
    assert keys(found) == [f"credentials/{MANAGED}/one-more"]
    assert [*map(str, found.faults)] == [
        (
            "managedIdentities[0].federatedIdentityCredentials[1]: at most 20 federated credentials"
            " are allowed, for worker"
        )
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"applications": [application(appId=MANAGED)], "managedIdentities": []},
            (
                f'applications[0].appId: "{MANAGED}" is not valid; expected one that is not the'
                f" managed identity {RESOURCE.replace('resourceGroups', 'resourcegroups')}"
            ),
        ),
        (
            {"applications": [application(tenant=OTHER_TENANT)]},
            (
                f'applications[0].appId: "{APP}" is not valid; expected one that is not an'
                f" application of the tenant {TENANT}"
            ),
        ),
        (
            {
                "applications": [],
                "managedIdentities": [identity(clientId="a2b1c0d9-0000-4111-8222-333344445555")],
            },
            "managedIdentities[0].resourceId:",
        ),
        (
            {"applications": [], "managedIdentities": [identity(clientId=APP)]},
            (
                f'managedIdentities[0].clientId: "{APP}" is not valid; expected one that is not an'
                f" application of the tenant {TENANT}"
            ),
        ),
        (
            {
                "managedIdentities": [
                    identity(
                        clientId="a2b1c0d9-0000-4111-8222-333344445555",
                        resourceId=RESOURCE + "-2",
                        tenant=OTHER_TENANT,
                    )
                ]
            },
            (
                f'managedIdentities[0].tenant: "{OTHER_TENANT}" is not valid; expected {TENANT}, to'
                " which its subscription belongs"
            ),
        ),
    ],
)
def test_what_contradicts_what_is_there_is_told(
    directory: Directory, changed: dict[str, Any], told: str
) -> None:
    found = planned(directory, **changed)
    (fault,) = map(str, found.faults)
    assert fault.startswith(told)
    assert [key for key in keys(found) if not key.startswith("roleassignments")] == []


def test_what_was_planted_once_and_removed_stays_away(directory: Directory) -> None:
    everything = tuple(keys(planned(Directory())))
    app = directory.application(APP)
    assert app is not None
    directory.delete_application(app, 5.0)
    directory.credentials(RESOURCE).delete("cluster", 5.0)
    assert keys(planned(directory, everything)) == []
    assert keys(planned(directory)) == [
        f"applications/{APP}",
        f"credentials/{APP}/cluster",
        f"credentials/{MANAGED}/cluster",
        *[key for key in everything if key.startswith("roleassignments")],
    ]


def test_a_new_entry_of_the_seed_comes_to_what_was_planted_before(directory: Directory) -> None:
    everything = tuple(keys(planned(Directory())))
    more = [credential(), credential("second", "other")]
    found = planned(
        directory, everything, applications=[application(federatedIdentityCredentials=more)]
    )
    assert keys(found) == [f"credentials/{APP}/second"]


def test_beginning_remembers_what_was_planted() -> None:
    kept: dict[tuple[str, str], object | None] = {}

    class Notes(InMemory):
        def keep(self, table: str, key: str, value: object | None) -> None:
            kept[table, key] = value

    directory = Directory()
    assert begin(read_seed(seed()), directory, Notes()) == ()
    assert kept["planted", f"applications/{APP}"] is True
    assert kept["planted", f"subscriptions/{SUBSCRIPTION}"] is True


def test_what_is_planted_was_always_there(directory: Directory) -> None:
    assert len(directory.credentials(RESOURCE).values(-1e9)) == 1
    assert directory.credentials(RESOURCE).changed("cluster") == ALWAYS
