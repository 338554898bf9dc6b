"""What a seed of the right form may contradict itself in. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

from emulator.arm.roles import role_named
from emulator.directory import Credential
from emulator.directory.rules import breach
from emulator.seed import schema
from identity.faults import Faults

_AGAIN: Final = "a value that no earlier entry has"


def check(seed: schema.Seed, tenants: Collection[str], faults: Faults) -> None:
    """Add all contradictions to `faults`; `tenants` are known besides those of the seed."""
    _check_tenants(seed, {*tenants, *(tenant.id.lower() for tenant in seed.tenants)}, faults)
    _check_twins(seed, faults)
    _check_subscriptions(seed, faults)
    for index, assignment in enumerate(seed.role_assignments):
        if role_named(assignment.role) is None:
            words = "a built-in role's name or GUID"
            faults.add(f"roleAssignments[{index}].role", assignment.role, words)
    for where, entries in _credentials(seed):
        _check_credentials(where, entries, faults)


def _check_tenants(seed: schema.Seed, known: Collection[str], faults: Faults) -> None:
    listed: dict[str, Sequence[_Tenanted]] = {
        "subscriptions": seed.subscriptions,
        "applications": seed.applications,
        "managedIdentities": seed.managed_identities,
    }
    for name, entries in listed.items():
        for index, entry in enumerate(entries):
            if entry.tenant.lower() not in known:
                words = "the id of one of `tenants`"
                faults.add(f"{name}[{index}].tenant", entry.tenant, words)


_Tenanted = schema.Subscription | schema.Application | schema.ManagedIdentity


def _check_twins(seed: schema.Seed, faults: Faults) -> None:
    """Find ids that stand twice; an application and an identity can't share a client id either."""
    groups: Iterable[tuple[Callable[[str], str], list[tuple[str, str | None]]]] = (
        (str.lower, _named("tenants[{}].id", [one.id for one in seed.tenants])),
        (str.lower, _named("subscriptions[{}].id", [one.id for one in seed.subscriptions])),
        (
            str.lower,
            _named("applications[{}].appId", [one.app_id for one in seed.applications])
            + _named(
                "managedIdentities[{}].clientId",
                [one.client_id for one in seed.managed_identities],
            ),
        ),
        (
            str.lower,
            _named("applications[{}].objectId", [one.object_id for one in seed.applications])
            + _named(
                "managedIdentities[{}].principalId",
                [one.principal_id for one in seed.managed_identities],
            ),
        ),
        (
            str.lower,
            _named(
                "managedIdentities[{}].resourceId",
                [one.resource_id for one in seed.managed_identities],
            ),
        ),
        (str, _named("issuers[{}].issuer", [one.issuer for one in seed.issuers])),
    )
    for key, values in groups:
        _unique(key, values, faults)


def _named(where: str, values: Sequence[str | None]) -> list[tuple[str, str | None]]:
    return [(where.format(index), value) for index, value in enumerate(values)]


def _unique(
    key: Callable[[str], str], values: Iterable[tuple[str, str | None]], faults: Faults
) -> None:
    seen: set[str] = set()
    for where, value in values:
        if value is None:
            continue
        if key(value) in seen:
            faults.add(where, value, _AGAIN)
        seen.add(key(value))


def _check_subscriptions(seed: schema.Seed, faults: Faults) -> None:
    owners = {entry.id.lower(): entry.tenant for entry in seed.subscriptions}
    for index, entry in enumerate(seed.managed_identities):
        owner = owners.setdefault(entry.parts[0].lower(), entry.tenant)
        if owner.lower() != entry.tenant.lower():
            words = f"{owner}, to which its subscription belongs"
            faults.add(f"managedIdentities[{index}].tenant", entry.tenant, words)


def _credentials(seed: schema.Seed) -> Iterator[tuple[str, Sequence[schema.Credential]]]:
    for index, application in enumerate(seed.applications):
        yield f"applications[{index}]", application.federated_identity_credentials
    for index, identity in enumerate(seed.managed_identities):
        yield f"managedIdentities[{index}]", identity.federated_identity_credentials


def _check_credentials(where: str, entries: Sequence[schema.Credential], faults: Faults) -> None:
    place = f"{where}.federatedIdentityCredentials"
    held: list[Credential] = []
    _unique(str.lower, _named(f"{place}[{{}}].name", [one.name for one in entries]), faults)
    for index, entry in enumerate(entries):
        row = Credential("", entry.name, entry.issuer, entry.subject, tuple(entry.audiences))
        if (broken := breach(row, held)) is not None:
            faults.add(f"{place}[{index}]", None, broken.words)
        held.append(row)
