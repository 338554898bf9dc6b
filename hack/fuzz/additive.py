"""Whether a patched pod still has everything that it had. Pure."""

from typing import Any, Final

from identity.names import VOLUME_PREFIX

_ABSENT: Final = object()


def loss(before: Any, after: Any, path: str = "") -> str:
    """Name the first thing of a pod that a patch took away or changed; empty: nothing.

    Lists may have more items than before, in between too, objects more keys, and null may become
    something, as an empty namespace may. A volume of our prefix is ours to write anew, and whether
    its mounts are read-only.
    """
    if before is None or before == after or (before == "" and path == "/metadata/namespace"):
        return ""
    if isinstance(before, dict) and isinstance(after, dict):
        return _loss_of_keys(before, after, path)
    if isinstance(before, list) and isinstance(after, list):
        return _loss_of_items(before, after, path)
    return f"{path or '/'} has changed"


def _loss_of_keys(before: dict[str, Any], after: dict[str, Any], path: str) -> str:
    name = before.get("name")
    ours = isinstance(name, str) and name.startswith(VOLUME_PREFIX)
    if ours and path.startswith("/spec/volumes/") and path.count("/") == 3:
        return "" if after.get("name") == name else f"{path} is gone"
    for key, value in before.items():
        if key == "readOnly" and ours and "/volumeMounts/" in path:
            continue
        if value is not None and after.get(key, _ABSENT) is _ABSENT:
            return f"{path}/{key} is gone"
        lost = loss(value, after.get(key), f"{path}/{key}")
        if lost:
            return lost
    return ""


def _loss_of_items(before: list[Any], after: list[Any], path: str) -> str:
    at = 0
    for index, item in enumerate(before):
        first = ""
        while at < len(after):
            lost = loss(item, after[at], f"{path}/{index}") if item is not None else ""
            at += 1
            if not lost:
                break
            first = first or lost
        else:
            return first or f"{path}/{index} is gone"
    return ""
