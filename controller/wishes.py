"""Reading `FederatedIdentityCredential` objects. Pure.

The schema refuses most of what is wrong before it is stored; what it can't know, such as this
cluster's issuer, is found here. Objects may also be older than the schema.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from controller.issuer_spellings import is_plain, mean_the_same
from controller.model import ClusterIdentity, DeletionPolicy, Key, Wish
from controller.names import FINALIZER
from identity.account import is_uuid
from identity.faults import Faults
from identity.federation import is_resource_id
from identity.names import DEFAULT_AUDIENCE

_ACCOUNT: Final = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_ACCOUNT_PREFIX: Final = "system:serviceaccount:"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_LONGEST_NAME: Final = 253
_NAME_FORM: Final = (
    "the name of a ServiceAccount: a DNS subdomain (RFC 1123), 253 characters at most"
)
_DOMAIN: Final = re.compile(r"(?=.{4,253}$)[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z0-9-]{1,63})+")
_LONGEST: Final = 600
"""Characters of issuer, subject and audience that Entra takes.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""


def wish_from(body: Mapping[str, Any], cluster: ClusterIdentity) -> Wish:
    """Read an object as the API server stores it; what is wrong with it is in `faults`."""
    metadata: Mapping[str, Any] = body["metadata"]
    spec = _mapping(body.get("spec"))
    identity = _mapping(spec.get("identity"))
    key = Key(metadata["namespace"], metadata["name"])
    faults = Faults()
    issuer, account, subject = _whose(spec, key, cluster, faults)
    client_id, resource = _identity(identity, faults)
    tenant = _tenant(identity, faults)
    owner = _owner(metadata.get("ownerReferences") or ())
    return Wish(
        key=key,
        uid=str(metadata["uid"]),
        created=str(metadata["creationTimestamp"]),
        generation=int(metadata.get("generation", 0)),
        issuer=issuer,
        subject=subject,
        audience=_audience(spec.get("audiences"), faults),
        account=account,
        client_id=client_id,
        resource_id=resource,
        tenant_id=tenant,
        policy=_policy(_text(spec, "deletionPolicy"), faults),
        deleting="deletionTimestamp" in metadata,
        finalized=FINALIZER in (metadata.get("finalizers") or ()),
        made_for=str(owner.get("name", "")),
        owner=str(owner.get("uid", "")),
        faults=tuple(faults),
    )


def is_this_clusters(issuer: str, cluster: ClusterIdentity) -> bool:
    """Tell whether an issuer means this cluster, now or earlier, in whatever spelling.

    Entra ID matches the exact spelling alone, and that one is always found here. Others are as
    well: one that Entra does not match, or one day might, must not be a way around the grant.
    """
    return any(mean_the_same(issuer, own) for own in (cluster.issuer, *cluster.predecessors))


def _whose(
    spec: Mapping[str, Any], key: Key, cluster: ClusterIdentity, faults: Faults
) -> tuple[str, str, str]:
    """Return issuer, ServiceAccount (empty for a foreign issuer) and subject."""
    written = _text(spec, "issuer")
    account, subject = _text(spec, "serviceAccountName"), _text(spec, "subject")
    if bool(account) == bool(subject):
        faults.add(
            "spec",
            None,
            "exactly one of serviceAccountName and subject is expected, found "
            + ("both" if account else "none"),
        )
    if written and not is_this_clusters(written, cluster):
        _check_foreign(written, account, subject, faults)
        return written, "", subject
    if account and not _is_account_name(account):
        faults.add("spec.serviceAccountName", account, _NAME_FORM)
        account = ""
    elif subject and not account:
        account = _account_of(subject, key, faults)
    return cluster.issuer, account, f"{_ACCOUNT_PREFIX}{key.namespace}:{account}"


def _check_foreign(issuer: str, account: str, subject: str, faults: Faults) -> None:
    if not is_plain(issuer) or len(issuer) > _LONGEST:
        faults.add(
            "spec.issuer",
            issuer,
            f"an https URL without userinfo, query and fragment, at most {_LONGEST} characters",
        )
    if account:
        faults.add(
            "spec.serviceAccountName",
            account,
            "none beside another issuer than this cluster's: write the subject of its tokens",
        )
    elif (
        not 0 < len(subject) <= _LONGEST or not subject.isprintable() or subject.strip() != subject
    ):
        faults.add(
            "spec.subject",
            subject,
            f"1 to {_LONGEST} printable characters, without blanks around them",
        )


def _account_of(subject: str, key: Key, faults: Faults) -> str:
    match = _ACCOUNT.fullmatch(subject)
    if match is None:
        faults.add(
            "spec.subject",
            subject,
            f"{_ACCOUNT_PREFIX}{key.namespace}:<name> for this cluster's issuer, or an issuer",
        )
        return ""
    namespace, name = match.groups()
    if namespace != key.namespace:
        faults.add(
            "spec.subject",
            subject,
            f"a ServiceAccount of the object's own namespace {key.namespace}",
        )
        return ""
    if not _is_account_name(name):
        faults.add("spec.subject", subject, f"{_ACCOUNT_PREFIX}{key.namespace}: and {_NAME_FORM}")
        return ""
    return name


def _is_account_name(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def _identity(identity: Mapping[str, Any], faults: Faults) -> tuple[str, str]:
    client_id, resource = _text(identity, "clientId"), _text(identity, "resourceId")
    if bool(client_id) == bool(resource):
        faults.add("spec.identity", None, "exactly one of clientId and resourceId is expected")
    if client_id and not is_uuid(client_id):
        faults.add("spec.identity.clientId", client_id, "a UUID")
        client_id = ""
    if resource and not is_resource_id(resource):
        faults.add(
            "spec.identity.resourceId",
            resource,
            "/subscriptions/<UUID>/resourceGroups/<name>/providers/Microsoft.ManagedIdentity"
            "/userAssignedIdentities/<name>",
        )
        resource = ""
    return client_id.lower(), resource


def _tenant(identity: Mapping[str, Any], faults: Faults) -> str:
    tenant = _text(identity, "tenantId")
    if tenant and not is_uuid(tenant) and _DOMAIN.fullmatch(tenant) is None:
        faults.add("spec.identity.tenantId", tenant, "a UUID, or a verified domain of the tenant")
    return tenant.lower()


def _audience(audiences: object, faults: Faults) -> str:
    if audiences is None:
        return DEFAULT_AUDIENCE
    one = audiences[0] if isinstance(audiences, list) and len(audiences) == 1 else None
    if not isinstance(one, str) or not 0 < len(one) <= _LONGEST:
        faults.add("spec.audiences", None, "exactly one audience is expected: Entra takes no more")
        return ""
    return one


def _policy(written: str, faults: Faults) -> DeletionPolicy | None:
    if not written:
        return None
    try:
        return DeletionPolicy(written)
    except ValueError:
        faults.add("spec.deletionPolicy", written, "Delete or Retain")
        return None


def _owner(references: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    for reference in references:
        if (
            reference.get("kind") == "ServiceAccount"
            and reference.get("apiVersion") == "v1"
            and reference.get("controller") is True
        ):
            return reference
    return {}


def _text(mapping: Mapping[str, Any], name: str) -> str:
    value = mapping.get(name)
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
