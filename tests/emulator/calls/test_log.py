"""The request log: what was asked, and how often."""

from emulator.calls.log import Call, RequestLog
from emulator.calls.refusal import Ids, Surface

A = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
B = "a2b1c0d9-0000-4111-8222-333344445555"


def called(log: RequestLog, kind: str, identity: str = "", path: str = "/x") -> Call:
    call = log.begin(Surface.GRAPH, "GET", path, Ids("r", "c"), 12.5)
    call.kind, call.identity = kind, identity
    log.understood(call)
    return call


def numbers(calls: list[Call]) -> list[int]:
    return [call.number for call in calls]


def test_calls_are_found_by_kind_identity_and_number() -> None:
    log = RequestLog()
    for kind, identity in [("token", A), ("graph.list", A), ("graph.get", B), ("token", B)]:
        called(log, kind, identity)
    assert numbers(log.calls()) == [1, 2, 3, 4]
    assert numbers(log.calls(kind="graph.*")) == [2, 3]
    assert numbers(log.calls(kind="token", identity=B.upper())) == [4]
    assert numbers(log.calls(after=2)) == [3, 4]
    assert numbers(list(log.newest())) == [4, 3, 2, 1]


def test_counts_are_by_kind_and_identity() -> None:
    log = RequestLog()
    for kind, identity in [("token", A), ("token", A), ("graph.get", B)]:
        called(log, kind, identity)
    assert log.counts() == {("token", A): 2, ("graph.get", B): 1}
    assert log.counts(kind="graph.*") == {("graph.get", B): 1}
    assert log.counts(identity=A) == {("token", A): 2}


def test_the_oldest_calls_go_and_the_counts_stay() -> None:
    log = RequestLog(longest=2)
    for _ in range(5):
        called(log, "token")
    assert (numbers(log.calls()), log.dropped) == ([4, 5], 3)
    assert log.counts() == {("token", ""): 5}


def test_after_clearing_numbers_go_on() -> None:
    log = RequestLog(longest=1)
    for _ in range(2):
        called(log, "token")
    log.clear()
    assert (log.calls(), log.counts(), log.dropped) == ([], {}, 0)
    assert called(log, "token").number == 3


def test_what_asks_the_emulator_itself_leaves_no_trace() -> None:
    log = RequestLog()
    call = log.begin(Surface.ADMIN, "GET", "/_admin/requests", Ids("r", "c"), 0)
    assert (call.number, log.calls()) == (0, [])
    assert called(log, "token").number == 1


def test_a_path_of_any_length_is_kept_in_part() -> None:
    assert len(called(RequestLog(), "unknown", path="/x" * 5000).path) == 1000
