"""Only so many calls are under way at once; who waits for a place has not begun to write."""

import asyncio

from entra.http import AT_ONCE
from entra.rates import PUBLISHED, Action
from entra.service import Call
from tests.entra.services.test_service import Bench
from tests.fakes.entra_services import TENANT


async def test_a_write_that_waits_for_a_place_has_not_begun() -> None:
    """The Lease is looked at right before a call is sent, however long it waited."""
    bench = Bench()
    bench.services.latency = 1.0
    calls = [
        asyncio.ensure_future(bench.graph.ask(_deletion(bench, n))) for n in range(AT_ONCE + 1)
    ]
    await asyncio.sleep(0.5)
    assert bench.writes_begun == AT_ONCE
    await asyncio.gather(*calls, return_exceptions=True)
    assert bench.writes_begun == AT_ONCE + 1


async def test_a_place_is_free_again_after_a_failure() -> None:
    bench = Bench()
    for number in range(AT_ONCE + 1):
        await asyncio.gather(bench.graph.ask(_deletion(bench, number)), return_exceptions=True)
    assert bench.writes_begun == AT_ONCE + 1


def _deletion(bench: Bench, number: int) -> Call:
    """Two writes to one application at once would be refused, and asked again."""
    app = bench.services.application(f"app-{number}").client_id
    path = f"/v1.0/applications(appId='{app}')/federatedIdentityCredentials/none"
    return Call("delete it", "DELETE", path, PUBLISHED.graph(Action.DELETE, TENANT))
