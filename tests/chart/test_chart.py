"""The chart as a whole: lint, versions, and what is derived of its values."""

import json
from pathlib import Path
from shutil import copytree
from typing import Final

import pytest
import yaml

from hack.chart.__main__ import main
from hack.chart.errors import ChartError
from hack.chart.files import derived, stale
from hack.chart.readme import with_tables
from hack.chart.values import Row, rows
from identity.version import VERSION
from tests.chart.helm import CHART, Severity, lint
from tests.chart.rendering import TENANT

PLACE: Final = (
    "<!-- values: written by `make chart` from values.schema.json and values.yaml -->\n"
    "old\n<!-- end of values -->"
)


def test_helm_lint_finds_nothing() -> None:
    found = lint(values={"azureTenantID": TENANT})
    assert [one for one in found if one.severity > Severity.INFO] == []


def test_the_charts_version_is_the_programs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["appVersion"] == VERSION
    assert chart["kubeVersion"] == ">=1.30.0-0", "ValidatingAdmissionPolicy v1"


def test_the_readmes_tables_and_the_copy_of_the_values_are_true() -> None:
    assert stale() == [], "run `make chart`"


def test_every_value_stands_in_the_readme() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    readme = (CHART / "README.md").read_text("utf-8")
    assert all(f"| `{key}" in readme for key in schema["properties"] if key != "global")


def test_check_writes_nothing_and_says_what_is_not_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copytree(CHART, tmp_path / "chart")
    monkeypatch.setattr("hack.chart.files.derived.__defaults__", (copy,))
    monkeypatch.setattr("hack.chart.files.stale.__defaults__", (copy,))
    values = copy / "values.yaml"
    values.write_text(values.read_text("utf-8").replace("replicaCount: 2", "replicaCount: 3", 1))

    assert main(["readme", "--check"]) == 1
    assert "README.md: not right; run `make chart`" in capsys.readouterr().out
    assert main(["readme"]) == 0
    assert "README.md: written" in capsys.readouterr().out
    assert main(["readme", "--check"]) == 0
    assert "| `replicaCount` | `3` |" in (copy / "README.md").read_text("utf-8")
    assert (copy / "files" / "defaults.yaml").read_text("utf-8") == values.read_text("utf-8")


def test_what_only_one_of_both_has_is_told() -> None:
    schema = {
        "definitions": {"words": {"type": "string"}},
        "properties": {
            "a": {
                "description": "A.",
                "type": "object",
                "properties": {"b": {"description": "B."}},
            },
            "c": {"$ref": "#/definitions/words"},
        },
    }
    with pytest.raises(ChartError) as refused:
        rows(schema, {"a": {"x": 1}, "d": 1})
    assert str(refused.value).splitlines() == [
        "values.yaml has d, values.schema.json has not",
        "values.yaml has a.x, values.schema.json has not",
        "values.schema.json has a.b, values.yaml has not",
        "values.schema.json: c has no description",
        "values.schema.json has c, values.yaml has not",
    ]


def test_a_row_has_the_default_and_the_choices() -> None:
    said = {"description": "How.", "enum": ["a", "b|c", None]}
    found = rows({"properties": {"policies": said}}, {"policies": "a"})
    assert found == [Row("policies", "`a`", "How. One of `a`, `b|c`.")]
    text = with_tables(f"before\n{PLACE}\nafter\n", found)
    assert "\n| `policies` | `a` | How. One of `a`, `b\\|c`. |\n" in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")


def test_a_readme_without_the_place_is_told() -> None:
    with pytest.raises(ChartError, match="expected the tables' place once"):
        with_tables("nothing", [Row("policies", "", "")])


def test_a_chart_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match="nowhere"):
        derived(tmp_path / "nowhere")
