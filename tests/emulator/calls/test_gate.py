"""What meets a call at the gate: latency, throttling, failures; and what reads are shown."""

import asyncio
from dataclasses import replace

import pytest

from emulator.calls.faults import Failure, Settings
from emulator.calls.gate import CONCURRENT, refused
from emulator.calls.refusal import Refusal, Surface, TokenRefusal
from emulator.calls.throttle import Limit, Rate
from tests.emulator.calls.desk import ID, OTHER, Desk
from tests.emulator.conftest import Hands

CREATE = "graph.credentials.create"


async def statuses(desk: Desk, kind: str, count: int, identity: str = ID) -> list[int]:
    return [(await desk.ask(kind, identity)).status_code for _ in range(count)]


async def test_without_faults_a_call_goes_through_at_once(desk: Desk) -> None:
    assert (await desk.ask(CREATE)).status_code == 200
    assert desk.hands.slept == []


async def test_latency_meets_every_call(desk: Desk) -> None:
    desk.set(latencySeconds=0.25)
    await desk.ask(CREATE)
    await desk.ask("token")
    assert desk.hands.slept == [0.25, 0.25]


async def test_the_next_calls_of_a_kind_fail_and_no_others(desk: Desk) -> None:
    desk.set(failures=[{"kind": "graph.credentials.*", "count": 2, "status": 503}])
    assert await statuses(desk, "graph.applications.get", 1) == [200]
    assert await statuses(desk, CREATE, 3) == [503, 503, 200]
    assert desk.gate.settings.failures == []


async def test_a_rule_about_an_identity_leaves_others_alone(desk: Desk) -> None:
    desk.set(failures=[{"identity": ID.upper()}])
    assert await statuses(desk, CREATE, 1, OTHER) == [200]
    assert await statuses(desk, CREATE, 2, ID) == [503, 200]


async def test_the_first_rule_that_fits_is_taken(desk: Desk) -> None:
    desk.set(failures=[{"kind": "token", "status": 500}, {"status": 501}, {"status": 502}])
    assert await statuses(desk, CREATE, 3) == [501, 502, 200]
    assert await statuses(desk, "token", 2) == [500, 200]


async def test_a_rule_without_count_stays(desk: Desk) -> None:
    desk.set(failures=[{"count": None}])
    assert await statuses(desk, CREATE, 5) == [503] * 5
    assert desk.gate.settings.failures == [Failure(count=None)]


async def test_the_failing_answer_is_as_it_was_asked_for(desk: Desk) -> None:
    desk.set(failures=[{"status": 429, "code": "Slow", "message": "down", "retryAfter": 1.2}])
    call = desk.call()
    with pytest.raises(Refusal) as caught:
        await desk.gate.admit(call)
    found = caught.value
    assert (found.status, found.code, found.message) == (429, "Slow", "down")
    assert found.headers == {"Retry-After": "2"}


async def test_a_failure_before_the_work_keeps_it_from_being_done(desk: Desk) -> None:
    desk.set(failures=[{}])
    assert await statuses(desk, CREATE, 1) == [503]
    assert desk.worked == []


async def test_after_a_failure_of_the_answer_alone_the_work_is_done(desk: Desk) -> None:
    desk.set(failures=[{"after": True, "status": 504}])
    answer = await desk.ask(CREATE)
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "GatewayTimeout"
    assert desk.worked == [CREATE]
    assert [(call.status, call.code) for call in desk.log.calls()] == [(504, "GatewayTimeout")]


@pytest.mark.parametrize("after", [False, True])
async def test_a_failing_answer_can_come_late(desk: Desk, after: bool) -> None:
    desk.set(failures=[{"after": after, "delaySeconds": 120}])
    assert await statuses(desk, CREATE, 1) == [503]
    assert desk.hands.slept == [120]
    assert desk.log.calls()[0].seconds == 120


async def test_a_share_of_the_calls_fails_the_same_ones_each_time(desk: Desk) -> None:
    rules = [{"share": 0.5, "count": None}]
    desk.set(randomSeed=7, failures=rules)
    first = await statuses(desk, CREATE, 200)
    assert 60 < first.count(503) < 140
    desk.set(randomSeed=7, failures=rules)
    assert await statuses(desk, CREATE, 200) == first
    desk.set(randomSeed=8, failures=rules)
    assert await statuses(desk, CREATE, 200) != first


async def test_settings_that_were_given_stay_as_they_were(desk: Desk) -> None:
    given = Settings.model_validate({"failures": [{"count": 3}]})
    desk.gate.set(given)
    await statuses(desk, CREATE, 2)
    assert given.failures == [Failure(count=3)]
    assert desk.gate.settings.failures == [Failure(count=1)]


async def test_a_rule_that_is_added_works_on_a_copy(desk: Desk) -> None:
    rule = Failure(count=2)
    desk.gate.fail(rule)
    await statuses(desk, CREATE, 1)
    assert rule == Failure(count=2)


async def test_adding_a_rule_leaves_chance_and_throttles_as_they_are(desk: Desk) -> None:
    desk.limits = [Limit("a", Rate(1, 1))]
    desk.set(throttle=1)
    assert await statuses(desk, CREATE, 2) == [200, 429]
    desk.gate.fail(Failure(kind="other"))
    assert await statuses(desk, CREATE, 1) == [429]


async def test_a_throttled_call_is_told_how_long_to_wait_and_gets_through_then(desk: Desk) -> None:
    desk.limits = [Limit("a", Rate(0.3, 1))]
    desk.set(throttle=1)
    assert (await desk.ask(CREATE)).status_code == 200
    with pytest.raises(Refusal) as caught:
        await desk.gate.admit(desk.call(), desk.limits)
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "4"})
    desk.hands.advance(4)
    assert (await desk.ask(CREATE)).status_code == 200


async def test_a_throttled_call_uses_no_rule_up(desk: Desk) -> None:
    desk.limits = [Limit("a", Rate(1, 1))]
    desk.set(throttle=1, failures=[{"kind": "other"}, {"count": 1}])
    assert await statuses(desk, CREATE, 2) == [503, 429]
    assert len(desk.gate.settings.failures) == 1


async def test_what_is_refused_is_counted(desk: Desk) -> None:
    desk.set(failures=[{"count": 2}])
    await statuses(desk, CREATE, 3)
    assert desk.log.counts() == {(CREATE, ID): 3}


async def test_of_two_writes_to_one_identity_the_second_is_refused_meanwhile(desk: Desk) -> None:
    desk.set(writeSeconds=5)

    async def write(key: str) -> str:
        try:
            async with desk.gate.writing(key):
                return "written"
        except Refusal as refusal:
            return f"{refusal.status} {refusal.code}"

    done = await asyncio.gather(*map(write, ("/identities/A", "/identities/a", "/other")))
    assert done == ["written", f"409 {CONCURRENT}", "written"]
    assert await write("/identities/a") == "written"


async def test_a_write_that_fails_lets_the_next_one_in(desk: Desk) -> None:
    with pytest.raises(ValueError, match="no"):
        async with desk.gate.writing("a"):
            raise ValueError("no")
    async with desk.gate.writing("a"):
        pass


def test_reads_are_of_now_unless_they_lag(desk: Desk) -> None:
    assert (desk.gate.read_at(), desk.gate.known_at()) == (None, None)
    desk.set(staleReadSeconds=5, propagationSeconds=7)
    assert desk.gate.read_at() == desk.hands.steady - 5
    assert desk.gate.known_at() == desk.hands.steady - 7


def test_a_share_of_the_reads_lags(desk: Desk) -> None:
    desk.set(staleReadSeconds=5, staleReadShare=0.3, randomSeed=3)
    found = [desk.gate.read_at() is not None for _ in range(300)]
    assert 50 < sum(found) < 130
    desk.set(staleReadSeconds=5, staleReadShare=0)
    assert {desk.gate.read_at() for _ in range(20)} == {None}


def test_the_clock_goes_wrong_and_right_again(desk: Desk, hands: Hands) -> None:
    desk.set(clockOffsetSeconds=-3600)
    assert (desk.clock.now(), desk.clock.moment()) == (hands.wall - 3600, hands.steady)
    desk.set()
    assert desk.clock.now() == hands.wall


@pytest.mark.parametrize(
    ("surface", "status", "code"),
    [
        (Surface.GRAPH, 409, "Directory_ConcurrencyViolation"),
        (Surface.GRAPH, 418, "BadRequest"),
        (Surface.ARM, 409, CONCURRENT),
        (Surface.ARM, 500, "InternalServerError"),
        (Surface.TOKEN, 401, "invalid_client"),
        (Surface.TOKEN, 503, "temporarily_unavailable"),
        (Surface.IMDS, 404, "not_found"),
        (Surface.IMDS, 500, "unknown"),
    ],
)
def test_each_service_has_a_usual_code(surface: Surface, status: int, code: str) -> None:
    assert refused(surface, status, "words").code == code


@pytest.mark.parametrize("code", ["700213", "AADSTS700213", "aadsts700213"])
def test_at_the_token_endpoint_a_failure_can_have_a_number(code: str) -> None:
    found = refused(Surface.TOKEN, 401, "words", code=code, wait=3)
    assert isinstance(found, TokenRefusal)
    assert (found.aadsts, found.code, found.known_as) == (700213, "invalid_client", "AADSTS700213")
    assert found.headers == {"Retry-After": "3"}


async def test_a_gate_of_another_service_words_its_own_refusals(desk: Desk) -> None:
    other = replace(desk, surface=Surface.ARM)
    other.set(failures=[{"after": True}])
    answer = await other.ask("arm.identities.get")
    assert answer.json() == {
        "error": {"code": "ServiceUnavailable", "message": "Failed on demand, with status 503."}
    }
