"""docs/controller.md leaves out nothing that can be set, told or measured, and makes nothing up."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.config.flags import FLAGS
from controller.config.settings import UNPROBED
from controller.grants import Question, Verb, manifest_for
from controller.journal import ALLOW_REMOVALS
from controller.metrics import Metrics, TermFigures
from controller.model import ClusterIdentity
from controller.names import COMPONENT, FINALIZER, KIND
from controller.status.errors import REASONS
from controller.wishes import wish_from
from entra.errors import Denied
from identity.clouds import CLOUDS
from identity.credential_names import cluster_tag
from identity.names import ACCOUNT_ANNOTATIONS, PREFIX, TOKEN_EXPIRATION

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "workload-identity-webhook"
MANUAL = (ROOT / "docs" / "controller.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
CLIENT_ID = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
ISSUER = "https://issuer.example/"

TELLING = (
    *("status", "reconcile", "probe", "accounts"),
    "proofs.py",
)
"""Where reasons of conditions and Events are written down."""
NO_REASONS = frozenset(
    {"True", "False", "Unknown", "Authorized", "Synced", "Normal", "Warning"}
    | {"Event", "ServiceAccount", "TokenRequest", "History", "Subject"}
)
"""Words with a capital in these modules that are no reason of anything."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", MANUAL, re.DOTALL | re.MULTILINE)


def objects(kind: str) -> list[dict[str, Any]]:
    found = [one for block in blocks("yaml") for one in yaml.safe_load_all(block)]
    return [one for one in found if one["kind"] == kind]


def section(title: str) -> str:
    """Return what stands under a heading of the second level."""
    return re.split(r"^## ", MANUAL.split(f"\n## {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, without those of its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    ruled = [number for number, row in enumerate(cells) if set("".join(row)) <= set("-| ")]
    heads = {number - 1 for number in ruled}
    return [row for number, row in enumerate(cells) if number not in heads | set(ruled)]


def codes(cell: str) -> list[str]:
    return CODE.findall(cell)


def told_reasons() -> dict[str, dict[str, str]]:
    """Return the statuses of the manual's reasons, by condition."""
    parts = re.split(r"^\*\*Of `(\w+)`\*\*.*$", section("Reasons"), flags=re.MULTILINE)[1:]
    return {
        condition: {
            reason: row[1] for row in rows(text) if len(row) > 1 for reason in codes(row[0])
        }
        for condition, text in zip(parts[::2], parts[1::2], strict=True)
    }


def modules() -> Iterator[ast.Module]:
    for name in TELLING:
        path = ROOT / "controller" / name
        for file in [path] if path.suffix else sorted(path.glob("*.py")):
            if file.name != "__init__.py":
                yield ast.parse(file.read_text("utf-8"))


def reasons_in_the_code() -> set[str]:
    words = set()
    for module in modules():
        prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
        words |= {
            node.value
            for node in ast.walk(module)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in prose
            and re.fullmatch(r"[A-Z][A-Za-z]+", node.value)
        }
    return words - NO_REASONS


def conditions_in_the_code() -> set[tuple[str, str, str]]:
    """Return type, status and reason wherever all three are written out."""
    found = {("Synced", "False", reason) for reason in REASONS.values()}
    for module in modules():
        for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            words = [one.value if isinstance(one, ast.Constant) else one for one in call.args]
            if name in {"_yes", "_no"}:
                found.add(("Synced", {"_yes": "True", "_no": "False"}[name], str(words[0])))
            elif name == "Condition" and isinstance(words[2], str):
                kind = words[0]
                assert isinstance(kind, ast.Name)
                if isinstance(words[1], str):
                    found.add((kind.id.title(), words[1], words[2]))
    return found


def test_every_flag_stands_in_the_table_with_its_variable_and_default() -> None:
    told = {
        codes(row[0])[0]: (codes(row[1]), codes(row[2]))
        for row in rows(section("Flags"))
        if row[0].startswith("`--")
    }
    assert told == {
        f"--{flag.name}": (
            [flag.variable] if flag.variable else [],
            [flag.default] if flag.default else [],
        )
        for flag in FLAGS
    }


def test_every_flag_that_is_spoken_of_is_one() -> None:
    spoken = {flag for code in CODE.findall(FENCE.sub("", MANUAL)) for flag in _flags(code)}
    assert spoken <= {f"--{flag.name}" for flag in FLAGS} | {
        "--help",
        "--version",
        "--enable-oidc-issuer",
    }


def _flags(code: str) -> list[str]:
    return re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)


def test_every_metric_stands_in_the_table_with_its_labels() -> None:
    metrics = Metrics()
    with metrics.watching(TermFigures):
        families = list(metrics.collect())
    there = {
        family.name + ("_total" if family.type == "counter" else ""): list(
            getattr(family, "_labelnames", ())
        )
        for family in families
    }
    told = {codes(row[0])[0]: codes(row[1]) for row in rows(section("Metrics"))}
    assert told == there
    assert set(re.findall(r"azwi_[a-z_]+", MANUAL)) <= set(there)


def test_every_reason_is_told_and_no_other() -> None:
    of_conditions = {reason for told in told_reasons().values() for reason in told}
    of_events = {reason for row in rows(section("Events")) for reason in codes(row[0])}
    assert of_conditions | of_events == reasons_in_the_code()


def test_reasons_are_told_under_their_condition_and_status() -> None:
    told = told_reasons()
    wrong = {
        (condition, status, reason)
        for condition, status, reason in conditions_in_the_code()
        if told[condition] and told[condition].get(reason) != status
    }
    assert wrong == set()
    assert len(conditions_in_the_code()) > 30


def test_annotations_are_those_that_mean_something() -> None:
    told = {PREFIX + codes(row[0])[0] for row in rows(section("Annotations"))}
    assert told == ACCOUNT_ANNOTATIONS - {TOKEN_EXPIRATION}  # that one is the webhook's


@pytest.mark.parametrize("body", objects(KIND), ids=lambda body: body["metadata"]["name"])
def test_objects_to_copy_are_right(body: dict[str, Any]) -> None:
    stored = {"uid": "u", "creationTimestamp": "2026-11-26T00:00:00Z"}
    body = {**body, "metadata": {**body["metadata"], **stored}}
    wish = wish_from(body, ClusterIdentity(ISSUER, cluster_tag(ISSUER)))
    assert wish.faults == ()


@pytest.mark.parametrize(
    "question",
    [
        Question("shop", "orders", Verb.FEDERATE, CLIENT_ID),
        Question("shop", "", Verb.FEDERATE_EXTERNAL, CLIENT_ID),
    ],
    ids=lambda question: question.verb.value,
)
def test_grants_to_copy_are_what_the_controller_asks_for(question: Question) -> None:
    role, binding = yaml.safe_load_all(manifest_for(question))
    roles = {one["metadata"]["name"]: one["rules"] for one in objects("ClusterRole")}
    (bound,) = [
        one for one in objects("ClusterRoleBinding") if one["subjects"] == binding["subjects"]
    ]
    assert roles[bound["roleRef"]["name"]] == role["rules"]


def test_the_verbs_are_those_that_are_asked_for() -> None:
    told = {codes(row[0])[0] for row in rows(section("Granting"))}
    assert told == {verb.value for verb in Verb}


def test_the_installation_sets_values_that_the_chart_has() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    named = re.findall(r"--set (?P<key>[\w.]+)=", section("Quick start"))
    assert len(named) == 3
    for key in named:
        found = values
        for part in key.split("."):
            assert part in found, key
            found = found[part]


def test_the_custom_role_is_the_right_that_a_refusal_asks_for() -> None:
    (block,) = blocks("json")
    actions = json.loads(block)["Actions"]
    (asked,) = re.findall(r"Microsoft\S+/\*", Denied.advice)
    stem = asked.removesuffix("/*")
    assert [action for action in actions if action.startswith(stem)] == [
        f"{stem}/{verb}" for verb in ("read", "write", "delete")
    ]
    assert set(actions) - {f"{stem}/{verb}" for verb in ("read", "write", "delete")} == {
        f"{stem.rpartition('/')[0]}/read"
    }


def test_the_line_that_tells_a_clusters_tag_does() -> None:
    (program,) = re.findall(r"^python -c '(.*)' \"\$issuer\"$", MANUAL, re.MULTILINE)
    told = subprocess.run(
        [sys.executable, "-c", program, ISSUER],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == cluster_tag(ISSUER)


def test_names_to_copy_are_the_real_ones() -> None:
    assert f"annotate configmap {COMPONENT} \\\n  {ALLOW_REMOVALS}=" in MANUAL
    assert f"`{FINALIZER}`" in MANUAL
    assert {cloud.name for cloud in CLOUDS if f"`{cloud.name}`" not in MANUAL} == set()
    assert {name for name in UNPROBED if name not in section("The probe")} == set()


def test_files_that_are_named_are_there() -> None:
    places = [ROOT / "charts" / "workload-identity-webhook" / "files", ROOT / "examples"]
    named = set(re.findall(r"[a-z][a-z-]*\.yaml", MANUAL))
    assert {name for name in named if not any((place / name).exists() for place in places)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    links = re.findall(r"\]\((?!https?:|mailto:)([^)\s]*)\)", text)
    assert {link for link in links if not _leads(page, link)} == set()


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in {_slug(title) for title in _titles(target)}


def _titles(page: Path) -> list[str]:
    text = FENCE.sub("", page.read_text("utf-8"))
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def _slug(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
