"""Identities that were found are kept, as plain data too, and never for too long."""

import json
from dataclasses import replace
from typing import Any

import pytest

from entra.model import Identity, Kind, ResourceId
from entra.remembered import MOST, Remembered

ID = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
DAY = 24 * 3600.0
APPLICATION = Identity(Kind.APPLICATION, ID, TENANT, ID, name="billing")
MANAGED = Identity(Kind.MANAGED_IDENTITY, ID, TENANT, ID, ResourceId("s", "g", "n"), "n")


def number(index: int) -> str:
    return f"00000000-0000-0000-0000-{index:012d}"


def test_an_answer_is_good_for_a_day() -> None:
    remembered = Remembered()
    remembered.found(APPLICATION, 1000.0)
    assert remembered.get(ID.upper(), 1000.0 + DAY - 1) == APPLICATION
    assert remembered.get(ID, 1000.0 + DAY) is None


def test_a_clock_set_back_makes_no_answer_eternal() -> None:
    remembered = Remembered()
    remembered.found(APPLICATION, 1000.0)
    remembered.missing(number(1), 1000.0)
    assert remembered.get(ID, 999.0) is None
    assert not remembered.is_missing(number(1), 999.0)


def test_what_was_not_found_is_good_for_a_minute() -> None:
    remembered = Remembered()
    remembered.missing(ID.upper(), 1000.0)
    assert remembered.is_missing(ID, 1059.0)
    assert not remembered.is_missing(ID, 1060.0)


def test_each_answer_replaces_the_other() -> None:
    remembered = Remembered()
    remembered.missing(ID, 1000.0)
    remembered.found(APPLICATION, 1001.0)
    assert not remembered.is_missing(ID, 1001.0)
    remembered.missing(ID, 1002.0)
    assert remembered.get(ID, 1002.0) is None


def test_an_answer_can_be_forgotten() -> None:
    remembered = Remembered()
    remembered.found(APPLICATION, 1000.0)
    remembered.forget(ID.upper())
    assert remembered.get(ID, 1000.0) is None


def test_memory_is_bounded() -> None:
    remembered = Remembered()
    for index in range(MOST + 10):
        remembered.found(replace(APPLICATION, client_id=number(index)), 1000.0)
        remembered.missing(number(index + MOST + 10), 1000.0 + index)
    assert len(remembered) == MOST
    assert remembered.get(number(9), 1000.0) is None
    assert remembered.get(number(10), 1000.0) is not None
    assert len(remembered._missing) <= 60


@pytest.mark.parametrize("identity", [APPLICATION, MANAGED], ids=lambda one: one.kind.name)
def test_what_is_exported_can_be_loaded(identity: Identity) -> None:
    first, second = Remembered(), Remembered()
    first.found(identity, 1000.0)
    assert second.load(json.loads(json.dumps(first.export()))) == 0
    assert second.export() == first.export()
    assert second.get(ID, 1000.0 + DAY - 1) == identity
    assert second.get(ID, 1000.0 + DAY) is None


ENTRY: dict[str, Any] = {
    "kind": "managed identity",
    "clientId": ID,
    "tenantId": TENANT,
    "objectId": ID,
    "resourceId": str(MANAGED.resource),
    "name": "n",
    "foundAt": 1000.0,
}


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "robot"},
        {"kind": 7},
        {"kind": "application"},
        {"resourceId": ""},
        {"resourceId": "/subscriptions/x"},
        {"clientId": "billing"},
        {"tenantId": ""},
        {"objectId": None},
        {"foundAt": "yesterday"},
        {"foundAt": True},
        {"foundAt": None},
    ],
)
def test_an_entry_that_makes_no_sense_is_left_out_and_counted(change: dict[str, Any]) -> None:
    remembered = Remembered()
    assert remembered.load([{**ENTRY, **change}, ENTRY, "text"]) == 2
    assert len(remembered) == 1
    assert remembered.get(ID, 1000.0) == MANAGED


@pytest.mark.parametrize("data", [None, {}, "text", 7])
def test_what_is_no_list_is_no_memory(data: object) -> None:
    remembered = Remembered()
    assert remembered.load(data) == 1
    assert len(remembered) == 0
