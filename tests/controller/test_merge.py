"""Merge patches: applied as RFC 7396 says, they give what is wanted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.merge import merge_patch
from tests.controller.accounts.stage import patched

# Without null, which no merge patch can write, and which the API server does not keep.
LEAVES = st.integers(2) | st.text(max_size=3) | st.lists(st.integers(2), max_size=2)
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), LEAVES | inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, print_blob=True)
@given(OBJECTS, OBJECTS)
def test_applying_the_patch_gives_what_is_wanted(stands: Any, wanted: Any) -> None:
    assert patched(stands, merge_patch(stands, wanted)) == wanted


@settings(deadline=None, print_blob=True)
@given(OBJECTS, OBJECTS)
def test_there_is_nothing_to_patch_exactly_if_nothing_differs(stands: Any, wanted: Any) -> None:
    assert (merge_patch(stands, wanted) == {}) == (stands == wanted)


@pytest.mark.parametrize(
    ("stands", "wanted", "patch"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {}, {"a": None}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
        ({"a": "x"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": "x"}, {"a": "x"}),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, {}),
    ],
)
def test_only_what_differs_is_in_it(stands: Any, wanted: Any, patch: Any) -> None:
    assert merge_patch(stands, wanted) == patch
