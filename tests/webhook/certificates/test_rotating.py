"""Replicas on an API in memory, in virtual time: what they make, keep and replace."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.webhook.certificates import virtual_time
from tests.webhook.certificates.keys import DAY, NAME, YEAR, ca_key
from tests.webhook.certificates.replicas import (
    CONFIG,
    START,
    Replicas,
    accepted,
    annotated,
    encoded,
    originals_data,
)
from tests.webhook.certificates.virtual_time import in_virtual_time
from webhook.certificates.inspection import authorities, serving, signs
from webhook.certificates.secret import REPLICAS, ROTATE

SHORT = replace(CONFIG, ca_lifetime=4 * 3600.0, serving_lifetime=2 * 3600.0, lookahead=1800.0)
"""A CA for four hours, certificates for two."""


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
        assert replica.is_ready()
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
        order: list[tuple[list[str], bool, set[str | None]]] = [
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
async def test_a_new_certificate_of_the_same_ca_is_served_at_once() -> None:
    """Also by replicas that have just started, and so have not seen the CA for long."""
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        one, two = await replicas.started("one"), await replicas.started("two")
        old = one.leaf
        annotated(replicas, ROTATE, "serving")
        await asyncio.sleep(2 * CONFIG.jitter)
        assert one.leaf == two.leaf
        assert one.leaf != old


@in_virtual_time
async def test_replicas_that_end_together_all_say_farewell() -> None:
    """As where the Deployment is scaled to zero: each writes the same Secret at the same time."""
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        names = ["one", "two", "three"]
        for name in names:
            await replicas.started(name)
        await asyncio.sleep(100)
        assert set(json.loads(replicas.api.secret["metadata"]["annotations"][REPLICAS])) == {*names}
        await asyncio.gather(*(replicas.stop(name, farewell=True) for name in names))
        assert json.loads(replicas.api.secret["metadata"]["annotations"].get(REPLICAS, "{}")) == {}


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
