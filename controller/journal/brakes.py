"""What stands in the journal about brakes that are on, and what an admin says to them. Pure."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from controller.brake import BrakeRecord
from controller.brakes import CLUSTER
from controller.journal.edits import Data, Edit

BRAKE: Final = "brake"
"""The cluster's own, as versions wrote it that had no other."""
BRAKES: Final = "brakes"
"""All others, by scope (`controller.brakes`)."""

_COUNT: Final = r"[1-9][0-9]{0,5}"
_SCOPE: Final = r"(?:identity/)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_WORD: Final = re.compile(rf"(?:({_SCOPE})=)?({_COUNT})")
_BETWEEN: Final = re.compile(r", ?")


def words_in(text: str) -> dict[str, int] | None:
    """Read an admin's word, `24`, `shop=3` or `24,shop=3`: by scope; None if it makes no sense."""
    words: Counter[str] = Counter()
    for one in _BETWEEN.split(text):
        match = _WORD.fullmatch(one)
        if match is None:
            return None
        words[match[1] or CLUSTER] += int(match[2])
    return dict(words)


def word_for(scope: str, count: int) -> str:
    """Return what an admin has to say to let so many go."""
    return f"{scope}={count}" if not scope.startswith(CLUSTER) else str(count)


def put(records: Mapping[str, BrakeRecord]) -> Edit:
    """Note which brakes are on, and no others."""
    own = records.get(CLUSTER)
    others = {scope: _fields(on) for scope, on in sorted(records.items()) if scope != CLUSTER}

    def edit(data: Data) -> None:
        for key, noted in ((BRAKE, own and _fields(own)), (BRAKES, others)):
            if noted:
                data[key] = json.dumps(noted)
            else:
                data.pop(key, None)

    return edit


def read(data: Mapping[str, str]) -> dict[str, BrakeRecord]:
    """Return which brakes are on. Raises `KeyError` with the key that makes no sense."""
    found: dict[str, BrakeRecord] = {}
    for key in (BRAKE, BRAKES):
        if (text := data.get(key)) is None:
            continue
        try:
            noted = json.loads(text)
            found |= {CLUSTER: _record(noted)} if key == BRAKE else _records(noted)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise KeyError(key) from None
    return found


def _records(noted: dict[str, dict[str, float]]) -> dict[str, BrakeRecord]:
    if not noted:
        raise ValueError("none would not be noted")
    return {scope: _record(fields) for scope, fields in noted.items()}


def _record(fields: Mapping[str, float]) -> BrakeRecord:
    return BrakeRecord(float(fields["since"]), int(fields["held"]))


def _fields(record: BrakeRecord) -> dict[str, float]:
    return {"since": record.since, "held": record.held}
