"""Alerts: what each says, and when it fires, as Prometheus' own tool finds."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart.helm import CHART
from tests.chart.monitoring.rendered import Json, everything, of_kind, rules, with_values

RULES = CHART / "files" / "rules"
ROOT = Path(__file__).parents[3]
ALERTS = rules(everything())


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: it comes with Prometheus (Debian: prometheus)")
    return found


def told(promtool: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [promtool, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_what_it_means_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook"}
    assert len(annotations["summary"]) <= 120
    assert annotations["description"].endswith(".")


@pytest.mark.parametrize("name", ALERTS)
def test_its_runbook_is_a_heading_of_the_manual(name: str) -> None:
    file, _, anchor = ALERTS[name]["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


def test_names_are_the_files_and_each_is_there_once() -> None:
    texts = [path.read_text() for path in sorted(RULES.glob("*.yaml"))]
    names = [name for text in texts for name in re.findall(r"alert: (\w+)", text)]
    assert sorted(names) == sorted(ALERTS)
    assert len(set(names)) == len(names) > 20
    assert all(name.startswith("Azwi") for name in names)


def test_without_a_controller_nobody_is_told_of_its_absence() -> None:
    names = rules(with_values(controller={"enabled": False}))
    assert "AzwiControllerAbsent" not in names
    assert "AzwiWebhookAbsent" in names


@pytest.mark.parametrize(("timeout", "slow"), [(1, 0.5), (3, 1.5), (10, 5), (30, 5)])
def test_slow_is_half_of_the_time_that_the_api_server_waits(timeout: int, slow: float) -> None:
    """But no more than what the histogram's buckets tell apart."""
    rule = rules(with_values(timeoutSeconds=timeout))["AzwiWebhookSlow"]
    assert f"> {slow:g}  # seconds" in rule["expr"]


@pytest.mark.parametrize(
    ("manager", "seconds"),
    [
        ({"enabled": False, "renewBefore": "48h"}, 30 * 86400),
        ({"enabled": True}, 30 * 86400),
        ({"enabled": True, "renewBefore": "48h"}, 2 * 86400),
        ({"enabled": True, "renewBefore": "1440h"}, 30 * 86400),
        ({"enabled": True, "renewBefore": "90m"}, 30 * 86400),
    ],
)
def test_a_certificate_is_not_missed_before_it_is_due(manager: Json, seconds: int) -> None:
    rule = rules(with_values(certManager=manager))["AzwiCertificateEnds"]
    assert f"< {seconds}  # seconds" in rule["expr"]


def test_prometheus_takes_the_files_and_the_rendered_rule(promtool: str, tmp_path: Path) -> None:
    rendered = tmp_path / "rendered.yaml"
    spec = of_kind(with_values(timeoutSeconds=1), "PrometheusRule")["azwi"]["spec"]
    rendered.write_text(yaml.safe_dump(spec))
    result = told(promtool, "check", "rules", *sorted(RULES.glob("*.yaml")), rendered)
    assert result.returncode == 0, result.stdout + result.stderr


def test_alerts_fire_when_they_should(promtool: str) -> None:
    """The cases stand in cases/*.yaml, in promtool's own language."""
    cases = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    tested = {name for case in cases for name in re.findall(r'alertname="(\w+)"', case.read_text())}
    assert set(ALERTS) - tested == set(), "alerts that no case is about"
    result = told(promtool, "test", "rules", *cases)
    assert result.returncode == 0, result.stdout + result.stderr
