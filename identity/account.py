"""What a ServiceAccount says about its identity, read from its annotations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from identity.names import (
    ACCOUNT_ANNOTATIONS,
    CLIENT_ID,
    IDENTITY_RESOURCE_ID,
    PREFIX,
    TENANT_ID,
    TOKEN_EXPIRATION,
)

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount as far as a pod's identity depends on it; one is kept for each in a cluster.

    Values stand as written: whether they are right is decided for the pod that uses them, since a
    pod may override them.
    """

    namespace: str
    name: str
    resource_version: str
    client_id: str | None = None
    tenant_id: str | None = None
    """None: fall back to the cluster's tenant. Present and empty: inject none."""
    token_expiration: str | None = None
    awaits_identity: bool = False
    """It names an identity by resource id, and the controller has not written the client id yet."""
    unknown_annotations: tuple[str, ...] = ()
    """Keys of our prefix that mean nothing on a ServiceAccount: most likely misspelt."""


def account_from(
    namespace: str, name: str, resource_version: str, annotations: Mapping[str, str] | None
) -> Account:
    """Read a ServiceAccount's annotations; None stands for an object without any."""
    ours = {key: value for key, value in (annotations or {}).items() if key.startswith(PREFIX)}
    if not ours:
        return Account(namespace, name, resource_version)
    client_id = ours.get(CLIENT_ID)
    return Account(
        namespace=namespace,
        name=name,
        resource_version=resource_version,
        client_id=client_id,
        tenant_id=ours.get(TENANT_ID),
        token_expiration=ours.get(TOKEN_EXPIRATION),
        awaits_identity=not client_id and bool(ours.get(IDENTITY_RESOURCE_ID)),
        unknown_annotations=tuple(sorted(ours.keys() - ACCOUNT_ANNOTATIONS)),
    )


def is_uuid(value: str) -> bool:
    """Tell whether a value is 8-4-4-4-12 hexadecimal digits, the form of every client id."""
    return _UUID.fullmatch(value) is not None
