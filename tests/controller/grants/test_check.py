"""An answer is good for a minute, a first denial is doubted, and an error is neither yes nor no."""

import asyncio

import pytest

from controller.grants import Question, Ruling, Verb, Verdict
from controller.kube.errors import Forbidden, KubeError, Unavailable
from tests.controller.grants.reviews import ID, OTHER, PAYMENTS, Reviews, grants_of
from tests.fakes.virtual_time import BEGINNING, elapsed

GRANTED = Ruling(Verdict.GRANTED)


async def test_an_answer_is_good_for_a_minute_from_when_it_was_asked() -> None:
    reviews = Reviews()
    reviews.grant(PAYMENTS)
    reviews.takes = 5.0
    grants = grants_of(reviews)
    assert await grants.check(PAYMENTS) == GRANTED
    await asyncio.sleep(54.9)
    assert await grants.check(PAYMENTS) == GRANTED
    assert len(reviews.asked) == 1
    await asyncio.sleep(0.1)
    assert await grants.check(PAYMENTS) == GRANTED
    assert len(reviews.asked) == 2


async def test_a_first_denial_is_doubted_and_a_second_one_a_minute_later_counts() -> None:
    reviews = Reviews()
    grants = grants_of(reviews)
    doubted = Ruling(Verdict.DOUBTED, since=BEGINNING)
    assert await grants.check(PAYMENTS) == doubted
    await asyncio.sleep(59.9)
    grants.forget()
    assert await grants.check(PAYMENTS) == doubted
    assert grants.again_in(PAYMENTS) == pytest.approx(0.1)
    await asyncio.sleep(0.1)
    assert await grants.check(PAYMENTS) == Ruling(Verdict.DENIED, since=BEGINNING)
    assert grants.again_in(PAYMENTS) is None
    assert len(reviews.asked) == 3


async def test_the_minute_between_denials_begins_with_the_first_answer() -> None:
    reviews = Reviews()
    reviews.takes = 5.0
    grants = grants_of(reviews)
    await grants.check(PAYMENTS)
    await asyncio.sleep(56.0)
    assert (await grants.check(PAYMENTS)).verdict is Verdict.DOUBTED
    assert (await grants.check(PAYMENTS)).verdict is Verdict.DENIED


async def test_a_grant_in_between_clears_a_denial() -> None:
    reviews = Reviews()
    grants = grants_of(reviews)
    await grants.check(PAYMENTS)
    reviews.grant(PAYMENTS)
    await asyncio.sleep(30.0)
    grants.forget()
    assert await grants.check(PAYMENTS) == GRANTED
    assert grants.again_in(PAYMENTS) is None
    reviews.withdraw(PAYMENTS)
    await asyncio.sleep(60.0)
    assert await grants.check(PAYMENTS) == Ruling(Verdict.DOUBTED, since=elapsed() + BEGINNING)


@pytest.mark.parametrize("error", [Unavailable("500"), Forbidden("403")])
async def test_an_error_neither_counts_nor_clears(error: KubeError) -> None:
    reviews = Reviews()
    grants = grants_of(reviews)
    reviews.error = error
    assert await grants.check(PAYMENTS) == Ruling(Verdict.UNKNOWN, error=str(error))
    assert grants.again_in(PAYMENTS) is None
    await asyncio.sleep(60.0)
    reviews.error = None
    assert (await grants.check(PAYMENTS)).verdict is Verdict.DOUBTED
    reviews.error = error
    await asyncio.sleep(60.0)
    assert (await grants.check(PAYMENTS)).verdict is Verdict.UNKNOWN
    reviews.error = None
    assert (await grants.check(PAYMENTS)).verdict is Verdict.DENIED


async def test_an_error_is_not_remembered() -> None:
    reviews = Reviews()
    reviews.grant(PAYMENTS)
    reviews.error = Unavailable("500")
    grants = grants_of(reviews)
    assert (await grants.check(PAYMENTS)).verdict is Verdict.UNKNOWN
    reviews.error = None
    assert await grants.check(PAYMENTS) == GRANTED


async def test_a_grant_that_is_still_good_outlasts_an_error() -> None:
    reviews = Reviews()
    reviews.grant(PAYMENTS)
    grants = grants_of(reviews)
    await grants.check(PAYMENTS)
    reviews.error = Unavailable("500")
    assert await grants.check(PAYMENTS) == GRANTED


async def test_a_refusal_with_an_evaluation_error_is_none() -> None:
    reviews = Reviews()
    reviews.status = {"evaluationError": "webhook:\n away"}
    grants = grants_of(reviews)
    found = await grants.check(PAYMENTS)
    assert found == Ruling(
        Verdict.UNKNOWN, error="an authorizer of the API server failed: webhook: away"
    )
    assert grants.again_in(PAYMENTS) is None


async def test_those_who_ask_at_the_same_time_share_one_request() -> None:
    reviews = Reviews()
    reviews.takes = 1.0
    reviews.error = Unavailable("500")
    grants = grants_of(reviews)
    found = await asyncio.gather(*(grants.check(PAYMENTS) for _ in range(100)))
    assert {ruling.verdict for ruling in found} == {Verdict.UNKNOWN}
    assert len(reviews.asked) == 1


async def test_a_change_of_grants_is_not_answered_by_a_request_from_before_it() -> None:
    reviews = Reviews()
    reviews.takes = 1.0
    grants = grants_of(reviews)
    early = asyncio.create_task(grants.check(PAYMENTS))
    await asyncio.sleep(0.5)
    reviews.grant(PAYMENTS)
    grants.forget()
    assert await grants.check(PAYMENTS) == GRANTED
    assert (await early).verdict is Verdict.DOUBTED
    assert await grants.check(PAYMENTS) == GRANTED


async def test_what_was_asked_earlier_and_answered_later_changes_nothing() -> None:
    reviews = Reviews()
    reviews.takes = 5.0
    grants = grants_of(reviews)
    early = asyncio.create_task(grants.check(PAYMENTS))
    await asyncio.sleep(1.0)
    reviews.grant(PAYMENTS)
    grants.forget()
    reviews.takes = 0.0
    assert await grants.check(PAYMENTS) == GRANTED
    assert await early == GRANTED
    assert grants.again_in(PAYMENTS) is None


async def test_an_answer_from_before_a_change_is_asked_anew() -> None:
    reviews = Reviews()
    reviews.grant(PAYMENTS)
    reviews.takes = 1.0
    grants = grants_of(reviews)
    early = asyncio.create_task(grants.check(PAYMENTS))
    await asyncio.sleep(0.5)
    reviews.withdraw(PAYMENTS)
    grants.forget()
    assert await early == GRANTED
    assert (await grants.check(PAYMENTS)).verdict is Verdict.DOUBTED


async def test_after_a_change_of_grants_answers_are_good_for_a_minute_again() -> None:
    reviews = Reviews()
    reviews.grant(PAYMENTS)
    grants = grants_of(reviews)
    for _ in range(3):
        await grants.check(PAYMENTS)
        grants.forget()
        await grants.check(PAYMENTS)
        await grants.check(PAYMENTS)
    assert len(reviews.asked) == 4


async def test_a_first_denial_of_long_ago_proves_nothing() -> None:
    reviews = Reviews()
    grants = grants_of(reviews)
    await grants.check(PAYMENTS)
    await asyncio.sleep(661.0)
    assert (await grants.check(PAYMENTS)).verdict is Verdict.DOUBTED
    await asyncio.sleep(60.0)
    denied = Ruling(Verdict.DENIED, since=BEGINNING + 661.0)
    assert await grants.check(PAYMENTS) == denied
    await asyncio.sleep(1800.0)
    assert await grants.check(PAYMENTS) == denied


async def test_what_is_not_asked_for_an_hour_is_forgotten() -> None:
    reviews = Reviews()
    grants = grants_of(reviews)
    for number in range(100):
        await grants.check(Question("shop", f"account-{number}", Verb.FEDERATE, ID))
    await asyncio.sleep(3000.0)
    await grants.check(PAYMENTS)
    assert len(grants) == 101
    await asyncio.sleep(1000.0)
    await grants.check(PAYMENTS)
    assert len(grants) == 1


async def test_an_identity_that_is_dropped_takes_its_questions_along() -> None:
    reviews = Reviews()
    grants = grants_of(reviews)
    other = Question("shop", "payments", Verb.FEDERATE, OTHER)
    await grants.check(PAYMENTS)
    await grants.check(other)
    grants.drop(ID)
    assert grants.again_in(PAYMENTS) is None
    assert grants.again_in(other) == 60.0


async def test_one_who_gives_up_waiting_leaves_the_others_their_answer() -> None:
    reviews = Reviews()
    reviews.grant(PAYMENTS)
    reviews.takes = 1.0
    grants = grants_of(reviews)
    first, second = (asyncio.create_task(grants.check(PAYMENTS)) for _ in range(2))
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == GRANTED
    assert len(reviews.asked) == 1
