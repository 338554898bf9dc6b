"""Replicas on an API in memory, in virtual time: what goes wrong, one case at a time."""

import asyncio

import pytest

from tests.webhook.certificates import virtual_time
from tests.webhook.certificates.keys import DAY, authority, ca_key, leaf
from tests.webhook.certificates.memory_api import Json
from tests.webhook.certificates.replicas import (
    START,
    Replicas,
    accepted,
    annotated,
    chain_is_whole,
    encoded,
    originals_data,
)
from tests.webhook.certificates.virtual_time import in_virtual_time
from webhook.certificates.errors import IssuingFailed
from webhook.certificates.secret import REPLICAS, ROTATE, SETTLED, data_of
from webhook.kube import Forbidden, ServerError


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
        assert replica.is_ready()


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
        assert not replica.is_ready()
        assert "there is no MutatingWebhookConfiguration" in replica.certificate.problem
        replicas.api.add_configuration()
        await asyncio.sleep(2)
        assert replica.is_ready()
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
        assert one.is_ready()
        three = replicas.start("three")  # it has nothing but what nobody trusts for sure yet
        await asyncio.sleep(10)
        assert not three.is_ready()
        await asyncio.sleep(60)
        assert three.is_ready()
        assert {one.leaf, two.leaf} == {three.leaf}
        await asyncio.sleep(3000)
        assert replicas.published[1:] == before  # what others said was lost with it
        await asyncio.sleep(1500)
        assert len(replicas.published) == 1
        assert replicas.published != before


@in_virtual_time
async def test_a_newcomer_that_finds_the_secret_lost_keeps_what_is_trusted_in_the_bundle() -> None:
    """Another replica still serves, and can't say so: it is cut off from the API server."""
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        one = await replicas.started("one")
        await asyncio.sleep(100)
        one.link.cut(1800)
        replicas.api.remove(replicas.api.secret_place)
        untrusted: list[bytes] = []

        def check(*_: object) -> None:
            if not accepted(one, replicas.bundle):
                untrusted.append(replicas.bundle)

        replicas.api.on_write.append(check)
        two = replicas.start("two")
        await asyncio.sleep(1000)
        assert two.is_ready()
        assert one.leaf != two.leaf
        assert untrusted == []


@in_virtual_time
async def test_a_damaged_secret_is_mended_and_the_good_certificate_stays_meanwhile() -> None:
    for damage in ({"tls.key": b"x"}, {"tls.crt": b""}, {"ca.crt": b"junk"}, {"ca.key": b""}):
        async with Replicas() as replicas:
            replicas.api.add_configuration()
            replica = await replicas.started("one")
            await asyncio.sleep(100)
            bundle = replicas.bundle

            def harm(secret: Json, damage: dict[str, bytes] = damage) -> Json:
                return {**secret, "data": secret["data"] | encoded(damage)}

            replicas.api.change(replicas.api.secret_place, harm)
            await asyncio.sleep(1)
            assert accepted(replica, bundle)
            assert replica.is_ready()
            await asyncio.sleep(1000)
            replicas.check_form()
            assert replica.is_ready()
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
        assert replica.is_ready()
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
        assert two.is_ready()
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
async def test_while_the_api_server_is_away_the_last_known_answer_stands() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = await replicas.started("one")
        await asyncio.sleep(100)
        replica.link.cut(7200)
        await asyncio.sleep(3600)
        assert replica.is_ready()
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
        assert not replica.is_ready()
        problem = replica.certificate.problem
        assert problem == f"the API server does not allow it; it takes the rule {rule}"
        name = replicas.config.secret_name
        assert f'resources: ["secrets"], resourceNames: ["{name}"], verbs: ["get"]' in problem
        replica.link.refuses.clear()
        await asyncio.sleep(60)
        assert replica.is_ready()


@in_virtual_time
async def test_a_secret_that_is_gone_and_may_not_be_created_is_asked_for() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replicas.api.add_secret({})
        replica = await replicas.started("one")
        served, bundle = replica.leaf, replicas.bundle
        await asyncio.sleep(100)
        replica.link.refuses["create", "secrets"] = Forbidden("create: forbidden", rule="the rule")
        replicas.api.remove(replicas.api.secret_place)
        made = len(replica.issuer.orders)
        await asyncio.sleep(3600)
        assert "create it, empty" in replica.certificate.trouble
        assert "grant the rule the rule" in replica.certificate.trouble
        assert replica.is_ready()
        assert (replica.leaf, replicas.bundle) == (served, bundle)
        assert len(replica.issuer.orders) == made, "no keys for nothing"

        replicas.api.add_secret({})
        await asyncio.sleep(100)
        assert replica.certificate.trouble == ""
        assert chain_is_whole(replicas)


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
        assert replica.is_ready()
        assert "the rule" in replica.certificate.trouble


@pytest.mark.parametrize("kind", ["secrets", "mutatingwebhookconfigurations"])
def test_without_the_right_to_watch_rotation_goes_on_and_the_rule_is_told_once(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Replicas() as replicas:
            replicas.api.add_configuration()
            both = [replicas.start("one"), replicas.start("two")]
            for replica in both:
                error = Forbidden("watch: forbidden", rule="the rule")
                replica.link.refuses["watch", kind] = error
            await asyncio.sleep(100)
            (old,) = replicas.published
            for replica in both:
                assert replica.is_ready()
                assert "does not allow a watch" in replica.certificate.trouble
                assert replica.certificate.trouble.endswith("it takes the rule the rule")
            annotated(replicas, ROTATE, "ca")
            await asyncio.sleep(3 * 3600)
            assert replicas.published != [old]
            assert len(replicas.published) == 1
            assert len([one for one in caplog.records if "allow a watch" in str(vars(one))]) == 2
            for replica in both:
                replica.link.refuses.clear()
            await asyncio.sleep(60)
            assert [replica.certificate.trouble for replica in both] == ["", ""]

    virtual_time.run(main())


@in_virtual_time
async def test_a_certificate_that_can_not_be_made_is_tried_again() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replica = replicas.start("one")
        replica.issuer.fails = IssuingFailed("making a certificate took more than 60 s")
        await asyncio.sleep(30)
        assert replica.certificate.problem == "making a certificate took more than 60 s"
        replica.issuer.fails = None
        await asyncio.sleep(60)
        assert replica.is_ready()


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
            assert replica.is_ready()
            assert replica.certificate.trouble == ""


@in_virtual_time
async def test_what_is_no_base64_in_the_secret_counts_as_nothing() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        replicas.api.add_secret({"data": {"ca.crt": "%%%", "ca.key": None, "tls.crt": "x"}})
        await replicas.started("one")
        replicas.check_form()
        assert set(data_of(replicas.api.secret)) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
