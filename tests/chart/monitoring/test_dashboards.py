"""Dashboards: what Grafana needs of them, and what a reader does."""

import json
from itertools import combinations

import pytest

from tests.chart.monitoring.rendered import Json, everything, of_kind, with_values
from tests.chart.monitoring.test_expressions import dashboards

BOARDS = dashboards()
WIDTH = 24


def test_there_is_one_for_each_program() -> None:
    assert set(BOARDS) == {"azwi-webhook.json", "azwi-controller.json"}
    alone = of_kind(with_values(controller={"enabled": False}), "ConfigMap")
    assert [name for name in alone if "dashboard" in name] == ["azwi-dashboard-webhook"]
    assert {board["uid"] for board in BOARDS.values()} == {"azwi-webhook", "azwi-controller"}


def test_the_sidecar_that_loads_them_finds_them() -> None:
    own = {"enabled": True, "labels": {"look": "here"}, "annotations": {"folder": "Azure"}}
    for objects, labels, annotations in (
        (everything(), {"grafana_dashboard": "1"}, None),
        (with_values(dashboards=own), {"look": "here"}, {"folder": "Azure"}),
    ):
        for name, one in of_kind(objects, "ConfigMap").items():
            if "dashboard" in name:
                assert labels.items() <= one["metadata"]["labels"].items()
                assert one["metadata"].get("annotations") == annotations


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_ids_of_their_own_and_words(name: str) -> None:
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    shown = [panel for panel in panels if panel["type"] != "row"]
    assert len({panel["title"] for panel in shown}) == len(shown)
    assert all(panel["description"].endswith(".") for panel in shown)


@pytest.mark.parametrize("name", BOARDS)
def test_whoever_looks_chooses_the_data_source(name: str) -> None:
    (variable,) = BOARDS[name]["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    chosen = {"type": "prometheus", "uid": f"${{{variable['name']}}}"}
    for panel in BOARDS[name]["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"] == chosen
            assert all(target["datasource"] == chosen for target in panel["targets"])


@pytest.mark.parametrize("name", BOARDS)
def test_panels_stand_side_by_side(name: str) -> None:
    """None over another, none past the edge, none that leaves a hole above it."""
    places = [panel["gridPos"] for panel in BOARDS[name]["panels"]]
    assert all(place["x"] + place["w"] <= WIDTH for place in places)
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]
    taken = {y for place in places for y in range(place["y"], place["y"] + place["h"])}
    assert taken == set(range(len(taken)))
    assert places == sorted(places, key=lambda place: (place["y"], place["x"]))


def overlap(one: Json, other: Json) -> bool:
    return all(
        one[edge] < other[edge] + other[size] and other[edge] < one[edge] + one[size]
        for edge, size in (("x", "w"), ("y", "h"))
    )


def test_a_config_map_has_room_for_them() -> None:
    """1 MiB is the limit, and kubectl apply keeps a copy in an annotation: 256 KiB."""
    assert max(len(json.dumps(board)) for board in BOARDS.values()) < 200_000
