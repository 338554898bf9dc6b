"""Malformed pods in sound reviews: a grammar of changes, one to six of them at a time."""

import json
import random
from collections.abc import Callable
from typing import Any, Final

from hack.fuzz.chance import descend, junk, odd_name
from hack.fuzz.reviews import ACCOUNTS, FAILING, MISSING, QUOTABLE, SECRET, Json
from identity.names import (
    INJECT_PROXY,
    LEGACY_MOUNT_PATH,
    MOUNT_PATH,
    POD_ANNOTATIONS,
    PREFIX,
    PROXY_CONTAINER,
    PROXY_INIT_CONTAINER,
    PROXY_PORT,
    SKIP_CONTAINERS,
    TOKEN_EXPIRATION,
    USE,
    VOLUME_NAME,
    VOLUME_PREFIX,
)

_NOWHERE: Final[tuple[Any, Any]] = (None, None)
_LISTS: Final = ("containers", "initContainers", "volumes", "ephemeralContainers")
_OURS: Final = (
    *sorted(POD_ANNOTATIONS),
    *(
        USE,
        PREFIX,
        PREFIX + "client-id",
        PREFIX + "use-identity-binding",
        PREFIX + "skip-container",
    ),
    *(PREFIX + "\U0001f600", PREFIX + "y" * 5000),
)
_WRITTEN: Final = (
    *(
        "",
        " ",
        "true",
        "TRUE",
        "True ",
        "false",
        "yes",
        "0",
        "1",
        "3600",
        "+3600",
        "-3600",
        "03600",
    ),
    *("86400", "86401", "3_600", "3600s", "\u0663\u0666\u0660\u0660", "1e4", "9" * 30, "65535"),
    *(
        "65536",
        "http",
        "app",
        "app;side",
        " app ; nobody ",
        ";;",
        "azwi-proxy",
        QUOTABLE,
        "x" * 9000,
    ),
    *(QUOTABLE + "\n" + QUOTABLE, "\u202e" + QUOTABLE, ";".join(f"c{i}" for i in range(500))),
)


def mangle(pod: Json, chance: random.Random) -> str:
    """Change a pod in place; says what was done."""
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 6))):
        change = chance.choices(_CHANGES, _WEIGHTS)[0]
        try:
            change(pod, chance)
        except (AttributeError, KeyError, TypeError, IndexError, ValueError):
            continue  # an earlier change took away what this one needs
        done.append(change.__name__.strip("_").replace("_", " "))
    return ", ".join(done) or "as it was"


def name_account(pod: Json, account: object) -> None:
    """Let a pod run as that ServiceAccount, if it has a spec to say it in."""
    if isinstance(pod.get("spec"), dict):
        pod["spec"]["serviceAccountName"] = account


def _replace_a_node(pod: Json, chance: random.Random) -> None:
    if (place := descend(pod, chance)) is not None:
        place[0][place[1]] = junk(chance)


def _remove_a_node(pod: Json, chance: random.Random) -> None:
    if (place := descend(pod, chance)) is not None:
        del place[0][place[1]]


def _double_an_item(pod: Json, chance: random.Random) -> None:
    items = pod["spec"][chance.choice(_LISTS)]
    items.insert(chance.randint(0, len(items)), json.loads(json.dumps(chance.choice(items))))


def _rename_a_key(pod: Json, chance: random.Random) -> None:
    parent, key = descend(pod, chance) or _NOWHERE
    if isinstance(parent, dict):
        moved = parent.pop(key)
        # A canary stays where canaries belong: under a name that is nobody's.
        parent["x-moved" if SECRET in json.dumps(moved) else odd_name(chance)] = moved


def _add_a_key(pod: Json, chance: random.Random) -> None:
    parent, _ = descend(pod, chance) or _NOWHERE
    if isinstance(parent, dict):
        parent[odd_name(chance)] = junk(chance)


def _move_a_node(pod: Json, chance: random.Random) -> None:
    source = descend(pod, chance)
    target = descend(pod, chance)
    if source is not None and target is not None:
        moved = json.dumps(source[0][source[1]])
        if SECRET not in moved:
            target[0][target[1]] = json.loads(moved)


def _empty_a_section(pod: Json, chance: random.Random) -> None:
    section = chance.choice(("metadata", "spec", *_LISTS))
    parent = pod if section in {"metadata", "spec"} else pod["spec"]
    parent[section] = chance.choice((None, [], {}, "", 0, False))


def _write_annotations_of_ours(pod: Json, chance: random.Random) -> None:
    annotations = pod["metadata"].setdefault("annotations", {})
    for _ in range(chance.randint(1, 4)):
        value = chance.choice(_WRITTEN) if chance.random() < 0.9 else junk(chance)
        annotations[chance.choice(_OURS)] = value


def _write_right_annotations(pod: Json, chance: random.Random) -> None:
    annotations = pod["metadata"].setdefault("annotations", {})
    annotations[TOKEN_EXPIRATION] = str(chance.randint(3600, 86400))
    annotations[INJECT_PROXY] = "true"
    annotations[PROXY_PORT] = str(chance.randint(1, 65535))
    annotations[SKIP_CONTAINERS] = chance.choice(("app", "side;setup", "proxy;nobody"))


def _name_something_oddly(pod: Json, chance: random.Random) -> None:
    chance.choice(pod["spec"][chance.choice(_LISTS)])["name"] = odd_name(chance)


def _add_many_containers(pod: Json, chance: random.Random) -> None:
    many = chance.choice((20, 100, 100, 100, 700))
    added: list[Json] = [{"name": f"c{i}", "image": "i"} for i in range(many)]
    pod["spec"].setdefault(chance.choice(_LISTS[:2]), []).extend(added)


def _add_many_variables(pod: Json, chance: random.Random) -> None:
    many = chance.choice((50, 300, 300, 3000))
    added = [{"name": f"V{i}", "value": SECRET} for i in range(many)]
    chance.choice(pod["spec"]["containers"]).setdefault("env", []).extend(added)


def _take_variables_of_ours(pod: Json, chance: random.Random) -> None:
    names = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST", "PROXY_PORT")
    added: Any = [{"name": chance.choice(names), "value": SECRET}, {"name": chance.choice(names)}]
    chance.choice(pod["spec"]["containers"]).setdefault("env", []).extend(added)


def _add_reserved_volumes(pod: Json, chance: random.Random) -> None:
    volumes = pod["spec"].setdefault("volumes", [])
    for _ in range(chance.choice((1, 1, 2, 40))):
        name = chance.choice((VOLUME_NAME, VOLUME_PREFIX, VOLUME_PREFIX + odd_name(chance)))
        token = {"audience": junk(chance), "expirationSeconds": junk(chance), "path": junk(chance)}
        source: Json = chance.choice(
            (
                {"projected": {"sources": [{"serviceAccountToken": token}]}},
                {"projected": {"sources": junk(chance), "defaultMode": junk(chance)}},
                {"projected": junk(chance)},
                {"emptyDir": {}},
                {},
            )
        )
        volumes.insert(chance.randint(0, len(volumes)), {"name": name, **source})


def _add_mounts(pod: Json, chance: random.Random) -> None:
    container = chance.choice(pod["spec"][chance.choice(_LISTS[:2])])
    mounts = container.setdefault("volumeMounts", [])
    for _ in range(chance.choice((1, 2, 2, 30))):
        path: Any = chance.choice((MOUNT_PATH, LEGACY_MOUNT_PATH, MOUNT_PATH + "/", "/", "x"))
        if chance.random() < 0.2:
            path = junk(chance)
        mount: Json = {"name": chance.choice((VOLUME_NAME, "data", "none")), "mountPath": path}
        mount |= chance.choice(({}, {"readOnly": True}, {"readOnly": junk(chance)}))
        mount |= chance.choice(({}, {}, {"subPath": junk(chance)}, {"subPathExpr": junk(chance)}))
        mounts.append(mount)


def _add_proxy_containers(pod: Json, chance: random.Random) -> None:
    pod["metadata"].setdefault("annotations", {})[INJECT_PROXY] = "true"
    for _ in range(chance.randint(1, 2)):
        items = pod["spec"].setdefault(chance.choice(_LISTS[:2]), [])
        args = chance.choice(([], ["--proxy-port=8000"], None, junk(chance)))
        name = chance.choice((PROXY_CONTAINER, PROXY_INIT_CONTAINER))
        items.insert(chance.randint(0, len(items)), {"name": name, "image": "p", "args": args})


def _run_as_another_account(pod: Json, chance: random.Random) -> None:
    name_account(pod, chance.choice((*ACCOUNTS, *MISSING, odd_name(chance), junk(chance))))


def _use_the_hosts_network(pod: Json, chance: random.Random) -> None:
    pod["spec"]["hostNetwork"] = chance.choice((True, False, junk(chance)))
    pod["metadata"].setdefault("annotations", {})[INJECT_PROXY] = "true"


_CHOICES: Final[tuple[tuple[Callable[[Json, random.Random], None], int], ...]] = (
    (_replace_a_node, 30),
    (_remove_a_node, 15),
    (_double_an_item, 5),
    (_rename_a_key, 6),
    (_add_a_key, 6),
    (_move_a_node, 6),
    (_empty_a_section, 5),
    (_write_annotations_of_ours, 15),
    (_write_right_annotations, 5),
    (_name_something_oddly, 6),
    (_add_many_containers, 1),
    (_add_many_variables, 1),
    (_take_variables_of_ours, 4),
    (_add_reserved_volumes, 8),
    (_add_mounts, 8),
    (_add_proxy_containers, 5),
    (_run_as_another_account, 6),
    (_use_the_hosts_network, 3),
)
_CHANGES: Final = tuple(change for change, _ in _CHOICES)
_WEIGHTS: Final = tuple(weight for _, weight in _CHOICES)


def failing_account(chance: random.Random) -> str:
    """Draw the name of a ServiceAccount for which the API server fails; few read the same one."""
    kind = chance.choice(FAILING)
    return f"{kind}-{chance.randrange(10**6)}"
