"""Federated credentials as Graph and Resource Manager write them. Pure."""

import re
from collections.abc import Mapping
from sys import intern
from typing import Any, Final

from entra.errors import Invalid, Trace, Unavailable
from entra.model import FederatedCredential, Identity
from entra.rates import Action
from identity.faults import quoted


def properties(credential: FederatedCredential) -> dict[str, Any]:
    """Return what both services call a credential's issuer, subject and audience."""
    return {
        "issuer": credential.issuer,
        "subject": credential.subject,
        "audiences": [credential.audience],
    }


def read_credential(
    service: str, item: Mapping[str, Any], inner: Mapping[str, Any]
) -> FederatedCredential:
    """Read a credential; `inner` is what holds its properties: in Graph, the item itself.

    A flexible one has no subject but an expression: it counts among the slots, with an empty
    subject. Raises `Unavailable` where the answer is none.
    """
    name, issuer = item.get("name"), inner.get("issuer")
    subject, audiences = inner.get("subject") or "", inner.get("audiences") or [""]
    if not (
        isinstance(name, str)
        and isinstance(issuer, str)
        and isinstance(subject, str)
        and isinstance(audiences, list)
        and isinstance(audiences[0], str)
    ):
        raise Unavailable(
            "the answer makes no sense: a federated credential lacks its name, issuer or audience",
            trace=Trace(service),
        )
    return FederatedCredential(
        name=name,
        # Few different ones on thousands of credentials, which the writers remember.
        issuer=intern(issuer),
        subject=subject,
        audience=intern(audiences[0]),
        description=text(inner, "description"),
        id=text(item, "id"),
    )


def text(item: Mapping[str, Any], field: str) -> str:
    """Return a field that is text, else nothing."""
    value = item.get(field)
    return value if isinstance(value, str) else ""


def action(method: str, name: str) -> Action:
    """Tell what a call on credentials counts as; without a name it is about all of them."""
    match method:
        case "GET":
            return Action.GET if name else Action.LIST
        case "DELETE":
            return Action.DELETE
        case _:
            return Action.WRITE


_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}")


def segment(name: str) -> str:
    """Return a credential's name as a part of a path; raise `Invalid` if it can't be one's name.

    Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
    """
    if _NAME.fullmatch(name) is None:
        raise Invalid(
            f"{quoted(name)} is no name of a credential; expected 3 to 120 letters, digits, - and"
            " _, the first a letter or digit"
        )
    return name


_VERBS: Final = {"GET": "read", "POST": "create", "PUT": "write", "PATCH": "update"}


def errand(method: str, name: str, identity: Identity) -> str:
    """Say in words what a call is for, as messages begin."""
    owner = f"the {identity.kind.value} {identity.client_id}"
    if identity.name:
        owner = f"{owner} ({identity.name})"
    if not name:
        return f"list the credentials of {owner}"
    return f"{_VERBS.get(method, 'delete')} the credential {name} of {owner}"
