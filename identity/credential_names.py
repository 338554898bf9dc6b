"""Names of federated credentials and of the objects that the controller makes for ServiceAccounts.

A credential's name says whose it is: `azwi-<tag of the cluster>-<readable>-<hash>`. What the
controller may remove is decided by that, so the form is strict, and the hash is over parts with
their lengths: no two objects share a name by the way in which their parts meet (`a-b/c`, `a/b-c`).

Limits of names: 3 to 120 of `[A-Za-z0-9-_]`, the first one alphanumeric; immutable in Entra ID.
Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

import base64
import hashlib
import re
from typing import Final

_PREFIX: Final = "azwi"
_TAG: Final = 10
"""Characters, 50 bits: clusters that write to one identity are few."""
_HASH: Final = 40
"""Characters, 200 bits: people choose the parts, so nobody must be able to search for two alike."""
_OBJECT_HASH: Final = 20
"""Characters, 100 bits. Within a namespace a name that is taken is refused, never overwritten."""
_LONGEST: Final = 120
_LONGEST_READABLE: Final = _LONGEST - len(_PREFIX) - _TAG - _HASH - 3
_LONGEST_OBJECT: Final = 253
"""Of a DNS subdomain (RFC 1123), which names of objects are."""
_LONGEST_DESCRIPTION: Final = 600

_FORM: Final = re.compile(
    rf"{_PREFIX}-([a-z2-7]{{{_TAG}}})"
    rf"-[a-z0-9](?:[a-z0-9-]{{0,{_LONGEST_READABLE - 2}}}[a-z0-9])?"
    rf"-[a-z2-7]{{{_HASH}}}"
)


def cluster_tag(issuer: str) -> str:
    """Return what the names of a cluster's credentials carry: 10 of `[a-z2-7]`.

    The issuer is taken exactly as it stands in tokens: with another case, or without its last
    slash, it is another one to Entra ID.
    """
    return _digest("cluster", issuer)[:_TAG]


def credential_name(
    issuer_of_cluster: str, namespace: str, object_name: str, issuer: str, subject: str
) -> str:
    """Return the name in Entra ID of the credential of an object.

    `issuer` and `subject` are those of the tokens that it is for; `issuer_of_cluster` is that of
    the cluster which the object stands in.
    """
    whole = _digest("credential", issuer_of_cluster, namespace, object_name, issuer, subject)
    readable = _readable(f"{namespace}-{object_name}")
    return f"{_PREFIX}-{cluster_tag(issuer_of_cluster)}-{readable}-{whole[:_HASH]}"


def tag_of(credential_name: str) -> str | None:
    """Return the tag of the cluster that a credential was written by; None if it is not of ours.

    Only the exact form counts: a name that people gave, or that another tool made, is theirs.
    """
    match = _FORM.fullmatch(credential_name)
    return None if match is None else match[1]


def object_name(account: str, identity: str) -> str:
    """Return the name of the object that is made for a ServiceAccount and one identity.

    `identity` is a client id in lower case, or a resource id in lower case: what compares equal
    has to be given equal.
    """
    digest = _digest("object", account, identity)[:_OBJECT_HASH]
    readable = account[: _LONGEST_OBJECT - _OBJECT_HASH - 1].rstrip("-.")
    return f"{readable}-{digest}"


def description(issuer_of_cluster: str, namespace: str, object_name: str) -> str:
    """Return what a credential of an application says to people who find it, 600 characters."""
    text = (
        f"Kept by azwi for the FederatedIdentityCredential {namespace}/{object_name} of the"
        f" cluster with the issuer {issuer_of_cluster}"
    )
    return text if len(text) <= _LONGEST_DESCRIPTION else text[: _LONGEST_DESCRIPTION - 3] + "..."


def _readable(text: str) -> str:
    """Make a text fit for a name; it is for eyes only, the hash tells names apart."""
    allowed = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return allowed[:_LONGEST_READABLE].rstrip("-") or "x"


def _digest(*parts: str) -> str:
    """Hash parts with their lengths in bytes; the first says what for. 52 of `[a-z2-7]`."""
    hashed = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big"))
        hashed.update(raw)
    return base64.b32encode(hashed.digest()).decode("ascii").lower().rstrip("=")
