"""The page as HTML: whole, safe, bounded."""

import re
import uuid
from html.parser import HTMLParser

import pytest

from emulator.page.routes import HEADERS
from tests.emulator.admin.stage import Stage
from tests.emulator.conftest import MakeWorld, OpenClient
from tests.emulator.page.test_view import many
from tests.emulator.seed.samples import APP, ISSUER, application, credential, seed

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'></title><b>&amp;{{7-7}}"
VOID = {"meta", "link", "input"}


class Elements(HTMLParser):
    """Every element with its attributes; what is opened has to be closed."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(content)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.found}


async def page(stage: Stage, query: str = "") -> Elements:
    answer = await stage.http.get(f"/{query}")
    assert answer.status_code == 200
    return Elements(answer.text)


async def test_the_page_is_one_document_without_script_or_anything_from_elsewhere(
    stage: Stage,
) -> None:
    await stage.exchange(sub="nobody")
    found = await page(stage)
    assert "script" not in found.tags()
    for tag, attributes in found.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href", "action"):
            target = attributes.get(name) or ""
            assert target in {"", "data:,"} or target[0] in "/#", (tag, target)
            assert not target.startswith("//")


async def test_the_page_forbids_all_that_it_does_not_need(stage: Stage) -> None:
    headers = (await stage.http.get("/")).headers
    for name, value in HEADERS.items():
        assert headers[name] == value
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_the_style_is_the_one_that_is_allowed(stage: Stage) -> None:
    content = (await stage.http.get("/")).text
    style = re.search(r"<style>(.*?)</style>", content, re.DOTALL)
    assert style is not None
    assert "prefers-color-scheme: dark" in style[1]
    assert "@import" not in style[1]
    assert "url(" not in style[1]


async def test_names_of_all_kinds_are_only_shown(
    make_world: MakeWorld, open_client: OpenClient, stage: Stage
) -> None:
    hostile = credential(subject=HOSTILE) | {"description": HOSTILE, "audiences": [HOSTILE]}
    world = make_world(
        seed(
            applications=[application(displayName=HOSTILE, federatedIdentityCredentials=[hostile])],
        )
    )
    stage = Stage(world, open_client(world), stage.hands, stage.issuer)
    plain = (await page(stage)).tags()
    await stage.exchange(sub=HOSTILE, aud="x")
    await stage.exchange(HOSTILE)
    await stage.http.get("/v1.0/" + HOSTILE, headers={"Authorization": HOSTILE})
    await stage.done("PUT", "/faults", {"failures": [{"kind": HOSTILE[:90], "code": HOSTILE}]})
    for query in ("", "?q=" + "script", "?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E%E2%80%A6"):
        content = (await stage.http.get(f"/{query}")).text
        assert "<script" not in content
        assert "<img" not in content
        found = Elements(content)
        assert found.tags() <= plain | {"a", "span", "section", "ul", "li", "code", "time", "nav"}
        assert not [one for one in found.found if "onerror" in one[1]]
    assert HOSTILE in (await page(stage)).text


async def test_the_search_stays_in_its_field_and_links(stage: Stage) -> None:
    found = await page(stage, "?q=%22%26x%3D1&refresh=5")
    values = [attributes.get("value") for tag, attributes in found.found if tag == "input"]
    assert values == ['"&x=1', "5"]
    assert ("meta", {"http-equiv": "refresh", "content": "5"}) in found.found
    assert [
        a["href"] for tag, a in found.found if tag == "a" and "refresh=0" in str(a["href"])
    ] == ["/?q=%22%26x%3D1&page=1&refresh=0"]


async def test_without_being_asked_it_does_not_refresh(stage: Stage) -> None:
    found = await page(stage)
    assert not [one for one in found.found if one[1].get("http-equiv")]


async def test_everything_is_told_in_words(stage: Stage) -> None:
    await stage.done("PUT", "/faults", {"latencySeconds": 2})
    await stage.exchange(sub="nobody")
    text = " ".join((await page(stage)).text.split())
    for words in (
        "Every call takes 2 seconds longer.",
        "1 of 20 slots",
        "refused payments",
        "There is: system:serviceaccount:team:app.",
        "AZURE_AUTHORITY_HOST=https://emulator.test:8443/",
        ISSUER,
        APP,
    ):
        assert words in text


async def test_an_empty_emulator_says_so(
    make_world: MakeWorld, open_client: OpenClient, stage: Stage
) -> None:
    world = make_world({})
    found = await page(Stage(world, open_client(world), stage.hands, stage.issuer))
    assert "None yet." in " ".join(found.text.split())
    assert "No faults are on." in found.text


async def test_the_page_stays_small_whatever_is_in_it(
    make_world: MakeWorld, open_client: OpenClient, stage: Stage
) -> None:
    world = make_world(seed(managedIdentities=[*many(500, 20)], applications=[]))
    stage = Stage(world, open_client(world), stage.hands, stage.issuer)
    for number in range(60):
        await stage.exchange(str(uuid.UUID(int=number)), sub="s" * 3000)
    content = (await stage.http.get("/?q=fleet")).text
    assert content.count('<details class="identity"') == 20
    assert len(content) < 1_000_000
    found = Elements(content)
    links = {a.get("rel"): a["href"] for tag, a in found.found if tag == "a" and a.get("rel")}
    assert links == {"next": "/?q=fleet&page=2&refresh=0"}


@pytest.mark.parametrize("query", ["?page=0", "?page=x", "?refresh=-1", "?q=" + "x" * 201])
async def test_a_query_that_can_not_be_is_refused(stage: Stage, query: str) -> None:
    refused = await stage.http.get(f"/{query}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BadRequest")
