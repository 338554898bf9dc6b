"""What was asked of the emulator: requests, how many of each kind, exchanges for tokens."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from emulator.admin.bodies import REFUSALS, answer, nothing
from emulator.admin.shapes import (
    CallTold,
    Count,
    Counts,
    ExchangesTold,
    ExchangeTold,
    Requests,
)
from emulator.calls.log import LONGEST, Call
from emulator.tokens.exchanges import KEPT
from emulator.web import world_of

Kind = Annotated[
    str,
    Query(
        max_length=100,
        description="A shell pattern over kinds: `token`, `graph.credentials.*`; empty: any",
    ),
]
Identity = Annotated[str, Query(max_length=100, description="A client id")]
After = Annotated[
    int | None, Query(ge=0, le=2**53, description="Only requests with greater numbers")
]

router = APIRouter()


@router.get("/requests", operation_id="listRequests", response_model=Requests, responses=REFUSALS)
async def list_requests(
    request: Request,
    kind: Kind = "",
    identity: Identity = "",
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST)] = LONGEST,
) -> Response:
    """List requests, the newest last: the latest, or with `after` the first past that number."""
    log = world_of(request).log
    found = log.calls(kind=kind or "*", identity=identity, after=after or 0)
    shown = found[-limit:] if after is None else found[:limit]
    return answer(Requests(requests=[*map(_call, shown)], dropped=log.dropped))


@router.delete("/requests", operation_id="clearRequests", status_code=204, responses=REFUSALS)
async def clear_requests(request: Request) -> Response:
    """Forget all requests and counts. Numbers go on."""
    world_of(request).log.clear()
    return nothing()


@router.get(
    "/requests/counts", operation_id="countRequests", response_model=Counts, responses=REFUSALS
)
async def count_requests(request: Request, kind: Kind = "", identity: Identity = "") -> Response:
    """Count requests by kind and identity, since the start or the last DELETE /requests."""
    found = world_of(request).log.counts(kind=kind or "*", identity=identity)
    counts = [
        Count(kind=name, identity=about, count=count)
        for (name, about), count in sorted(found.items())
    ]
    return answer(Counts(total=sum(found.values()), counts=counts))


@router.get(
    "/exchanges", operation_id="listExchanges", response_model=ExchangesTold, responses=REFUSALS
)
async def list_exchanges(
    request: Request,
    identity: Identity = "",
    limit: Annotated[int, Query(ge=1, le=KEPT)] = KEPT,
) -> Response:
    """List the last exchanges for tokens, the newest last, each with why it was refused."""
    found = [
        ExchangeTold(**asdict(one))
        for one in world_of(request).exchanges.latest()
        if identity.lower() in {"", one.client_id}
    ]
    return answer(ExchangesTold(exchanges=found[:limit][::-1]))


def _call(call: Call) -> CallTold:
    return CallTold(
        number=call.number,
        service=call.surface.value,
        kind=call.kind,
        identity=call.identity,
        caller=call.caller,
        method=call.method,
        path=call.path,
        status=call.status,
        code=call.code,
        request_id=call.ids.request,
        client_request_id=call.ids.client,
        began=call.began,
        seconds=call.seconds,
    )
