"""Scopes that roles are assigned at, and the paths that name them.

Source: https://learn.microsoft.com/azure/role-based-access-control/scope-overview
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from emulator.arm.described import REFUSALS, in_path
from emulator.arm.kinds import Kind
from emulator.calls.refusal import Refusal

Handler = Callable[..., Awaitable[Response]]

_PROVIDED: Final = r"/providers/[^/]+(/[^/]+/[^/]+)+"
_INSIDE: Final = re.compile(
    rf"/subscriptions/[^/]+((/resourceGroups/[^/]+)?({_PROVIDED})?)", re.IGNORECASE
)
_TEMPLATES: Final = (
    ("", "", ()),
    ("/subscriptions/{subscription}", "OfSubscription", ("subscription",)),
    (
        "/subscriptions/{subscription}/resourceGroups/{group}",
        "OfGroup",
        ("subscription", "group"),
    ),
    ("/subscriptions/{subscription}/{inside:path}", "OfResource", ()),
)
"""The last one is not described: no document can tell all types of resources."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a role is assigned."""

    id: str
    """As it was written, without a slash at the end; empty: the root, which holds everything."""

    @property
    def subscription(self) -> str:
        """Return its subscription; empty: it is of none."""
        parts = self.id.split("/")
        return parts[2] if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""

    def check(self) -> None:
        """Refuse what no resource can be called. Raises Refusal (400)."""
        if self.id and not _INSIDE.fullmatch(self.id):
            raise Refusal(
                400,
                "InvalidScope",
                f"The scope '{self.id[:300]}' is none: a subscription, a resource group or a"
                " resource is expected.",
            )


def scope_of(request: Request, kind: Kind) -> Scope:
    """Return the scope that a path of roles begins with."""
    path: str = request.scope["path"]
    return Scope(path[: path.lower().rindex(f"/providers/{kind.full.lower()}")])


@dataclass(frozen=True, slots=True)
class RoleCall:
    """A call on roles, which is served at every scope."""

    method: str
    kind: Kind
    operation: str
    """Its name in the OpenAPI document."""
    responses: Mapping[int | str, dict[str, Any]]
    described: Mapping[str, Any]
    named: str = ""
    """The parameter of the path that names one of the kind; empty: it is about all of them."""


def at_every_scope(router: APIRouter, call: RoleCall) -> Callable[[Handler], Handler]:
    """Serve a call at the root, subscriptions, resource groups and resources."""
    tail = f"/providers/{call.kind.full}" + (f"/{{{call.named}}}" if call.named else "")

    def register(handler: Handler) -> Handler:
        for path, suffix, names in _TEMPLATES:
            parameters = [*map(in_path, names), *call.described["parameters"]]
            router.add_api_route(
                f"{path}{tail}",
                handler,
                methods=[call.method],
                operation_id=f"{call.operation}{suffix}",
                responses={**call.responses, **REFUSALS},
                openapi_extra={**call.described, "parameters": parameters},
                include_in_schema=":path" not in path,
            )
        return handler

    return register
