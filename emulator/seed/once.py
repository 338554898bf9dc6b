"""YAML in which a key stands once: of two lists with one name the first would be lost unseen."""

from collections.abc import Hashable
from typing import Any

import yaml


class OnceLoader(yaml.SafeLoader):
    """The safe loader, which refuses a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the base's
        """Build a mapping. Raises yaml.YAMLError."""
        seen = set()
        for key, _ in node.value:
            written = key.value if isinstance(key, yaml.ScalarNode) else None
            if written in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {written!r} stands there twice", key.start_mark
                )
            if written is not None:
                seen.add(written)
        return super().construct_mapping(node, deep)
