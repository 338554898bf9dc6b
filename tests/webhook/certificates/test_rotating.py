"""Replicas on an API in memory, in virtual time: what happens, told one case at a time."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.webhook.certificates import virtual_time
from tests.webhook.certificates.keys import DAY, NAME, YEAR, authority, ca_key, leaf
from tests.webhook.certificates.replicas import (
    CONFIG,
    START,
    Replicas,
    accepted,
    originals_data,
)
from webhook.certificates.errors import IssuingFailed
from webhook.certificates.inspection import authorities, serving, signs
from webhook.certificates.secret import REPLICAS, ROTATE, SETTLED, data_of
from webhook.kube import Forbidden, ServerError

SHORT = replace(CONFIG, ca_lifetime=4 * 3600.0, serving_lifetime=2 * 3600.0, lookahead=1800.0)
"""A CA for four hours, certificates for two."""


def encoded(data: dict[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}


def annotated(replicas: Replicas, key: str, value: str) -> None:
    def change(secret: dict) -> dict:
        metadata = secret["metadata"]
        annotations = {**metadata.get("annotations", {}), key: value}
        return {**secret, "metadata": {**metadata, "annotations": annotations}}

    replicas.api.change(replicas.api.secret_place, change)


def in_virtual_time(
    test: Callable[..., Awaitable[None]],
) -> Callable[..., None]:
    def run() -> None:
        virtual_time.run(test())

    run.__name__ = test.__name__
    return run


@in_virtual_time
async def test_the_first_replica_makes_everything_and_is_ready_at_once() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replicas.api.add_secret({"metadata": {"labels": {"app": "x"}}})  # the chart ships it empty
        replica = await replicas.started("one", within=1.0)
        assert replicas.bundle == replicas.data["ca.crt"]
        assert accepted(replica, replicas.bundle)
        assert replica.certificate.expiries() == pytest.approx(
            {"ca": START + 10 * YEAR, "serving": START + YEAR}, abs=2
        )
        assert replicas.api.secret["metadata"]["labels"] == {"app": "x"}
        replicas.check_form()


@in_virtual_time
async def test_a_secret_that_is_not_there_is_created() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        await replicas.started("one", within=1.0)
        assert replicas.api.writes[0] == "create secrets"
        replicas.check_form()


@in_virtual_time
async def test_ten_replicas_that_start_together_agree_on_one_certificate() -> None:
    async with Replicas(latency=0.5) as replicas:
        replicas.api.add_configuration()
        started = [replicas.start(f"r{i}") for i in range(10)]
        async with asyncio.timeout(60):
            for replica in started:
                await replica.certificate.wait_ready()
        await asyncio.sleep(60)
        assert len({replica.leaf for replica in started}) == 1
        assert len(replicas.published) == 1
        assert sum(replica.certificate.rotations["begin"] for replica in started) == 1


@in_virtual_time
async def test_everything_else_in_both_objects_stays_as_it_is() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replicas.api.add_secret(
            {
                "type": "Opaque",
                "metadata": {"annotations": {"helm": "yes"}},
                "data": {"mine": "bWluZQ=="},
            }
        )
        before = replicas.api.configuration["webhooks"]
        await replicas.started("one")
        await asyncio.sleep(60)
        assert replicas.data["mine"] == b"mine"
        assert replicas.api.secret["type"] == "Opaque"
        assert replicas.api.secret["metadata"]["annotations"]["helm"] == "yes"
        other, ours = replicas.api.configuration["webhooks"]
        assert other == before[0]
        assert {**ours, "clientConfig": {"caBundle": ""}} == before[1]


@in_virtual_time
async def test_a_secret_of_the_original_is_kept_until_it_is_due() -> None:
    async with Replicas() as replicas:
        data = originals_data(ca_key(0), START - 30 * DAY)
        replicas.api.add_configuration(data["ca.crt"])
        replicas.api.add_secret({"data": encoded(data)})
        replica = await replicas.started("one", within=1.0)
        await asyncio.sleep(10 * DAY)
        assert replicas.data == data
        assert accepted(replica, replicas.bundle)
        assert replica.issuer.orders == []


@in_virtual_time
async def test_a_due_certificate_of_the_original_becomes_one_of_its_ca() -> None:
    async with Replicas() as replicas:
        data = originals_data(ca_key(0), START - 275 * DAY)
        replicas.api.add_configuration(data["ca.crt"])
        replicas.api.add_secret({"data": encoded(data)})
        replica = await replicas.started("one")
        before = replica.leaf
        await asyncio.sleep(70)
        assert replica.leaf != before
        assert replicas.data["ca.crt"] == data["ca.crt"]
        assert accepted(replica, data["ca.crt"])
        replicas.check_form()


@in_virtual_time
async def test_a_fresh_ca_of_the_original_is_waited_for_once() -> None:
    """It was put there in one step, a moment ago: API servers may not know it yet."""
    async with Replicas() as replicas:
        data = originals_data(ca_key(0), START - 10)
        replicas.api.add_configuration(data["ca.crt"])
        replicas.api.add_secret({"data": encoded(data)})
        replica = replicas.start("one")
        await asyncio.sleep(50)
        assert (
            replica.certificate.problem == "waiting until every API server has learnt of a new CA"
        )
        await asyncio.sleep(20)
        assert replica.certificate.ready
        await replicas.started("two", within=1.0)


@in_virtual_time
async def test_a_ca_is_replaced_make_before_break() -> None:
    async with Replicas(SHORT) as replicas:
        replicas.api.add_configuration()
        one, two = await replicas.started("one"), await replicas.started("two")
        (old,) = replicas.published
        seen: list[tuple[list[str], bool, set[str | None]]] = []

        def look(*_: object) -> None:
            replicas_serve = {one.serves, two.serves}
            state = (replicas.published, "next-ca.key" in replicas.data, replicas_serve)
            if not seen or seen[-1] != state:
                seen.append(state)

        replicas.api.on_write.append(look)
        replicas.api.on_write.append(lambda *_: _check_signer(replicas))
        for _ in range(4 * 3600 // 5):
            await asyncio.sleep(5)
            look()
        bundles = [state[0] for state in seen]
        new = bundles[-1][0]
        assert new != old
        assert [new] in bundles
        order = [
            ([old], False, {old}),
            ([old], True, {old}),
            ([old, new], True, {old}),
            ([old, new], False, {old}),
            ([new, old], False, {new}),
            ([new], False, {new}),
        ]
        positions = [seen.index(state) for state in order]
        assert positions == sorted(positions)
        replicas_rotated = one.certificate.rotations + two.certificate.rotations
        assert {step: replicas_rotated[step] for step in ("announce", "switch", "retire")} == {
            "announce": 1,
            "switch": 1,
            "retire": 1,
        }


def _check_signer(replicas: Replicas) -> None:
    data = replicas.data
    bundle = authorities(data["ca.crt"])
    found = serving(data["tls.crt"], data["tls.key"], bundle, NAME, "1.2")
    assert found.authority == bundle[0]
    assert signs(bundle[0], data["ca.key"])


@in_virtual_time
async def test_at_each_stage_the_original_would_keep_the_secret() -> None:
    config = replace(CONFIG, ca_lifetime=2 * YEAR, check_interval=DAY)
    async with Replicas(config) as replicas:
        replicas.api.add_configuration()
        replica = await replicas.started("one")
        seen: list[dict[str, bytes]] = []

        def check(place: object, _: object) -> None:
            if place == replicas.api.secret_place and replicas.data not in seen:
                replicas.check_form()
                seen.append(replicas.data)

        replicas.api.on_write.append(check)
        await asyncio.sleep(2 * YEAR)
        assert replica.certificate.rotations["switch"] == 1
        assert len(seen) == 6  # as begun, two renewals, announced, switched, retired


@in_virtual_time
async def test_a_person_asks_for_a_new_ca_and_for_a_new_certificate() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = await replicas.started("one")
        (old,) = replicas.published
        leaf_before = replica.leaf
        await asyncio.sleep(70)
        annotated(replicas, ROTATE, "serving")
        await asyncio.sleep(10)
        assert replica.leaf != leaf_before
        assert replicas.published == [old]
        annotated(replicas, ROTATE, "ca")
        await asyncio.sleep(600)
        assert replicas.published != [old]
        assert len(replicas.published) == 1
        assert ROTATE not in replicas.api.secret["metadata"]["annotations"]


@in_virtual_time
async def test_an_emptied_ca_bundle_is_written_again_within_two_seconds() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = await replicas.started("one")
        await asyncio.sleep(100)
        good = replicas.bundle
        replicas.api.add_configuration(b"")
        await asyncio.sleep(2)
        assert replicas.bundle == good
        assert replica.certificate.ready


@in_virtual_time
async def test_with_a_silent_watch_it_is_written_again_at_the_next_check() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        await replicas.started("one")
        await asyncio.sleep(100)
        good = replicas.bundle
        replicas.api.watching = False
        replicas.api.add_configuration(b"")
        await asyncio.sleep(601)
        assert replicas.bundle == good


@in_virtual_time
async def test_a_configuration_that_comes_late_is_said_and_waited_for() -> None:
    async with Replicas() as replicas:
        replica = replicas.start("one")
        await asyncio.sleep(30)
        assert not replica.certificate.ready
        assert "there is no MutatingWebhookConfiguration" in replica.certificate.problem
        replicas.api.add_configuration()
        await asyncio.sleep(2)
        assert replica.certificate.ready
        assert replica.certificate.trouble == ""


@in_virtual_time
async def test_a_configuration_without_our_webhook_is_left_alone_and_said() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replicas.api.change(
            replicas.api.configuration_place, lambda found: {**found, "webhooks": []}
        )
        replica = replicas.start("one")
        await asyncio.sleep(30)
        assert "has no webhook mutation.azure-workload-identity.io" in replica.certificate.problem
        assert replicas.api.configuration["webhooks"] == []


@in_virtual_time
async def test_a_secret_that_is_deleted_comes_back_and_nobody_notices() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        one, two = await replicas.started("one"), await replicas.started("two")
        await asyncio.sleep(100)
        before, leaf_before = replicas.published, one.leaf
        replicas.api.remove(replicas.api.secret_place)
        await asyncio.sleep(30)
        assert replicas.published[1:] == before
        assert {one.leaf, two.leaf} == {leaf_before}
        assert one.certificate.ready
        three = replicas.start("three")  # it has nothing but what nobody trusts for sure yet
        await asyncio.sleep(10)
        assert not three.certificate.ready
        await asyncio.sleep(60)
        assert three.certificate.ready
        assert {one.leaf, two.leaf} == {three.leaf}
        await asyncio.sleep(3000)
        assert replicas.published[1:] == before  # what others said was lost with it
        await asyncio.sleep(1500)
        assert len(replicas.published) == 1
        assert replicas.published != before


@in_virtual_time
async def test_a_damaged_secret_is_mended_and_the_good_certificate_stays_meanwhile() -> None:
    for damage in ({"tls.key": b"x"}, {"tls.crt": b""}, {"ca.crt": b"junk"}, {"ca.key": b""}):
        async with Replicas() as replicas:
            replicas.api.add_configuration()
            replica = await replicas.started("one")
            await asyncio.sleep(100)
            bundle = replicas.bundle

            def harm(secret: dict, damage: dict = damage) -> dict:
                return {**secret, "data": secret["data"] | encoded(damage)}

            replicas.api.change(replicas.api.secret_place, harm)
            await asyncio.sleep(1)
            assert accepted(replica, bundle)
            assert replica.certificate.ready
            await asyncio.sleep(1000)
            replicas.check_form()
            assert replica.certificate.ready
            assert accepted(replica, replicas.bundle)


@in_virtual_time
async def test_a_certificate_that_fails_its_rehearsal_is_not_served() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = await replicas.started("one")
        await asyncio.sleep(100)
        good = replica.leaf
        replica.link.refuses["update", "secrets"] = ServerError("not now")
        stranger = leaf(authority(5, START), START, names=("other.example",))
        bad = {"tls.crt": stranger.certificate, "tls.key": stranger.key}
        replicas.api.change(
            replicas.api.secret_place,
            lambda secret: {**secret, "data": secret["data"] | encoded(bad)},
        )
        await asyncio.sleep(30)
        assert replica.leaf == good
        assert replica.certificate.ready
        assert replica.certificate.rejected == 1
        assert replica.certificate.trouble == "not now"


@in_virtual_time
async def test_the_originals_ca_in_one_step_and_our_replicas_still_have_theirs_in_the_bundle() -> (
    None
):
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        one = await replicas.started("one")
        await asyncio.sleep(100)
        (ours,) = replicas.published
        data = originals_data(ca_key(4), START)
        replicas.api.change(
            replicas.api.secret_place, lambda secret: {**secret, "data": encoded(data)}
        )
        replicas.api.add_configuration(data["ca.crt"])
        await asyncio.sleep(10)
        assert one.serves == ours
        assert replicas.published[1] == ours
        assert accepted(one, replicas.bundle)
        await asyncio.sleep(60)
        assert one.serves == replicas.published[0] != ours
        await asyncio.sleep(600)
        assert replicas.published == [one.serves]


@in_virtual_time
async def test_an_old_ca_waits_for_a_replica_that_is_cut_off() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        one, two = await replicas.started("one"), await replicas.started("two")
        await asyncio.sleep(100)
        (old,) = replicas.published
        two.link.cut(1800)
        annotated(replicas, ROTATE, "ca")
        await asyncio.sleep(1500)
        assert one.serves != old
        assert two.serves == old
        assert old in replicas.published
        assert two.certificate.ready
        assert accepted(two, replicas.bundle)
        await asyncio.sleep(1500)
        assert two.serves == one.serves
        assert replicas.published == [one.serves]


@in_virtual_time
async def test_one_that_never_comes_back_holds_it_up_for_an_hour() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        one = await replicas.started("one")
        await replicas.started("two")
        await asyncio.sleep(100)
        (old,) = replicas.published
        await replicas.stop("two")  # it crashed
        annotated(replicas, ROTATE, "ca")
        await asyncio.sleep(3500)
        assert old in replicas.published
        await asyncio.sleep(1000)
        assert replicas.published == [one.serves]


@in_virtual_time
async def test_one_that_says_farewell_holds_up_nothing() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        one = await replicas.started("one")
        await replicas.started("two")
        await asyncio.sleep(100)
        await replicas.stop("two", farewell=True)
        said = json.loads(replicas.api.secret["metadata"]["annotations"][REPLICAS])
        assert list(said) == ["one"]
        annotated(replicas, ROTATE, "ca")
        await asyncio.sleep(600)
        assert replicas.published == [one.serves]


@in_virtual_time
async def test_a_replica_that_starts_in_the_middle_of_it_is_ready_at_once() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        await replicas.started("one")
        await asyncio.sleep(100)
        annotated(replicas, ROTATE, "ca")
        for number in range(30):
            await asyncio.sleep(10)
            newcomer = await replicas.started(f"new-{number}", within=1.0)
            assert accepted(newcomer, replicas.bundle)
            await replicas.stop(newcomer.name, farewell=True)


@in_virtual_time
async def test_while_the_api_server_is_away_the_last_known_answer_stands() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = await replicas.started("one")
        await asyncio.sleep(100)
        replica.link.cut(7200)
        await asyncio.sleep(3600)
        assert replica.certificate.ready
        assert replica.certificate.trouble == "the API server can't be reached"
        await asyncio.sleep(7200)
        assert replica.certificate.trouble == ""


@in_virtual_time
async def test_a_missing_right_is_named_with_its_rule() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = replicas.start("one")
        rule = replicas.api.secret_place.rule("get")
        replica.link.refuses["get", "secrets"] = Forbidden("get secrets: forbidden", rule=rule)
        await asyncio.sleep(30)
        assert not replica.certificate.ready
        assert replica.certificate.problem == (
            'the API server does not allow it; it takes the rule {apiGroups: [""], resources: '
            '["secrets"], verbs: ["get"]} in a Role of namespace azure-workload-identity-system'
        )
        replica.link.refuses.clear()
        await asyncio.sleep(60)
        assert replica.certificate.ready


@in_virtual_time
async def test_without_the_right_to_write_a_good_certificate_is_served_all_the_same() -> None:
    async with Replicas() as replicas:
        data = originals_data(ca_key(0), START - 30 * DAY)
        replicas.api.add_configuration(data["ca.crt"])
        replicas.api.add_secret({"data": encoded(data)})
        replica = replicas.start("one")
        for kind in ("secrets", "mutatingwebhookconfigurations"):
            for verb in ("update", "create", "watch"):
                error = Forbidden("forbidden", rule="the rule")
                replica.link.refuses[verb, kind] = error
        await asyncio.sleep(60)
        assert replica.certificate.ready
        assert "the rule" in replica.certificate.trouble


@in_virtual_time
async def test_a_certificate_that_can_not_be_made_is_tried_again() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = replicas.start("one")
        make = replica.issuer.make

        async def fail(order: object) -> None:
            raise IssuingFailed("making a certificate took more than 60 s")

        replica.issuer.make = fail
        await asyncio.sleep(30)
        assert replica.certificate.problem == "making a certificate took more than 60 s"
        replica.issuer.make = make
        await asyncio.sleep(60)
        assert replica.certificate.ready


@in_virtual_time
async def test_a_steady_state_writes_once_a_day_for_each_replica() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        await replicas.started("one")
        await replicas.started("two")
        await asyncio.sleep(100)
        replicas.api.writes.clear()
        await asyncio.sleep(10 * DAY)
        assert 15 <= len(replicas.api.writes) <= 21
        assert set(replicas.api.writes) == {"update secrets"}


@in_virtual_time
async def test_notes_that_make_no_sense_do_no_harm() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = await replicas.started("one")
        await asyncio.sleep(100)
        for nonsense in ("", "{", "[]", '{"x": 1}', '{"x": {"authority": 1, "at": "never"}}'):
            annotated(replicas, REPLICAS, nonsense)
            annotated(replicas, SETTLED, nonsense)
            annotated(replicas, ROTATE, nonsense)
            await asyncio.sleep(100)
            assert replica.certificate.ready
            assert replica.certificate.trouble == ""


@in_virtual_time
async def test_what_is_no_base64_in_the_secret_counts_as_nothing() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replicas.api.add_secret({"data": {"ca.crt": "%%%", "ca.key": None, "tls.crt": "x"}})
        await replicas.started("one")
        replicas.check_form()
        assert set(data_of(replicas.api.secret)) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}


def test_lifetimes_are_those_of_the_configuration() -> None:
    async def main() -> None:
        async with Replicas(SHORT) as replicas:
            replicas.api.add_configuration()
            replica = await replicas.started("one")
            assert replica.certificate.expiries() == pytest.approx(
                {"ca": START + 4 * 3600, "serving": START + 2 * 3600}, abs=2
            )

    virtual_time.run(main())


def test_a_certificate_made_by_openssl_defaults_of_one_year_is_renewed_in_time() -> None:
    """A serving certificate of the original that has a month left: renewed, under the same CA."""

    async def main() -> None:
        async with Replicas() as replicas:
            data = originals_data(ca_key(0), START - 335 * DAY, life=timedelta(days=365))
            replicas.api.add_configuration(data["ca.crt"])
            replicas.api.add_secret({"data": encoded(data)})
            replica = await replicas.started("one")
            await asyncio.sleep(120)
            assert replica.certificate.expiries()["serving"] > START + 364 * DAY

    virtual_time.run(main())
