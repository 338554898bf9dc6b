"""Client secrets of applications.

Source: https://learn.microsoft.com/graph/api/application-addpassword
"""

import secrets
from dataclasses import replace
from typing import Final

from fastapi import Request, Response

from emulator.directory import Application, Secret
from emulator.directory.directory import new_id
from emulator.graph import description as d
from emulator.graph.answers import answered, done
from emulator.graph.applications import PATHS
from emulator.graph.bodies import AddPassword, Password, RemovePassword, read_body, seconds
from emulator.graph.refusals import LONGEST, bad
from emulator.graph.shapes import password
from emulator.graph.visit import Visit, writing

_LIFE: Final = 2 * 365 * 86400.0
"""Seconds that a secret lives if nobody says how long: two years, as with Graph."""
_BYTES: Final = 30
"""Of chance in a secret: 40 characters, as long as Entra's."""
_RESOURCE: Final = "PasswordCredential"


async def add_password(request: Request) -> Response:
    """Make a secret; this answer is the only one that tells it."""
    visit = await writing(request, "graph.applications.addPassword")
    parent = visit.changing()
    body = await read_body(request, AddPassword, _RESOURCE)
    made = _made(body.password_credential or Password(), visit.world.clock.now())
    _put(visit, replace(parent, secrets=(*parent.secrets, made)))
    context = f"{visit.world.origin}/v1.0/$metadata#microsoft.graph.passwordCredential"
    return answered({"@odata.context": context} | password(made, told=True))


async def remove_password(request: Request) -> Response:
    """Remove a secret."""
    visit = await writing(request, "graph.applications.removePassword")
    parent = visit.changing()
    body = await read_body(request, RemovePassword, _RESOURCE)
    left = tuple(one for one in parent.secrets if one.key_id.lower() != body.key_id.lower())
    if left == parent.secrets:
        raise bad(f"No password credential found with keyId '{body.key_id[:LONGEST]}'.")
    _put(visit, replace(parent, secrets=left))
    return done()


def _made(wanted: Password, now: float) -> Secret:
    begins = now if wanted.start_date_time is None else seconds(wanted.start_date_time)
    ends = begins + _LIFE if wanted.end_date_time is None else seconds(wanted.end_date_time)
    if ends <= begins:
        raise bad("The credential's endDateTime must be after its startDateTime.")
    return Secret(
        key_id=new_id(),
        value=secrets.token_urlsafe(_BYTES),
        ends=ends,
        begins=begins,
        display_name=wanted.display_name,
    )


def _put(visit: Visit, application: Application) -> None:
    visit.world.directory.put_application(application, visit.world.clock.moment())


_WANTED: Final[d.Schema] = {
    "type": ["object", "null"],
    "properties": {"displayName": d.TEXT_OR_NULL | {"maxLength": 256}},
}

OPERATIONS: Final = (
    d.Operation(
        "POST",
        "addPassword",
        add_password,
        [f"{path}/addPassword" for path in PATHS],
        {200: d.PASSWORD},
        body=d.an_object({"passwordCredential": _WANTED}),
    ),
    d.Operation(
        "POST",
        "removePassword",
        remove_password,
        [f"{path}/removePassword" for path in PATHS],
        {204: None},
        body=d.an_object({"keyId": d.UUID}, "keyId"),
    ),
)
