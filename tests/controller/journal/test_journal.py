"""What is noted is there after a restart, and nothing is taken for empty because of an error."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from controller.brake import BrakeRecord
from controller.brakes import CLUSTER, DELETIONS
from controller.journal import (
    ALLOW_REMOVALS,
    IssuerChanged,
    Issuers,
    Journal,
    Options,
    Predecessor,
    Retained,
    Unreadable,
)
from controller.kube.errors import Forbidden, KubeError, NotServed, Unavailable, Unreachable
from tests.controller.journal.config_maps import (
    NAMESPACE,
    NOW,
    Clock,
    ConfigMaps,
    Failure,
    application,
    client_id,
    loaded,
    managed,
)

LEFT = Retained("shop", "payments", "https://issuer.example/", "system:serviceaccount:shop:a")
FOREIGN = Retained("shop", "", "https://token.actions.example", "repo:org/app:ref:main")
DAY = 24 * 3600.0
FIRST = "https://first.example/"
SECOND = "https://second.example/"


async def test_identities_are_there_after_a_restart() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    for identity in (application(1), managed(2, "f")):
        await journal.remember(identity)
    again = await loaded(api)
    assert again.identities == {client_id(1): application(1), client_id(2, "f"): managed(2, "f")}
    assert sorted(api.objects) == ["azwi-controller-3", "azwi-controller-f"]


async def test_the_entra_client_need_not_look_again_after_a_restart() -> None:
    api = ConfigMaps()
    await (await loaded(api)).remember(managed(1))
    again = await loaded(api)
    assert again.remembered.get(client_id(1), NOW + DAY - 1) == managed(1)
    assert again.remembered.get(client_id(1), NOW + DAY) is None


async def test_what_is_noted_as_it_is_costs_no_call() -> None:
    api = ConfigMaps()
    clock = Clock()
    journal = await loaded(api, clock)
    await journal.remember(application(1))
    await journal.retain(client_id(1), "left", LEFT)
    await journal.settle_issuer(FIRST, accept_change=False)
    await journal.set_brakes({CLUSTER: BrakeRecord(NOW, 21)})
    api.calls.clear()
    clock.now += 1000
    await journal.remember(application(1))
    await journal.retain(client_id(1), "left", LEFT)
    await journal.release(client_id(1), "another")
    await journal.forget(client_id(2))
    await journal.settle_issuer(FIRST, accept_change=False)
    await journal.set_brakes({CLUSTER: BrakeRecord(NOW, 21)})
    await journal.drop_predecessor(SECOND)
    assert api.calls == []


async def test_an_identity_that_is_another_now_is_noted_anew() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    await journal.retain(client_id(1), "left", LEFT)
    await journal.remember(application(1, name="invoices"))
    again = await loaded(api)
    assert again.identities == {client_id(1): application(1, name="invoices")}
    assert again.retained(client_id(1)) == {"left": LEFT}


async def test_an_identity_that_is_forgotten_is_gone_with_all_about_it() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    await journal.retain(client_id(1), "left", LEFT)
    await journal.remember(application(2))
    await journal.forget(client_id(1))
    assert journal.identities == {client_id(2): application(2)}
    again = await loaded(api)
    assert again.identities == {client_id(2): application(2)}
    assert again.retained(client_id(1)) == {}


async def test_retained_credentials_are_there_after_a_restart_until_released() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.remember(application(1))
    await journal.retain(client_id(1), "left", LEFT)
    await journal.retain(client_id(1), "foreign", FOREIGN)
    again = await loaded(api)
    assert again.retained(client_id(1)) == {"left": LEFT, "foreign": FOREIGN}
    await again.release(client_id(1), "left")
    once_more = await loaded(api)
    assert once_more.retained(client_id(1)) == {"foreign": FOREIGN}
    assert once_more.identities == {client_id(1): application(1)}


@pytest.mark.parametrize(
    "error", [Unreachable("cut"), Unavailable("500"), Forbidden("403"), NotServed("404")]
)
@pytest.mark.parametrize("reads", [0, 1, 16])
async def test_an_error_at_the_start_is_raised_and_not_taken_for_an_empty_journal(
    error: KubeError, reads: int
) -> None:
    api = ConfigMaps()
    await (await loaded(api)).remember(application(1))
    journal = Journal(_FailsAfter(api, reads, error), NAMESPACE)
    with pytest.raises(type(error)):
        await journal.load()


class _FailsAfter(ConfigMaps):
    def __init__(self, api: ConfigMaps, reads: int, error: KubeError) -> None:
        super().__init__()
        self.objects = api.objects
        self._left = reads
        self._error = error

    async def get(self, path: str) -> dict[str, object]:
        self._left -= 1
        if self._left < 0:
            raise self._error
        return await super().get(path)


_SOUND = '{"retained": {"left": {"namespace": "n", "account": "a", "issuer": "i", "subject": "s"}}}'
NONSENSE = {
    client_id(2): "{",
    client_id(3): "[]",
    client_id(4): "{}",
    client_id(5): '{"identity": {"kind": "robot"}}',
    client_id(6): '{"retained": {"left": {"namespace": "shop"}}}',
    client_id(7): '{"retained": {}}',
    client_id(1, "4"): _SOUND,
    "3AAAAAAA-0000-4000-8000-000000000001": _SOUND,
    "README": "do not touch",
}


async def test_entries_that_make_no_sense_stay_word_by_word_and_are_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = ConfigMaps()
    await (await loaded(api)).remember(application(1))
    stranger = json.loads(api.data("azwi-controller-3")[client_id(1)])
    nonsense = {**NONSENSE, client_id(8): json.dumps(stranger)}
    api.put("azwi-controller-3", data=nonsense)
    journal = await loaded(api)
    assert journal.identities == {client_id(1): application(1)}
    assert journal.senseless == {f"azwi-controller-3/{key}" for key in nonsense}
    assert "make no sense" in caplog.text
    await journal.remember(application(9))
    for number in range(2, 9):
        await journal.forget(client_id(number))
    left = api.data("azwi-controller-3")
    assert {key: left[key] for key in nonsense} == nonsense


async def test_a_senseless_entry_is_put_aside_when_there_is_something_to_note() -> None:
    api = ConfigMaps()
    api.put("azwi-controller-3", data={client_id(1): "{nonsense"})
    journal = await loaded(api)
    await journal.remember(application(1))
    assert journal.identities == {client_id(1): application(1)}
    left = api.data("azwi-controller-3")
    (aside,) = left.keys() - {client_id(1)}
    assert aside.startswith(f"{client_id(1)}.unreadable-")
    assert left[aside] == "{nonsense"
    assert journal.senseless == {f"azwi-controller-3/{aside}"}


async def test_fields_of_a_later_version_stay() -> None:
    api = ConfigMaps()
    await (await loaded(api)).remember(application(1))
    text = api.data("azwi-controller-3")[client_id(1)]
    api.put(
        "azwi-controller-3", data={client_id(1): json.dumps({**json.loads(text), "later": [1]})}
    )
    journal = await loaded(api)
    await journal.retain(client_id(1), "left", LEFT)
    assert json.loads(api.data("azwi-controller-3")[client_id(1)])["later"] == [1]


async def test_the_first_issuer_is_noted_and_the_same_one_changes_nothing() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    assert journal.issuers == Issuers()
    await journal.settle_issuer(FIRST, accept_change=False)
    await journal.settle_issuer(FIRST, accept_change=False)
    assert (await loaded(api)).issuers == Issuers(FIRST)
    assert api.writes == []


async def test_another_issuer_is_refused_unless_it_is_accepted() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    await journal.settle_issuer(FIRST, accept_change=True)
    with pytest.raises(IssuerChanged) as caught:
        await journal.settle_issuer(FIRST.rstrip("/"), accept_change=False)
    assert (caught.value.was, caught.value.now) == (FIRST, FIRST.rstrip("/"))
    assert (await loaded(api)).issuers == Issuers(FIRST)
    await journal.settle_issuer(SECOND, accept_change=True)
    expected = Issuers(SECOND, (Predecessor(FIRST, NOW + DAY),))
    assert journal.issuers == (await loaded(api)).issuers == expected


async def test_a_predecessor_stays_until_it_is_dropped_however_old() -> None:
    api, clock = ConfigMaps(), Clock()
    journal = await loaded(api, clock, Options(token_life=3600.0))
    for issuer in (FIRST, SECOND, "https://third.example/"):
        await journal.settle_issuer(issuer, accept_change=True)
        clock.now += 1000.0
    clock.now += 100 * DAY
    again = await loaded(api, clock)
    assert again.issuers.predecessors == (
        Predecessor(SECOND, NOW + 2000.0 + 3600.0),
        Predecessor(FIRST, NOW + 1000.0 + 3600.0),
    )
    await again.drop_predecessor(FIRST)
    left = (Predecessor(SECOND, NOW + 2000.0 + 3600.0),)
    assert again.issuers.predecessors == (await loaded(api)).issuers.predecessors == left


async def test_an_issuer_that_comes_back_is_no_predecessor_of_itself() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    for issuer in (FIRST, SECOND, FIRST, SECOND):
        await journal.settle_issuer(issuer, accept_change=True)
    assert journal.issuers == Issuers(SECOND, (Predecessor(FIRST, NOW + DAY),))


async def test_another_leaders_issuer_is_not_overwritten() -> None:
    api = ConfigMaps()
    late = await loaded(api)
    await (await loaded(api)).settle_issuer(FIRST, accept_change=False)
    with pytest.raises(IssuerChanged):
        await late.settle_issuer(SECOND, accept_change=False)
    assert (await loaded(api)).issuers == Issuers(FIRST)


async def test_an_issuer_that_is_refused_is_told_to_nobody_who_shares_the_write() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    stop = api.stop("create")
    tasks = [
        asyncio.create_task(journal.set_brakes({CLUSTER: BrakeRecord(NOW, 1)})),
        asyncio.create_task(journal.set_brakes({CLUSTER: BrakeRecord(NOW, 2)})),
        asyncio.create_task(journal.settle_issuer(SECOND, accept_change=False)),
    ]
    await stop.reached.wait()
    await (await loaded(api)).settle_issuer(FIRST, accept_change=False)
    stop.go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [type(None), type(None), IssuerChanged]
    assert (await loaded(api)).brakes == {CLUSTER: BrakeRecord(NOW, 2)}


@pytest.mark.parametrize("key", ["issuers", "brake", "brakes"])
@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"current": "", "predecessors": []}', "null", '{"shop": {"held": 1}}']
)
async def test_issuers_and_brake_are_never_guessed(key: str, text: str) -> None:
    api = ConfigMaps()
    api.put("azwi-controller", data={key: text})
    with pytest.raises(Unreadable, match=f"azwi-controller: {key}"):
        await loaded(api)
    assert api.data("azwi-controller") == {key: text}


async def test_a_brake_that_is_on_is_on_after_a_restart() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    assert journal.brakes == {}
    await journal.set_brakes({CLUSTER: BrakeRecord(NOW, 80)})
    again = await loaded(api)
    assert again.brakes == {CLUSTER: BrakeRecord(NOW, 80)}
    await again.set_brakes({})
    assert (await loaded(api)).brakes == {}


async def test_an_admins_word_is_taken_once() -> None:
    api, clock = ConfigMaps(), Clock()
    journal = await loaded(api, clock)
    await journal.set_brakes({CLUSTER: BrakeRecord(NOW, 80)})
    assert await journal.take_allowance() is None
    api.put("azwi-controller", annotations={ALLOW_REMOVALS: "80", "other": "stays"})
    clock.now += 5.0
    assert await journal.take_allowance() == {CLUSTER: 80}
    assert api.objects["azwi-controller"]["metadata"]["annotations"] == {"other": "stays"}
    clock.now += 5.0
    assert await journal.take_allowance() is None


async def test_brakes_of_namespaces_are_on_after_a_restart() -> None:
    api = ConfigMaps()
    journal = await loaded(api)
    on = {
        CLUSTER: BrakeRecord(NOW, 4),
        DELETIONS: BrakeRecord(NOW + 1, 2),
        "shop": BrakeRecord(NOW + 2, 1),
    }
    await journal.set_brakes(on)
    assert (await loaded(api)).brakes == on
    del on[CLUSTER], on["shop"]
    await journal.set_brakes(on)
    assert (await loaded(api)).brakes == on
    assert set(api.data("azwi-controller")) == {"brakes"}


async def test_a_brake_that_an_earlier_version_noted_is_the_clusters() -> None:
    api = ConfigMaps()
    api.put("azwi-controller", data={"brake": '{"since": 1.0, "held": 80}'})
    assert (await loaded(api)).brakes == {CLUSTER: BrakeRecord(1.0, 80)}


async def test_an_admins_word_may_be_for_namespaces() -> None:
    api = ConfigMaps()
    word = f"shop=3,24, identity/{client_id(1)}=2,shop=1"
    api.put("azwi-controller", annotations={ALLOW_REMOVALS: word})
    words = await (await loaded(api)).take_allowance()
    assert words == {"shop": 4, CLUSTER: 24, f"identity/{client_id(1)}": 2}


async def test_many_who_wait_for_a_word_look_only_now_and_then() -> None:
    api, clock = ConfigMaps(), Clock()
    journal = await loaded(api, clock)
    for _ in range(100):
        assert await journal.take_allowance() is None
        clock.now += 0.1
    assert len(api.calls) == 2


@pytest.mark.parametrize(
    "word",
    ["", "0", "-3", "all", "1000000", "8\n", "٣", "shop=", "=3", "Shop=3", "3;4", "3,", "*=3"],
)
async def test_a_word_that_is_no_number_stays_and_is_told_of(
    word: str, caplog: pytest.LogCaptureFixture
) -> None:
    api = ConfigMaps()
    api.put("azwi-controller", annotations={ALLOW_REMOVALS: word})
    assert await (await loaded(api)).take_allowance() is None
    assert "no number of removals" in caplog.text
    assert api.objects["azwi-controller"]["metadata"]["annotations"] == {ALLOW_REMOVALS: word}


async def test_two_leaders_never_both_get_an_admins_word() -> None:
    api = ConfigMaps()
    api.put("azwi-controller", annotations={ALLOW_REMOVALS: "80"})
    first, second = await loaded(api), await loaded(api)
    got: list[Mapping[str, int] | None] = []
    original = api.merge

    async def overtaken(path: str, body: dict[str, object]) -> dict[str, object]:
        api.merge = original  # type: ignore[method-assign]
        got.append(await second.take_allowance())
        return await original(path, body)

    api.merge = overtaken  # type: ignore[method-assign]
    got.append(await first.take_allowance())
    assert got == [{CLUSTER: 80}, None]


async def test_a_word_whose_removal_is_not_answered_is_used_by_nobody() -> None:
    api, clock = ConfigMaps(), Clock()
    api.put("azwi-controller", annotations={ALLOW_REMOVALS: "80"})
    journal = await loaded(api, clock)
    api.failures.append(Failure("merge", Unreachable("cut"), after=True))
    with pytest.raises(Unreachable):
        await journal.take_allowance()
    assert await journal.take_allowance() is None


async def test_who_leads_no_more_writes_nothing() -> None:
    class NotLeadingError(Exception):
        pass

    leading = True

    def refuse() -> None:
        if not leading:
            raise NotLeadingError

    api = ConfigMaps()
    api.put("azwi-controller", annotations={ALLOW_REMOVALS: "80"})
    journal = await loaded(api, options=Options(before_write=refuse))
    await journal.remember(application(1))
    api.calls.clear()
    leading = False
    for wish in (
        journal.remember(application(2)),
        journal.remember(application(1, "f")),
        journal.forget(client_id(1)),
        journal.settle_issuer(FIRST, accept_change=False),
        journal.take_allowance(),
    ):
        with pytest.raises(NotLeadingError):
            await wish
    assert api.writes == []
    assert journal.identities == {client_id(1): application(1)}
    leading = True
    await journal.remember(application(2))
    assert set(api.data("azwi-controller-3")) == {client_id(1), client_id(2)}
