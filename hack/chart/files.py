"""The chart's files: what is derived, as it should read, and as it reads."""

import json
from pathlib import Path
from typing import Final

import yaml

from hack.chart.errors import ChartError
from hack.chart.readme import with_tables
from hack.chart.values import rows

CHART: Final = Path(__file__).parents[2] / "charts" / "workload-identity-webhook"


def derived(chart: Path = CHART) -> dict[Path, str]:
    """Return the files that are derived of others, with what they should hold.

    files/defaults.yaml is values.yaml: templates can't read that, and need it after an upgrade from
    the original's chart with --reuse-values. Raises ChartError.
    """
    try:
        text = (chart / "values.yaml").read_text("utf-8")
        schema = json.loads((chart / "values.schema.json").read_text("utf-8"))
        readme = (chart / "README.md").read_text("utf-8")
        found = rows(schema, yaml.safe_load(text))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ChartError(f"{chart}: {error}") from error
    return {
        chart / "README.md": with_tables(readme, found),
        chart / "files" / "defaults.yaml": text,
    }


def stale(chart: Path = CHART) -> list[Path]:
    """Return the derived files that don't hold what they should; raises ChartError."""
    return [path for path, text in derived(chart).items() if _text(path) != text]


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
