"""Which identities a ServiceAccount wishes to be federated with, read from its annotations.

A wish is no right: whether it may have them is asked elsewhere. Empty annotations are absent ones,
as charts render them. What is wrong is a fault and never a guess: where it can't be known what was
meant, nothing is federated for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from identity.account import is_uuid
from identity.faults import Fault, Faults
from identity.names import (
    ACCOUNT_ANNOTATIONS,
    ADDITIONAL_CLIENT_IDS,
    CLIENT_ID,
    DELETION_POLICY,
    FEDERATE,
    IDENTITY_RESOURCE_ID,
    PREFIX,
    TENANT_ID,
)
from identity.pod import is_false, is_true

MOST_ADDITIONAL: Final = 100
"""Entries of `additional-client-ids` that are read: each one is asked about, again and again."""

_UUID_FORM: Final = "a UUID (8-4-4-4-12 hexadecimal digits) without blanks around it"
_RESOURCE_ID_FORM: Final = (
    "/subscriptions/<UUID>/resourceGroups/<group>/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/<name>"
)
_RESOURCE_ID: Final = re.compile(
    r"/(?ai:subscriptions/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/resourceGroups)"
    r"/[\w.()-]{0,89}[\w()-]"  # the group: letters of all scripts, no dot at the end
    r"/(?ai:providers/Microsoft\.ManagedIdentity/userAssignedIdentities)"
    r"/[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}/?"
)
"""Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"""

_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DOMAIN: Final = re.compile(rf"(?=.{{4,253}}$){_LABEL}(?:\.{_LABEL})+")
"""A verified domain stands for its tenant: https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints"""


@dataclass(frozen=True, slots=True)
class WantedIdentity:
    """One identity that a ServiceAccount names: by exactly one of client id and resource id."""

    client_id: str = ""
    """In lower case."""
    resource_id: str = ""
    """A user-assigned managed identity's, as written: compare it without case."""
    tenant_id: str = ""
    """A UUID or a verified domain, in lower case; empty: the controller's tenant."""


@dataclass(frozen=True, slots=True)
class Federation:
    """All that a ServiceAccount says about federation."""

    identities: tuple[WantedIdentity, ...] = ()
    """None where it opted out, whatever else it says."""
    faults: tuple[Fault, ...] = ()
    """All that is wrong in its annotations."""
    opted_out: bool = False
    policy: str | None = None
    """"Delete" or "Retain"; None: nothing was said."""
    unknown: tuple[str, ...] = ()
    """Annotations of our prefix that mean nothing on a ServiceAccount: most likely misspelt."""


def federation_from(annotations: Mapping[str, str] | None) -> Federation:
    """Read the annotations of a ServiceAccount; those of others than us are passed over."""
    ours = {key: value for key, value in (annotations or {}).items() if key.startswith(PREFIX)}
    faults = Faults()
    opted_out, federate = _federate(ours.get(FEDERATE, ""), faults)
    tenant_id, known_tenant = _tenant(ours.get(TENANT_ID, ""), faults)
    identities = _identities(ours, tenant_id, faults)
    policy = _policy(ours.get(DELETION_POLICY, ""), faults)
    return Federation(
        identities=identities if federate and known_tenant else (),
        faults=tuple(faults),
        opted_out=opted_out,
        policy=policy,
        unknown=tuple(sorted(ours.keys() - ACCOUNT_ANNOTATIONS)),
    )


def is_resource_id(value: str) -> bool:
    """Tell whether a value is the resource id of a user-assigned managed identity, in any case."""
    return _RESOURCE_ID.fullmatch(value) is not None


def _federate(written: str, faults: Faults) -> tuple[bool, bool]:
    """Return whether it opts out, and whether anything is to be federated for it.

    The annotation is there to opt out by: who misspells its value most likely wanted that, and a
    credential that nobody wants lets somebody in, while one that is missing is noticed.
    """
    if is_false(written):
        return True, False
    if written and not is_true(written):
        faults.add(
            f"annotation {FEDERATE}",
            written,
            '"true" or "false"; nothing is federated for this ServiceAccount until it is',
        )
        return False, False
    return False, True


def _tenant(written: str, faults: Faults) -> tuple[str, bool]:
    """Return the tenant, and whether it is known: in another one the same id is nobody's."""
    if not written or is_uuid(written) or _DOMAIN.fullmatch(written):
        return written.lower(), True
    faults.add(
        f"annotation {TENANT_ID}",
        written,
        f"{_UUID_FORM}, or a verified domain of the tenant; nothing is federated for this"
        " ServiceAccount until it is",
    )
    return "", False


def _identities(
    ours: Mapping[str, str], tenant_id: str, faults: Faults
) -> tuple[WantedIdentity, ...]:
    resource_id = ours.get(IDENTITY_RESOURCE_ID, "")
    found: dict[str, WantedIdentity] = {}
    if resource_id and is_resource_id(resource_id):
        found[resource_id] = WantedIdentity(resource_id=resource_id, tenant_id=tenant_id)
    elif resource_id:
        faults.add(f"annotation {IDENTITY_RESOURCE_ID}", resource_id, _RESOURCE_ID_FORM)
    written = _additional(ours.get(ADDITIONAL_CLIENT_IDS, ""), faults)
    if not resource_id and (client_id := ours.get(CLIENT_ID, "")):
        # Beside a resource id, the client id is what the controller wrote there for the webhook.
        written = [(CLIENT_ID, client_id), *written]
    for annotation, client_id in written:
        if is_uuid(client_id):
            one = WantedIdentity(client_id=client_id.lower(), tenant_id=tenant_id)
            found.setdefault(one.client_id, one)
        else:
            faults.add(f"annotation {annotation}", client_id, _UUID_FORM)
    return tuple(found.values())


def _additional(written: str, faults: Faults) -> list[tuple[str, str]]:
    entries = [entry for part in written.split(";") if (entry := part.strip())]
    if len(entries) > MOST_ADDITIONAL:
        faults.add(
            f"annotation {ADDITIONAL_CLIENT_IDS}",
            None,
            f"at most {MOST_ADDITIONAL} client ids are read, found {len(entries)}; use more"
            " ServiceAccounts",
        )
    return [(ADDITIONAL_CLIENT_IDS, entry) for entry in entries[:MOST_ADDITIONAL]]


def _policy(written: str, faults: Faults) -> str | None:
    if written in {"Delete", "Retain"}:
        return written
    if written:
        faults.add(
            f"annotation {DELETION_POLICY}",
            written,
            "Delete or Retain; until it is, it is as if it were absent",
        )
    return None
