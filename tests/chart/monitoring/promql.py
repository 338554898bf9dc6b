"""What an expression of PromQL asks for: metrics, labels, and the values that labels are to have.

No parser: enough of the grammar to tell names apart. What it can't tell apart counts as a metric,
and then is none that anybody exposes.
"""

import re
from dataclasses import dataclass

_COMMENT = re.compile(r"#[^\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE = re.compile(r"\[[^\]]*\]")
_SELECTOR = re.compile(r"\{([^}]*)\}")
_MATCHER = re.compile(r'([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_NAME = re.compile(r"\b[A-Za-z_:][\w:]*\b(?!\s*\()")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What one expression names."""

    metrics: frozenset[str]
    labels: frozenset[str]
    values: frozenset[tuple[str, str]]
    """Labels with the values that they are compared with; alternatives of a pattern one by one."""


def asked(expression: str) -> Asked:
    """Read an expression."""
    text = _COMMENT.sub("", expression)
    matchers = [
        found for selector in _SELECTOR.findall(text) for found in _MATCHER.findall(selector)
    ]
    groupings = [label.strip() for labels in _GROUPING.findall(text) for label in labels.split(",")]
    rest = _GROUPING.sub(" ", _RANGE.sub(" ", _SELECTOR.sub(" ", _STRING.sub('""', text))))
    rest = _SELECTOR.sub(" ", rest)
    return Asked(
        metrics=frozenset(_NAME.findall(rest)) - _WORDS,
        labels=frozenset(filter(None, [*groupings, *(label for label, _, _ in matchers)])),
        values=frozenset(
            (label, value)
            for label, comparison, written in matchers
            for value in (written.split("|") if "~" in comparison else [written])
        ),
    )
