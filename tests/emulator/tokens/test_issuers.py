"""Keys of issuers: remembered, renewed, shared, and what happens while an issuer is away."""

import asyncio

import pytest

from emulator.tokens.issuers import (
    AWAY_SECONDS,
    KEPT_SECONDS,
    PAUSE_SECONDS,
    STALE_SECONDS,
    IssuerError,
    Issuers,
    Malformed,
    Reach,
    Unreachable,
)
from emulator.tokens.key_set import MOST_KEYS, usable_keys
from tests.emulator.conftest import Hands
from tests.fakes.issuer import NAME, FakeIssuer, Status, jwk, rsa_key

OnceMore = 0.001


@pytest.fixture
def issuers(issuer: FakeIssuer, hands: Hands) -> Issuers:
    return Issuers([], issuer.fetch, lambda: hands.steady)


def readings(issuer: FakeIssuer) -> int:
    """How often its discovery document was asked for."""
    return sum(url.endswith("openid-configuration") for url, _ in issuer.asked)


async def test_keys_are_read_once_and_kept(
    issuers: Issuers, issuer: FakeIssuer, hands: Hands
) -> None:
    for _ in range(3):
        assert await issuers.key(NAME, "key-1") == issuer.key("key-1").public_key()
    hands.advance(KEPT_SECONDS)
    await issuers.key(NAME, "key-1")
    assert issuer.asked == [
        (f"{NAME}.well-known/openid-configuration", ""),
        (f"{NAME}openid/v1/jwks", ""),
    ]


async def test_a_new_key_is_looked_up_at_once(
    issuers: Issuers, issuer: FakeIssuer, hands: Hands
) -> None:
    await issuers.key(NAME, "key-1")
    issuer.rotate()
    hands.advance(PAUSE_SECONDS)
    assert await issuers.key(NAME, "key-2") == issuer.key("key-2").public_key()
    assert await issuers.key(NAME, "key-1") == issuer.key("key-1").public_key()
    assert readings(issuer) == 2


async def test_an_unknown_key_has_an_issuer_asked_at_most_once_a_second(
    issuers: Issuers, issuer: FakeIssuer, hands: Hands
) -> None:
    await issuers.key(NAME, "key-1")
    hands.advance(PAUSE_SECONDS)
    for number in range(50):
        assert await issuers.key(NAME, f"made-up-{number}") is None
    assert readings(issuer) == 2


async def test_a_withdrawn_key_is_taken_for_five_minutes_at_most(
    issuers: Issuers, issuer: FakeIssuer, hands: Hands
) -> None:
    await issuers.key(NAME, "key-1")
    issuer.rotate()
    issuer.withdraw("key-1")
    hands.advance(KEPT_SECONDS)
    assert await issuers.key(NAME, "key-1") is not None
    hands.advance(OnceMore)
    assert await issuers.key(NAME, "key-1") is None


async def test_whoever_needs_an_issuer_at_once_shares_a_reading(
    issuers: Issuers, issuer: FakeIssuer
) -> None:
    gate = asyncio.Event()
    issuer.before_each.append(gate)
    waiting = [asyncio.create_task(issuers.key(NAME, "key-1")) for _ in range(100)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waiting) == [issuer.key("key-1").public_key()] * 100
    assert len(issuer.asked) == 2


async def test_one_who_goes_away_leaves_the_reading_to_the_next(
    issuers: Issuers, issuer: FakeIssuer
) -> None:
    issuer.before_each.append(asyncio.Event())  # for ever
    first = asyncio.create_task(issuers.key(NAME, "key-1"))
    await asyncio.sleep(0)
    second = asyncio.create_task(issuers.key(NAME, "key-1"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None
    assert readings(issuer) == 2


async def test_issuers_do_not_wait_for_one_another(hands: Hands, issuer: FakeIssuer) -> None:
    other = FakeIssuer(name="https://other.test")
    issuer.before_each.append(asyncio.Event())

    async def fetch(url: str, reach: Reach) -> object:
        return await (issuer if reach.issuer == NAME else other).fetch(url, reach)

    issuers = Issuers([], fetch, lambda: hands.steady)
    hanging = asyncio.create_task(issuers.key(NAME, "key-1"))
    assert await issuers.key("https://other.test", "key-1") is not None
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_a_failing_issuer_is_asked_again_a_second_later(
    issuers: Issuers, issuer: FakeIssuer, hands: Hands
) -> None:
    issuer.behave(Status(503))
    for _ in range(10):
        with pytest.raises(Unreachable, match="answers with status 503"):
            await issuers.key(NAME, "key-1")
    assert readings(issuer) == 1
    issuer.behave(None)
    hands.advance(PAUSE_SECONDS)
    assert await issuers.key(NAME, "key-1") is not None


async def test_those_who_waited_for_a_failing_issuer_do_not_ask_it_again(
    issuers: Issuers, issuer: FakeIssuer
) -> None:
    gate = asyncio.Event()
    issuer.before_each.append(gate)
    issuer.behave(Status(503))
    waiting = [asyncio.create_task(issuers.key(NAME, "key-1")) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in found] == [Unreachable] * 20
    assert len({id(one) for one in found}) == 20  # each has a traceback of its own
    assert len(issuer.asked) == 1


async def test_known_keys_go_on_to_count_for_an_hour_while_their_issuer_is_away(
    issuers: Issuers, issuer: FakeIssuer, hands: Hands
) -> None:
    await issuers.key(NAME, "key-1")
    issuer.behave(Status(503))
    hands.advance(KEPT_SECONDS + 1)
    assert await issuers.key(NAME, "key-1") is not None
    hands.advance(AWAY_SECONDS - 1)
    assert await issuers.key(NAME, "key-1") is not None
    assert readings(issuer) == 2
    hands.advance(1)
    assert await issuers.key(NAME, "key-1") is not None
    assert readings(issuer) == 3
    hands.advance(STALE_SECONDS - KEPT_SECONDS - AWAY_SECONDS)
    with pytest.raises(Unreachable):
        await issuers.key(NAME, "key-1")


async def test_an_unknown_key_of_an_issuer_that_is_away_may_be_one_of_its(
    issuers: Issuers, issuer: FakeIssuer, hands: Hands
) -> None:
    await issuers.key(NAME, "key-1")
    issuer.behave(Status(503))
    hands.advance(PAUSE_SECONDS)
    with pytest.raises(Unreachable):
        await issuers.key(NAME, "key-2")
    assert await issuers.key(NAME, "key-1") is not None


async def test_another_way_to_an_issuer_is_taken_at_once(
    issuers: Issuers, issuer: FakeIssuer
) -> None:
    issuer.behave(Status(503))
    with pytest.raises(Unreachable):
        await issuers.key(NAME, "key-1")
    issuer.behave(None)
    issuers.add(Reach(NAME, url="https://127.0.0.1:7443/there"))
    assert await issuers.key(NAME, "key-1") is not None
    assert [url for url, _ in issuer.asked][1:] == [
        "https://127.0.0.1:7443/there/.well-known/openid-configuration",
        "https://127.0.0.1:7443/there/openid/v1/jwks",
    ]


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        (f"{NAME}keys", "https://127.0.0.1:7443/there/keys"),
        ("https://10.0.0.5:6443/openid/v1/jwks", "https://127.0.0.1:7443/openid/v1/jwks"),
    ],
)
async def test_the_keys_are_where_the_issuer_is_reached(
    hands: Hands, told: str, asked: str
) -> None:
    urls = []

    async def fetch(url: str, reach: Reach) -> object:
        urls.append(url)
        return {"issuer": NAME, "jwks_uri": told} if len(urls) == 1 else {"keys": []}

    reach = Reach(NAME, url="https://127.0.0.1:7443/there/")
    assert await Issuers([reach], fetch, lambda: hands.steady).key(NAME, "any") is None
    assert urls == ["https://127.0.0.1:7443/there/.well-known/openid-configuration", asked]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"issuer": NAME.rstrip("/")}, "is for the issuer 'https://issuer.test/cluster', not"),
        ({"issuer": None}, "is for the issuer 'None'"),
        ({"issuer": [NAME]}, "is for the issuer"),
        ({"jwks_uri": None}, "has no jwks_uri"),
        ({"jwks_uri": 5}, "has no jwks_uri"),
    ],
)
async def test_a_discovery_document_must_be_the_issuers_own(
    issuers: Issuers, issuer: FakeIssuer, document: dict[str, object], why: str
) -> None:
    issuer.document.update(document)
    with pytest.raises(Malformed, match=why):
        await issuers.key(NAME, "key-1")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"5", b"{", b"<html>"])
async def test_what_is_no_discovery_document_is_told(
    issuers: Issuers, issuer: FakeIssuer, body: bytes
) -> None:
    issuer.behave(Status(200, body))
    with pytest.raises(Malformed):
        await issuers.key(NAME, "key-1")


@pytest.mark.parametrize("keys", [None, [], {}, {"keys": {}}, {"keys": "x"}, "x"])
async def test_what_is_no_key_set_is_told(hands: Hands, keys: object) -> None:
    async def fetch(url: str, reach: Reach) -> object:
        return {"issuer": NAME, "jwks_uri": NAME} if url.endswith("configuration") else keys

    with pytest.raises(IssuerError, match="has no list `keys`"):
        await Issuers([], fetch, lambda: hands.steady).key(NAME, "key-1")


def test_the_first_hundred_keys_count() -> None:
    public = rsa_key(1).public_key()
    found = usable_keys({"keys": [jwk(public, f"key-{number}") for number in range(101)]})
    assert found is not None
    assert MOST_KEYS == 100
    assert set(found) == {f"key-{number}" for number in range(100)}


async def test_a_key_beyond_the_first_hundred_does_not_exist(
    issuers: Issuers, issuer: FakeIssuer
) -> None:
    entry = issuer.published.pop("key-1")
    filling = {f"other-{number}": entry | {"kid": f"other-{number}"} for number in range(100)}
    issuer.published = filling | {"key-1": entry}
    assert await issuers.key(NAME, "key-1") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"kty": "EC"},
        {"kty": "oct", "k": "AAAA"},
        {"use": "enc"},
        {"use": None},
        {"alg": "RS512"},
        {"alg": "ES256"},
        {"kid": None},
        {"kid": 5},
        {"n": None},
        {"n": "!"},
        {"n": "ä"},
        {"n": ""},
        {"n": "AQAB"},
        {"e": "AA"},
        {"e": "Ag"},
        {"e": []},
    ],
)
def test_a_key_that_is_of_no_use_is_passed_over(changed: dict[str, object]) -> None:
    good = jwk(rsa_key(1).public_key(), "good")
    found = usable_keys({"keys": [jwk(rsa_key(2).public_key(), "bad") | changed, 7, None, good]})
    assert found is not None
    assert set(found) == {"good"}


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    first, second = rsa_key(1).public_key(), rsa_key(2).public_key()
    assert usable_keys({"keys": [jwk(first, "one"), jwk(second, "one")]}) == {"one": first}


def test_a_key_need_not_name_its_algorithm() -> None:
    entry = jwk(rsa_key(1).public_key(), "one")
    del entry["alg"]
    assert usable_keys({"keys": [entry]}) == {"one": rsa_key(1).public_key()}
