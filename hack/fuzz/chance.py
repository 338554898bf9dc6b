"""Chance: one generator for each case, and the values that parsers and people get wrong."""

import copy
import random
from typing import Any, Final

Json = dict[str, Any]

STRINGS: Final[tuple[str, ...]] = (
    *("", " ", "a", "default", "true", "null", "0", "-", "~", "~0", "~1", "/", ".", "..", "../.."),
    *("\x00", "\n", "\r\n\r\n", "\t", "\x1b[31m", "\x7f", "\u0085", "\u00a0", "\u200b", "\u2028"),
    *("\u202e", "\ufeff", "\ufffd", "\uffff", "\u00e9", "e\u0301", "\u0130", "\u0660", "\uff11"),
    *(
        "\U0001f600",
        "\U0010ffff",
        "%s%n%x",
        "%00",
        "${HOME}",
        "{{x}}",
        "{0}",
        "<b>",
        "'",
        '"',
        "\\",
    ),
    *("a;b", ";;;", "a,b", "a" * 63, "a" * 64, "A" * 253, "a" * 254, "x" * 5000, "\u00e9" * 70),
    *("azwi-proxy", "azwi-proxy-init", "azure-workload-identity-reserved-token", "__proto__"),
    *("/var/run/secrets/azure/wi", "/var/run/secrets/azure/wi/..", "//var/run/secrets/azure/wi/"),
    *("azure.workload.identity/", "azure-workload-identity-reserved-", "AZURE_CLIENT_ID"),
)
NUMBERS: Final[tuple[float, ...]] = (
    *(0, -0.0, -1, 1, 0.1, 1e-320, 1e308, 3599, 3600, 86400, 86401, 65535, 65536, 2**31, -(2**31)),
    *(2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40),
)
SMALL: Final[tuple[Any, ...]] = (
    *(None, True, False, [], {}, [[]], [None], [{}], [0], ["x"], {"": ""}, {"name": None}),
    *({"name": 5}, {"name": ""}, {"name": "x"}, [{"name": "x"}, {"name": "x"}], {"-": {"-": []}}),
    [{"name": "app", "env": None, "volumeMounts": None}],
)

_VALUES: Final[tuple[tuple[Any, ...], ...]] = (STRINGS, NUMBERS, SMALL)


def junk(chance: random.Random) -> Any:
    """Draw a value of some type, at a boundary of it if it has one."""
    return copy.deepcopy(chance.choice(chance.choice(_VALUES)))


def noise(chance: random.Random, longest: int = 64) -> bytes:
    """Draw bytes."""
    return chance.randbytes(chance.randint(1, longest))


def odd_name(chance: random.Random) -> str:
    """Draw a string that may stand where a name should."""
    if chance.random() < 0.6:
        return chance.choice(STRINGS)
    letters = "aZ09-._/~\u00e9\u4e16\U0001f600 \n\"'\\"
    return "".join(chance.choices(letters, k=chance.randint(1, 80)))


def descend(value: Any, chance: random.Random) -> tuple[Any, Any] | None:
    """Choose a place at random depth: a dict or list, and a key or index of it."""
    place = None
    while isinstance(value, dict | list) and value:
        key = (
            chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
        )
        place = (value, key)
        if chance.random() < 0.25:
            break
        value = value[key]
    return place
