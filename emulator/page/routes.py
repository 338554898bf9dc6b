"""The page at `/`: what is there and what happened, for people. One document, without a script."""

import base64
import hashlib
from pathlib import Path
from typing import Annotated, Any, Final

import jinja2
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from emulator.admin.bodies import REFUSALS
from emulator.admin.guard import check_host
from emulator.page.view import Asked, view_of
from emulator.web import world_of
from identity.version import VERSION

_FOLDER: Final = Path(__file__).parent / "templates"
_STYLE: Final = (_FOLDER / "page.css").read_text("utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_REFUSED: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"content": _REFUSED, "description": told["description"]}
    for status, told in REFUSALS.items()
}

router = APIRouter(tags=["page"], dependencies=[Depends(check_host)])


@router.get("/", operation_id="page", response_class=HTMLResponse, responses=_REFUSALS)
async def page(
    request: Request,
    q: Annotated[str, Query(max_length=200, description="Only what holds this text")] = "",
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
    refresh: Annotated[int, Query(ge=0, le=600, description="Seconds; 0: never")] = 0,
) -> HTMLResponse:
    """Show identities, the last exchanges and requests."""
    view = view_of(world_of(request), Asked(q, page, refresh))
    # The style's hash is in the policy, so that it must stand there as it is.
    style = Markup(_STYLE)  # noqa: S704 - a file of ours
    content = _TEMPLATES.get_template("page.html").render(view=view, style=style, version=VERSION)
    return HTMLResponse(content, headers=HEADERS)
