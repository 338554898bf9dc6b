"""JSON that has one reading only."""

import json
from collections.abc import Sequence
from typing import Any, Final

import orjson


def read_json(text: bytes) -> Any:
    """Read JSON (RFC 8259) in UTF-8. Raises ValueError for all else.

    A name twice in one object is refused: readers differ in which of the two they take. So are
    NaN, infinity, lone surrogates, and what is nested hundreds of levels deep.
    """
    try:
        found = orjson.loads(text)
        _NAMES.decode(text.decode("utf-8"))  # orjson takes the last of two
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    return found


def _check_names(pairs: Sequence[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a property stands twice in one object")


_NAMES: Final = json.JSONDecoder(object_pairs_hook=_check_names)
