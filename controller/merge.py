"""JSON merge patches (RFC 7396). Pure."""

from collections.abc import Mapping
from typing import Any


def merge_patch(stands: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes one object of another by RFC 7396; empty if nothing is to be done."""
    patch: dict[str, Any] = {name: None for name in stands if name not in wanted}
    for name, value in wanted.items():
        old = stands.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = merge_patch(old, value)
            if inner:
                patch[name] = inner
        elif old != value:
            patch[name] = value
    return patch
