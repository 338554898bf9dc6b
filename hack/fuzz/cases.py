"""The dealer: from a seed and an index to one case, the same one each time."""

import random
from dataclasses import replace
from typing import Final

from hack.fuzz import envelope, pods, text, tls, wire
from hack.fuzz.case import PATH, Case, Expected, Lane, Layer, request
from hack.fuzz.reviews import MISSING, Json, a_review, written

_SHARES: Final = {
    Layer.CONTROL: 3,
    Layer.TLS: 3,
    Layer.HTTP: 17,
    Layer.JSON: 22,
    Layer.ENVELOPE: 17,
    Layer.POD: 38,
}
"""Of 100 cases."""
_FAILING_SHARE: Final = 0.004
_RUSHES: Final = 0.01
"""Of cases of the pod's layer."""
_ADMITTED: Final = Expected(frozenset({200}), reviewed=True, admitted=True)
_REVIEWED: Final = Expected(reviewed=True)


def deal(seed: int, index: int) -> Case:
    """Make one case."""
    chance = random.Random(f"{seed}/{index}")  # noqa: S311 - to be repeated, not to be secret
    layer = chance.choices(tuple(_SHARES), tuple(_SHARES.values()))[0]
    review = a_review(chance)
    match layer:
        case Layer.CONTROL:
            made = _plain(layer, "a sound review", written(review), _ADMITTED)
        case Layer.TLS:
            made = tls.make(written(review), chance)
        case Layer.HTTP:
            made = wire.make(written(review), chance, lambda: written(a_review(chance)))
        case Layer.JSON:
            body, expected, what = text.mangle(written(review), chance)
            made = _plain(layer, what, body, expected)
        case Layer.ENVELOPE:
            changed, what = envelope.mangle(review, chance)
            made = _plain(layer, what, written(changed), _REVIEWED)
        case _:
            made = _of_a_pod(review, chance)
    return made


def _of_a_pod(review: Json, chance: random.Random) -> Case:
    pod = review["request"]["object"]
    if chance.random() < _FAILING_SHARE:
        return _failing(pod, chance, review)
    if chance.random() < _RUSHES:
        return _rush(review, chance)
    what = pods.mangle(pod, chance)
    return _plain(Layer.POD, what, written(review), _REVIEWED)


def _rush(review: Json, chance: random.Random) -> Case:
    """Ask for one ServiceAccount, that is read live, many times at once: the reads are shared."""
    name = chance.choice((*MISSING, "bare-sa", f"nobody-{chance.randrange(10**6)}"))
    pods.name_account(review["request"]["object"], name)
    made = _plain(Layer.POD, "a rush for one ServiceAccount", written(review), _REVIEWED)
    return replace(made, fresh=True, copies=chance.choice((4, 16, 40)))


def _plain(layer: Layer, what: str, body: bytes, expected: Expected) -> Case:
    return Case(layer, what, (request(body),), (body,), expected)


def _failing(pod: Json, chance: random.Random, review: Json) -> Case:
    """Let the API server fail, or the time be too short to ask it."""
    pods.name_account(pod, pods.failing_account(chance))
    what = "an API server that fails"
    if chance.random() < 0.2:
        pods.name_account(pod, "bare-sa")
        target = PATH + b"?timeout=" + chance.choice((b"1ns", b"1us", b"1ms", b"0.001s"))
        what = "too little time to ask the API server"
    else:
        target = PATH + b"?timeout=" + chance.choice((b"1s", b"2s", b"0.2s"))
        if chance.random() < 0.5:
            what += ", " + pods.mangle(pod, chance)
    body = written(review)
    expected = replace(_REVIEWED, may_fail=True)
    return Case(
        Layer.POD,
        what,
        (request(body, target=target),),
        (body,),
        expected,
        lane=Lane.API,
        fresh=True,
    )
