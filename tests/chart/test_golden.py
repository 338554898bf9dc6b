"""Whole renders but hooks, kept as files: a reviewer sees what a change of the chart changes.

`AZWI_WRITE_GOLDEN=1 pytest tests/chart/test_golden.py` writes them anew.
"""

import os
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.chart.helm import Json
from tests.chart.rendering import CLIENT, rendered

GOLDEN: Final = Path(__file__).parent / "golden"
CASES: Final[dict[str, Json]] = {
    "default": {},
    "controller": {
        "controller": {"enabled": True, "clientId": CLIENT, "probe": {"namespaces": ["shop"]}},
        "grants": [
            {"namespace": "shop", "serviceAccountName": "orders", "clientIds": [CLIENT.upper()]},
            {
                "namespace": "ci",
                "allServiceAccounts": True,
                "clientIds": [CLIENT],
                "verbs": ["federate", "federate-external"],
            },
        ],
    },
    "cert-manager": {"certManager": {"enabled": True}},
}
ELSEWHERE: Final = {"CustomResourceDefinition", "ValidatingAdmissionPolicy"}
"""Long, and as they stand in files/."""


@pytest.mark.parametrize("case", CASES)
def test_the_render_is_as_kept(case: str) -> None:
    path = GOLDEN / f"{case}.yaml"
    objects = [one for one in rendered(CASES[case]).values() if one["kind"] not in ELSEWHERE]
    if case != "default":  # ... and what the default has too stands there
        objects = [one for one in objects if one not in list(rendered().values())]
    text = "---\n".join(yaml.safe_dump(one, sort_keys=False, width=100) for one in objects)
    if os.environ.get("AZWI_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), "AZWI_WRITE_GOLDEN=1 writes it anew"


def test_no_file_is_kept_of_a_case_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)
