"""An issuer's documents over real HTTPS, and whatever a server can do instead of answering."""

import asyncio
import dataclasses
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from emulator.tokens.fetch import LONGEST, HttpFetch, Malformed, Reach, Unreachable
from emulator.tokens.issuers import Issuers
from tests.fakes.issuer import NAME, Address, FakeIssuer, Hang, Status, served

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def fake() -> FakeIssuer:
    return FakeIssuer()


@pytest.fixture
def address(fake: FakeIssuer, tmp_path: Path) -> Iterator[Address]:
    with served(fake, tmp_path) as found:
        yield found


@pytest.fixture
def reach(address: Address) -> Reach:
    return Reach(NAME, url=address.url, ca=address.ca)


async def test_an_issuer_is_read_by_its_ca_and_its_token(
    fake: FakeIssuer, address: Address, tmp_path: Path
) -> None:
    file = tmp_path / "reader.token"
    file.write_text("first\n")
    reach = Reach(NAME, url=address.url, ca=address.ca, token_file=file)
    issuers = Issuers([reach], HttpFetch(None), lambda: 0.0)
    assert await issuers.key(NAME, "key-1") == fake.key("key-1").public_key()
    file.write_text("second\n")
    issuers.add(reach)
    await issuers.key(NAME, "key-1")
    assert fake.asked == [
        (DISCOVERY, "Bearer first"),
        ("/openid/v1/jwks", "Bearer first"),
        (DISCOVERY, "Bearer second"),
        ("/openid/v1/jwks", "Bearer second"),
    ]


async def test_a_ca_and_a_token_may_come_as_text(fake: FakeIssuer, address: Address) -> None:
    reach = Reach(NAME, url=address.url, ca_data=address.ca.read_text(), token="t0ken")
    await HttpFetch(None)(address.url + DISCOVERY, reach)
    assert fake.asked == [(DISCOVERY, "Bearer t0ken")]
    assert "t0ken" not in repr(reach)


async def test_the_ca_of_all_issuers_is_taken_for_one_without_its_own(address: Address) -> None:
    await HttpFetch(address.ca)(address.url + DISCOVERY, Reach(NAME, url=address.url))


async def test_an_issuer_of_an_unknown_ca_is_not_read(
    fake: FakeIssuer, address: Address, tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(str(other))
    with pytest.raises(Unreachable, match="TLS: unable to get local issuer certificate"):
        await HttpFetch(other)(address.url + DISCOVERY, Reach(NAME, url=address.url))
    assert fake.asked == []


async def test_a_token_goes_to_no_other_host_than_the_issuers_own(
    fake: FakeIssuer, address: Address, tmp_path: Path
) -> None:
    other = FakeIssuer()
    folder = tmp_path / "other"
    folder.mkdir()
    with served(other, folder) as elsewhere:
        both = tmp_path / "both.crt"
        both.write_bytes(address.ca.read_bytes() + elsewhere.ca.read_bytes())
        fake.name = address.url
        fake.document["jwks_uri"] = f"{elsewhere.url}/openid/v1/jwks"
        reach = Reach(address.url, ca=both, token="t0ken")
        issuers = Issuers([reach], HttpFetch(None), lambda: 0.0)
        assert await issuers.key(address.url, "key-1") is not None
    assert fake.asked == [(DISCOVERY, "Bearer t0ken")]
    assert other.asked == [("/openid/v1/jwks", "")]


async def test_a_redirect_is_not_followed(fake: FakeIssuer, reach: Reach) -> None:
    fake.behave(Status(302, headers={"Location": "https://127.0.0.1:1/elsewhere"}))
    with pytest.raises(Unreachable, match="answers with status 302"):
        await HttpFetch(None)(f"{reach.url}{DISCOVERY}", reach)
    assert len(fake.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff\xfe", b'{"issuer":1,"issuer":2}'])
async def test_garbage_is_told(fake: FakeIssuer, reach: Reach, body: bytes) -> None:
    fake.behave(Status(200, body))
    with pytest.raises(Malformed, match="does not answer with JSON"):
        await HttpFetch(None)(f"{reach.url}{DISCOVERY}", reach)


async def test_of_ten_megabytes_one_is_read(fake: FakeIssuer, reach: Reach) -> None:
    fake.behave(Status(200, b" " * (10 << 20)))
    with pytest.raises(Malformed, match=f"answers with more than {LONGEST} bytes"):
        await HttpFetch(None)(f"{reach.url}{DISCOVERY}", reach)


async def test_what_comes_compressed_is_not_unpacked(fake: FakeIssuer, reach: Reach) -> None:
    body = gzip.compress(b" " * (100 << 20))
    fake.behave(Status(200, body, {"Content-Encoding": "gzip"}))
    with pytest.raises(Malformed, match="answers compressed, unasked"):
        await HttpFetch(None)(f"{reach.url}{DISCOVERY}", reach)


async def test_an_issuer_that_hangs_is_given_up(fake: FakeIssuer, reach: Reach) -> None:
    fake.behave(Hang())
    with pytest.raises(Unreachable):
        await HttpFetch(None, timeout=0.2)(f"{reach.url}{DISCOVERY}", reach)


async def test_a_fetch_can_be_cancelled(fake: FakeIssuer, reach: Reach) -> None:
    hang = Hang()
    fake.behave(hang)
    fetching = asyncio.create_task(HttpFetch(None)(f"{reach.url}{DISCOVERY}", reach))
    await asyncio.to_thread(hang.begun.wait)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching


async def test_a_port_where_nobody_listens_is_told() -> None:
    with pytest.raises(Unreachable, match="can't be fetched: Connection refused"):
        await HttpFetch(None)("https://127.0.0.1:1/", Reach("https://127.0.0.1:1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://[::1/",
        "https://host:port/",
        "https://127.0.0.1:99999/",
        "",
        "https://127.0.0.1/" + "x" * 5000,
    ],
)
async def test_what_is_no_https_address_is_not_asked(url: str) -> None:
    with pytest.raises(Malformed, match="is no https address"):
        await HttpFetch(None)(url, Reach(NAME))


@pytest.mark.parametrize("token", ["two\nlines", "\x00", "ä"])
async def test_a_token_that_cannot_be_sent_is_told_without_it(
    address: Address, tmp_path: Path, token: str
) -> None:
    file = tmp_path / "reader.token"
    file.write_text(token)
    reach = Reach(NAME, url=address.url, ca=address.ca, token_file=file)
    with pytest.raises(Unreachable) as error:
        await HttpFetch(None)(f"{address.url}{DISCOVERY}", reach)
    assert token not in str(error.value)


@pytest.mark.parametrize("missing", ["ca", "token_file"])
async def test_a_file_that_is_gone_is_told(reach: Reach, address: Address, missing: str) -> None:
    nowhere = Path("/nowhere/file")
    if missing == "ca":
        reach = dataclasses.replace(reach, ca=nowhere)
    else:
        reach = dataclasses.replace(reach, token_file=nowhere)
    with pytest.raises(Unreachable, match="No such file or directory"):
        await HttpFetch(None)(f"{address.url}{DISCOVERY}", reach)
