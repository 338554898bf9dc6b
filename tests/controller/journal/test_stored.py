"""Writes are shared, never over somebody else's, and done once however often they are tried."""

import asyncio

import pytest

from controller.journal import Full, Journal, Options, Retained
from controller.journal.stored import LARGEST
from controller.kube.errors import (
    Changed,
    Forbidden,
    KubeError,
    Unavailable,
    Unreachable,
)
from entra.pacing import Pace
from tests.controller.journal.config_maps import (
    NAMESPACE,
    ConfigMaps,
    Failure,
    application,
    client_id,
    loaded,
)

MAP = "azwi-controller-3"
LEFT = Retained("shop", "payments", "https://issuer.example/", "system:serviceaccount:shop:a")


async def test_those_who_ask_during_a_write_share_the_next_one() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await asyncio.gather(*(journal.remember(application(number)) for number in range(500)))
    assert api.calls == [f"create {MAP}", f"merge {MAP}"]
    assert len(journal.identities) == len(api.data(MAP)) == 500


async def test_identities_of_other_digits_do_not_wait_for_each_other() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    digits = "0123456789abcdef"
    await asyncio.gather(*(journal.remember(application(1, digit)) for digit in digits))
    assert sorted(api.calls) == [f"create azwi-controller-{digit}" for digit in digits]


async def test_it_is_noted_only_when_it_is_durable() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    stop = api.stop("create")
    noting = asyncio.create_task(journal.remember(application(1)))
    await stop.reached.wait()
    assert journal.identities == {}
    stop.go_on.set()
    await noting
    assert client_id(1) in api.data(MAP)


async def test_who_asks_for_what_a_write_under_way_undoes_is_not_told_that_it_is_there() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    stop = api.stop("merge")
    going = asyncio.create_task(journal.forget(client_id(1)))
    await stop.reached.wait()
    coming = asyncio.create_task(journal.remember(application(1)))
    stop.go_on.set()
    await asyncio.gather(going, coming)
    assert client_id(1) in api.data(MAP)


async def test_who_asks_for_what_a_waiting_edit_undoes_is_not_told_that_it_is_there() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    stop = api.stop("merge")

    async def one_after_the_other() -> None:
        await journal.remember(application(2))
        await journal.remember(application(1))

    noting = asyncio.create_task(one_after_the_other())
    await stop.reached.wait()
    going = asyncio.create_task(journal.forget(client_id(1)))
    await asyncio.sleep(0)
    stop.go_on.set()
    await asyncio.gather(noting, going)
    assert set(api.data(MAP)) == {client_id(1), client_id(2)}


async def test_another_leaders_entries_are_kept() -> None:
    api = ConfigMaps()
    late = await loaded(api)
    await (await loaded(api)).remember(application(1))
    await late.remember(application(2))
    assert set(api.data(MAP)) == {client_id(1), client_id(2)}
    assert set(late.identities) == {client_id(1), client_id(2)}


async def test_what_another_leader_forgot_does_not_come_back() -> None:
    api = ConfigMaps()
    first = await loaded(api)
    await first.remember(application(1))
    late = await loaded(api)
    await first.forget(client_id(1))
    await late.remember(application(2))
    assert set(api.data(MAP)) == set(late.identities) == {client_id(2)}


async def test_what_another_leader_retained_outlasts_forgetting() -> None:
    api = ConfigMaps()
    first = await loaded(api)
    await first.remember(application(1))
    await first.retain(client_id(1), "known", LEFT)
    late = await loaded(api)
    await first.retain(client_id(1), "unknown", LEFT)
    await late.forget(client_id(1))
    again = await loaded(api)
    assert again.identities == {client_id(1): application(1)}
    assert again.retained(client_id(1)) == {"unknown": LEFT}


@pytest.mark.parametrize("error", [Unreachable("cut"), Unavailable("503")])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["create", "merge"])
async def test_a_write_without_an_answer_is_looked_after_and_done_once(
    error: KubeError, after: bool, method: str
) -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    if method == "merge":
        await journal.remember(application(1))
        api.calls.clear()
    api.failures.append(Failure(method, error, after))
    await journal.remember(application(2))
    assert client_id(2) in api.data(MAP)
    tried = [f"{method} {MAP}"]
    assert api.calls == [*tried, f"get {MAP}", *([] if after else tried)]


async def test_what_happened_while_an_answer_was_lost_is_not_undone() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    other = await loaded(api)
    api.failures.append(Failure("merge", Unreachable("cut"), after=True))
    original = api.get

    async def overtaken(path: str) -> dict[str, object]:
        api.get = original  # type: ignore[method-assign]
        await other.forget(client_id(1))
        return await original(path)

    api.get = overtaken  # type: ignore[method-assign]
    await journal.remember(application(2))
    assert set(api.data(MAP)) == set(journal.identities) == {client_id(2)}


async def test_an_error_that_stays_is_raised_to_all_who_share_the_write() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    stop = api.stop("merge")
    tasks = [asyncio.create_task(journal.remember(application(number))) for number in (2, 3, 4)]
    await stop.reached.wait()
    api.failures.extend([Failure("merge", Forbidden("403"))] * 2)
    stop.go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in found] == [Forbidden] * 3
    api.calls.clear()
    await journal.remember(application(5))
    assert api.calls == [f"get {MAP}", f"merge {MAP}"]
    assert set(api.data(MAP)) == {client_id(1), client_id(5)}


async def test_losses_without_end_are_raised() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    api.failures.extend([Failure("create", Unreachable("cut"))] * 3)
    with pytest.raises(Unreachable):
        await journal.remember(application(1))
    assert api.writes == [f"create {MAP}"] * 3


async def test_an_error_of_reading_after_a_lost_answer_is_raised() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    api.failures.extend(
        [Failure("create", Unreachable("cut"), after=True), Failure("get", Unavailable("503"))]
    )
    with pytest.raises(Unavailable):
        await journal.remember(application(1))
    assert journal.identities == {}
    await journal.remember(application(1))
    assert api.writes == [f"create {MAP}"]


async def test_conflicts_without_end_are_raised() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    api.failures.extend([Failure("merge", Changed("again"))] * 20)
    with pytest.raises(Changed):
        await journal.remember(application(2))


async def test_one_who_made_the_config_map_first_is_joined() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    api.meanwhile.append(lambda: api.put(MAP, data={"README": "first"}))
    await journal.remember(application(1))
    assert set(api.data(MAP)) == {"README", client_id(1)}
    assert api.calls == [f"create {MAP}", f"get {MAP}", f"merge {MAP}"]


async def test_a_config_map_that_somebody_deleted_is_made_anew_from_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    await journal.remember(application(2))
    del api.objects[MAP]
    await journal.forget(client_id(2))
    assert set(api.data(MAP)) == {client_id(1)}
    assert "was deleted" in caplog.text


async def test_a_deleted_config_map_comes_back_for_one_who_notes_nothing_new() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    api.failures.append(Failure("merge", Forbidden("403")))
    with pytest.raises(Forbidden):
        await journal.remember(application(2))
    del api.objects[MAP]
    await journal.remember(application(1))
    assert set(api.data(MAP)) == {client_id(1)}


async def test_waits_between_conflicts_grow_up_to_a_second() -> None:
    api = ConfigMaps()
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    options = Options(pace=Pace(sleep=wait, chance=lambda: 1.0))
    journal = Journal(api, NAMESPACE, options=options)
    await journal.load()
    await journal.remember(application(1))
    api.failures.extend([Failure("merge", Changed("again"))] * 9)
    await journal.remember(application(2))
    assert waits == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0]


async def test_one_who_is_cancelled_while_writing_leaves_the_work_to_the_others() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    stop = api.stop("create")
    writer, *others = [
        asyncio.create_task(journal.remember(application(number))) for number in (1, 2, 3)
    ]
    await stop.reached.wait()
    writer.cancel()
    await asyncio.gather(*others)
    assert writer.cancelled()
    assert set(api.data(MAP)) == {client_id(2), client_id(3)}


async def test_those_who_share_a_write_are_not_lost_with_its_writer() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    stop = api.stop("merge")
    _, writer, *others = [
        asyncio.create_task(journal.remember(application(number))) for number in (1, 2, 3, 4)
    ]
    await stop.reached.wait()
    writer.cancel()
    await asyncio.gather(*others)
    assert writer.cancelled()
    assert {client_id(1), client_id(3), client_id(4)} <= set(api.data(MAP))


async def test_one_who_shares_a_write_and_is_cancelled_disturbs_nobody() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    stop = api.stop("merge")
    _, *others, last = [
        asyncio.create_task(journal.remember(application(number))) for number in (1, 2, 3, 4)
    ]
    await stop.reached.wait()
    last.cancel()
    await asyncio.wait([last])
    stop.go_on.set()
    await asyncio.gather(*others)
    assert set(api.data(MAP)) == {client_id(number) for number in (1, 2, 3, 4)}


async def test_one_who_is_cancelled_while_waiting_is_the_only_one() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    stop = api.stop("create")
    tasks = [asyncio.create_task(journal.remember(application(number))) for number in (1, 2, 3)]
    await stop.reached.wait()
    tasks[1].cancel()
    stop.go_on.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert set(api.data(MAP)) == {client_id(1), client_id(3)}


async def test_more_than_fits_is_refused_to_those_who_ask_for_it_only() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    api.put(MAP, data={"ballast": "x" * (LARGEST - 600)})
    wishes = (
        journal.remember(application(2)),
        journal.retain(client_id(3), "long", Retained("n", "a", "i" * 500, "s")),
        journal.remember(application(4)),
    )
    found = await asyncio.gather(*wishes, return_exceptions=True)
    assert [type(one) for one in found] == [type(None), Full, Full]
    assert "remove grants" in str(found[1])
    await journal.forget(client_id(1))
    await journal.remember(application(4))
    assert set(api.data(MAP)) == {"ballast", client_id(2), client_id(4)}


async def test_what_is_too_big_already_can_still_shrink() -> None:
    api = ConfigMaps()
    await (await loaded(api)).remember(application(1))
    api.put(MAP, data={"ballast": "x" * (LARGEST + 1)})
    await (await loaded(api)).forget(client_id(1))
    assert set(api.data(MAP)) == {"ballast"}


async def test_metadata_of_others_stays() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    api.put(MAP, annotations={"note": "by hand"})
    await journal.remember(application(2))
    metadata = api.objects[MAP]["metadata"]
    assert metadata["annotations"] == {"note": "by hand"}
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "azwi-controller"}
