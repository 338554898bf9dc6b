"""What is not installed is not looked for with each call."""

import importlib
import sys
from typing import Any

import pytest
from httpcore import _synchronization

from controller import leading


class Finder:
    """Notes what is looked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(self, name: str, *_: Any) -> None:
        """Find nothing."""
        self.asked.append(name)


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Finder:
    finder = Finder()
    monkeypatch.setattr(sys, "meta_path", [finder])
    monkeypatch.delitem(sys.modules, "sniffio", raising=False)
    return finder


def test_httpcore_looks_for_sniffio_with_each_call(finder: Finder) -> None:
    """If it no longer does, all of this can go."""
    for _ in range(2):
        assert _synchronization.current_async_library() == "asyncio"
    assert finder.asked == ["sniffio", "sniffio"]


def test_it_is_told_once_that_it_is_not_there(
    finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sniffio", None)
    monkeypatch.delitem(sys.modules, "sniffio")  # so that it is put back afterwards
    leading._spare_searching()
    finder.asked.clear()
    assert _synchronization.current_async_library() == "asyncio"
    assert finder.asked == []


def test_one_that_is_installed_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = importlib.import_module("json")
    monkeypatch.setitem(sys.modules, "sniffio", installed)
    leading._spare_searching()
    assert sys.modules["sniffio"] is installed
