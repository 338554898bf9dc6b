"""Faults in words."""

from typing import Any

import pytest

from emulator.calls.faults import Settings
from emulator.page.sentences import faults_in_words


def test_no_faults_are_no_words() -> None:
    assert faults_in_words(Settings()) == []
    assert faults_in_words(Settings(stale_read_share=0.5, random_seed=4)) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latencySeconds": 1}, "Every call takes 1 second longer."),
        (
            {"propagationSeconds": 90},
            "The token endpoint learns of changed credentials after 90 seconds.",
        ),
        ({"staleReadSeconds": 0.5}, "Reads show what was there 0.5 seconds ago."),
        (
            {"staleReadSeconds": 5, "staleReadShare": 0.25},
            "25% of the reads show what was there 5 seconds ago.",
        ),
        ({"throttle": 0.1}, "Calls are throttled at 0.1 times the published rates."),
        (
            {"writeSeconds": 2},
            (
                "Writing a credential takes 2 seconds; another write to the same managed identity"
                " gets 409 meanwhile."
            ),
        ),
        ({"clockOffsetSeconds": -60}, "The clock is 60 seconds slow."),
        ({"clockOffsetSeconds": 1}, "The clock is 1 second fast."),
        ({"failures": [{}]}, "The next call of any kind fails with 503."),
        (
            {"failures": [{"kind": "token", "count": 3, "status": 429, "code": "Slow"}]},
            "The next 3 calls of the kind token fail with 429 Slow.",
        ),
        (
            {"failures": [{"kind": "arm.*", "count": None, "identity": "me", "after": True}]},
            "All calls of the kind arm.* about me fail with 503, after the work is done.",
        ),
        (
            {"failures": [{"share": 0.1, "count": 5, "delaySeconds": 40}]},
            "Of the calls of any kind 10% fail by chance, 5 times more, with 503, 40 seconds late.",
        ),
    ],
)
def test_each_fault_has_a_sentence(settings: dict[str, Any], words: str) -> None:
    assert faults_in_words(Settings.model_validate(settings)) == [words]
