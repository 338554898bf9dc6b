"""The chart's values as rows of a table.

values.schema.json says what there is and what it means, values.yaml what it is if nothing is said.
Pure: from the two documents to rows, and every difference between them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hack.chart.errors import ChartError

Json = dict[str, Any]

_LONGEST_DEFAULT: Final = 64
"""Characters that a cell can take; what is longer stands in values.yaml."""
_UNSAID: Final = frozenset({"global"})
"""What Helm adds: no default of ours."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value, by its path with dots, and its words; the default as a cell of Markdown."""

    path: str
    default: str
    description: str

    @property
    def group(self) -> str:
        """The value at the top that it is of."""
        return self.path.partition(".")[0]


def rows(schema: Json, values: Json) -> list[Row]:
    """Return a row for each value that can be set, in the schema's order.

    Raises ChartError with every value that only one of the two documents has, or that has no words.
    """
    faults: list[str] = []
    found = list(_rows(schema, schema, values, "", faults))
    if faults:
        raise ChartError("\n".join(faults))
    return found


def _rows(
    node: Json, schema: Json, values: Mapping[str, Any], prefix: str, faults: list[str]
) -> Iterator[Row]:
    properties: Json = node["properties"]
    faults += [
        f"values.yaml has {prefix}{key}, values.schema.json has not"
        for key in values
        if key not in properties
    ]
    for key, said in properties.items():
        path = prefix + key
        words = said.get("description", "")
        if not words:
            faults.append(f"values.schema.json: {path} has no description")
        if path in _UNSAID:
            continue
        if key not in values:
            faults.append(f"values.schema.json has {path}, values.yaml has not")
            continue
        resolved = _resolved(said, schema)
        if values[key] and _is_block(resolved):
            yield from _rows(resolved, schema, values[key], path + ".", faults)
        else:
            yield Row(path, _default(values[key]), _described(words, resolved))


def _resolved(said: Json, schema: Json) -> Json:
    reference = said.get("$ref")
    if reference is None:
        return said
    found: Json = schema["definitions"][reference.rpartition("/")[2]]
    return found


def _is_block(resolved: Json) -> bool:
    """Tell whether its properties are values with words of their own, as a selector's are not."""
    return any("description" in one for one in resolved.get("properties", {}).values())


def _default(value: object) -> str:
    if value is None or value == "":
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= _LONGEST_DEFAULT else "[values.yaml](values.yaml)"


def _described(words: str, resolved: Json) -> str:
    choices = [choice for choice in resolved.get("enum", []) if choice]
    if len(choices) > 1 and not all(f"`{choice}`" in words for choice in choices):
        words += " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
    return words
