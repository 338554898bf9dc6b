"""Files of manifests, read as they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from hack.demo.errors import DemoFailed

Object = dict[str, Any]


def read_objects(path: Path) -> tuple[Object, ...]:
    """Read all objects of a file, in its order; DemoFailed if it can't be read."""
    try:
        return tuple(filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8"))))
    except (OSError, yaml.YAMLError) as error:
        raise DemoFailed(f"{path}: expected manifests, found: {error}") from error


def the_only(found: Sequence[Object], what: str, path: Path) -> Object:
    """Return the one object that plays a part; DemoFailed if it is not just one."""
    if len(found) != 1:
        raise DemoFailed(f"{path}: expected {what}, found {len(found)}")
    return found[0]
