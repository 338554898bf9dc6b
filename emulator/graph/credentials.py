"""Federated identity credentials of an application.

Source: https://learn.microsoft.com/graph/api/resources/federatedidentitycredentials-overview
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from fastapi import Request, Response

from emulator.calls.refusal import Refusal
from emulator.directory import Application, Credential, Table
from emulator.directory.directory import new_id
from emulator.directory.rules import LONGEST, NAME, Breach, Broken, breach
from emulator.graph import description as d
from emulator.graph.answers import chosen, done, listed, one
from emulator.graph.bodies import CredentialBody, read_body, required
from emulator.graph.refusals import bad, not_found, taken
from emulator.graph.shapes import CREDENTIALS, credential, credentials_of
from emulator.graph.visit import Visit, reading, writing

_RESOURCE: Final = "FederatedIdentityCredential"
_UPSERT: Final = "create-if-missing"


async def list_credentials(request: Request) -> Response:
    """Return an application's credentials."""
    visit = await reading(request, "graph.credentials.list")
    parent = visit.application()
    rows = [credential(found) for found in _table(visit, parent).values(visit.at)]
    return listed(request, rows, credentials_of(parent))


async def create_credential(request: Request) -> Response:
    """Make one under a name that is free."""
    visit = await writing(request, "graph.credentials.create")
    parent = visit.changing()
    body = await read_body(request, CredentialBody, _RESOURCE)
    made = _create(visit, parent, body, required(body.name, "name", _RESOURCE))
    return one(request, credential(made), credentials_of(parent), 201)


async def get_credential(request: Request) -> Response:
    """Return one by its name or id."""
    visit = await reading(request, "graph.credentials.get")
    parent = visit.application()
    found = _existing(visit, parent)
    return chosen(request, credential(found), credentials_of(parent))


async def update_credential(request: Request) -> Response:
    """Change one; by its name, and if the caller prefers so, make it."""
    name = request.path_params.get("name")
    upsert = name is not None and _UPSERT in _preferences(request)
    kind = "graph.credentials.upsert" if upsert else "graph.credentials.update"
    visit = await writing(request, kind)
    parent = visit.changing()
    body = await read_body(request, CredentialBody, _RESOURCE)
    if upsert and _table(visit, parent).get(str(name)) is None:
        if body.name not in {None, name}:
            raise bad(f"The name in the body differs from that in the address, '{name}'.")
        made = _create(visit, parent, body, str(name))
        return one(request, credential(made), credentials_of(parent), 201)
    _update(visit, parent, _existing(visit, parent), body)
    return done()


async def delete_credential(request: Request) -> Response:
    """Remove one."""
    visit = await writing(request, "graph.credentials.delete")
    parent = visit.changing()
    found = _existing(visit, parent)
    _table(visit, parent).delete(found.name, visit.world.clock.moment())
    return done()


def _table(visit: Visit, parent: Application) -> Table[Credential]:
    return visit.world.directory.credentials(parent.key)


def _existing(visit: Visit, parent: Application) -> Credential:
    table, path = _table(visit, parent), visit.request.path_params
    if (name := path.get("name")) is not None:
        found = table.get(name, visit.at)
    else:
        key = path["credential"]
        rows = table.values(visit.at)
        found = next((row for row in rows if row.id == key.lower()), table.get(key, visit.at))
    if found is None:
        raise not_found(name if name is not None else path["credential"])
    return found


def _create(visit: Visit, parent: Application, body: CredentialBody, name: str) -> Credential:
    table = _table(visit, parent)
    wanted = Credential(
        id=new_id(),
        name=name,
        issuer=required(body.issuer, "issuer", _RESOURCE),
        subject=required(body.subject, "subject", _RESOURCE),
        audiences=tuple(required(body.audiences, "audiences", _RESOURCE)),
        description=body.description,
    )
    if table.get(name) is not None:
        raise taken(f"FederatedIdentityCredential with name {name} already exists.")
    _keep_rules(wanted, table.values())
    table.put(name, wanted, visit.world.clock.moment())
    return wanted


def _update(visit: Visit, parent: Application, found: Credential, body: CredentialBody) -> None:
    if "name" in body.model_fields_set and body.name != found.name:
        raise bad(
            f"Property 'name' of resource '{_RESOURCE}' is immutable: it is '{found.name}' and"
            " can't be changed."
        )
    given = body.model_fields_set
    wanted = replace(
        found,
        issuer=_changed(body, "issuer", found.issuer),
        subject=_changed(body, "subject", found.subject),
        audiences=tuple(_changed(body, "audiences", found.audiences)),
        description=body.description if "description" in given else found.description,
    )
    table = _table(visit, parent)
    _keep_rules(wanted, [other for other in table.values() if other.id != found.id])
    table.put(found.name, wanted, visit.world.clock.moment())


def _changed(body: CredentialBody, name: str, before: Any) -> Any:
    if name not in body.model_fields_set:
        return before
    return required(getattr(body, name), name, _RESOURCE)


def _keep_rules(wanted: Credential, others: Sequence[Credential]) -> None:
    if (found := breach(wanted, others)) is not None:
        raise _worded(found, wanted)


def _worded(found: Breach, wanted: Credential) -> Refusal:
    """Word a broken rule. The text for a pair that is taken is the service's, word for word."""
    if found.rule is Broken.PAIR_TAKEN:
        return Refusal(
            400,
            "InvalidFederatedIdentityCredentialValue",
            "The combination of issuer and subject must be unique for the application. Issuer"
            f" {wanted.issuer} and Subject: {wanted.subject} already exist. paramName:"
            f" FederatedIdentityCredential.Subject, paramValue: {wanted.subject}, objectType:"
            " Microsoft.Online.DirectoryServices.Application",
        )
    if found.rule is Broken.SLOTS:
        return bad(f"The application has too many federated identity credentials: {found.words}.")
    return bad(
        f"Invalid value specified for property '{found.field}' of resource '{_RESOURCE}':"
        f" {found.words}."
    )


def _preferences(request: Request) -> set[str]:
    """Return what a caller prefers. Source: RFC 7240."""
    given = ",".join(request.headers.getlist("prefer"))
    return {preference.strip().lower() for preference in given.split(",")}


_PARENTS: Final = (
    "/applications/{object_id}/federatedIdentityCredentials",
    "/applications(appId='{app_id}')/federatedIdentityCredentials",
)
_NAMES: Final = [
    f"{parent}{key}" for parent in _PARENTS for key in ("/{credential}", "(name='{name}')")
]
_PROPERTIES: Final = sorted(CREDENTIALS.properties)
_NAME: Final = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_VALUES: Final[d.Schema] = {
    "issuer": {"type": "string", "pattern": r"^https://[^\s\x00]+$", "maxLength": LONGEST},
    "subject": {"type": "string", "pattern": r"^[^*\x00]+$", "maxLength": LONGEST},
    "audiences": {
        "type": "array",
        "items": d.TEXT | {"minLength": 1, "maxLength": LONGEST},
        "minItems": 1,
        "maxItems": 1,
    },
    "description": d.TEXT_OR_NULL | {"maxLength": LONGEST},
}

OPERATIONS: Final = (
    d.Operation(
        "GET",
        "listFederatedIdentityCredentials",
        list_credentials,
        _PARENTS,
        {200: d.a_list(d.CREDENTIAL)},
        query=d.listing(r"^(name|subject) eq '[^']*'$", _PROPERTIES),
    ),
    d.Operation(
        "POST",
        "createFederatedIdentityCredential",
        create_credential,
        _PARENTS,
        {201: d.CREDENTIAL},
        body=d.an_object({"name": _NAME, **_VALUES}, "name", "issuer", "subject", "audiences"),
    ),
    d.Operation(
        "GET",
        "getFederatedIdentityCredential",
        get_credential,
        _NAMES,
        {200: d.CREDENTIAL},
        query=[d.select(_PROPERTIES)],
    ),
    d.Operation(
        "PATCH",
        "updateFederatedIdentityCredential",
        update_credential,
        _NAMES,
        {204: None, 201: d.CREDENTIAL},
        body=d.an_object(_VALUES),
        query=[d.PREFER],
    ),
    d.Operation(
        "DELETE", "deleteFederatedIdentityCredential", delete_credential, _NAMES, {204: None}
    ),
)
