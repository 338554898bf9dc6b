"""How long a request may take."""

import pytest

from tests.webhook.server.doubles import a_scope
from webhook.server.budget import seconds_given


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("timeout=10s", 9.5),
        ("timeout=1s", 0.9),
        ("timeout=30s", 29.5),
        ("timeout=24h", 29.5),
        ("a=b&timeout=2s&c", 1.8),
        ("", 9.5),
        ("timeout=", 9.5),
        ("timeout=soon", 9.5),
        ("timeout=-5s", 9.5),
        ("timeout=%FF", 9.5),
    ],
)
def test_a_margin_is_left_for_the_way_back(query: str, seconds: float) -> None:
    assert seconds_given(a_scope(query=query)) == pytest.approx(seconds)
