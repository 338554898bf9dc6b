"""What is read out of metrics, and how it is laid out."""

from collections import Counter

from hack.scale import counts
from hack.scale.report import Book, Figure, table
from hack.scale.usage import Shares, peak_in

API = """\
# TYPE apiserver_request_total counter
apiserver_request_total{code="201",resource="subjectaccessreviews",subresource="",verb="POST"} 12
apiserver_request_total{code="200",resource="leases",subresource="",verb="PUT"} 3
apiserver_request_total{code="200",resource="serviceaccounts",subresource="",verb="LIST"} 5
apiserver_request_total{code="200",resource="fics",subresource="status",verb="PATCH"} 7
apiserver_request_total{code="404",resource="fics",subresource="status",verb="PATCH"} 1
apiserver_request_total_other{verb="POST"} 9
"""
CONTROLLER = """\
azwi_entra_calls_total{code="200",kind="arm write"} 4.0
azwi_entra_calls_total{code="429",kind="arm write"} 1.0
azwi_controller_credentials{condition="Ready",status="True"} 40.0
azwi_controller_credentials{condition="Ready",status="False"} 2.0
azwi_controller_credentials{condition="Synced",status="True"} 42.0
azwi_controller_queue_size{queue="accounts"} 3.0
azwi_controller_queue_running{queue="identities"} 2.0
azwi_controller_queue_delayed{queue="identities"} 500.0
azwi_controller_reconciles_total{kind="identities",result="done"} 6.0
azwi_controller_reconciles_total{kind="identities",result="again"} 5.0
azwi_controller_reconciles_total{kind="accounts",result="done"} 9.0
"""


def test_writes_are_neither_reads_nor_reviews_and_leases_are_told_apart() -> None:
    asked = counts.api_requests(API)
    assert counts.reviews(asked) == 12
    written = counts.writes(asked)
    assert written == {("PUT", "leases"): 3, ("PATCH", "fics/status"): 8}
    assert counts.without_leases(written) == {("PATCH", "fics/status"): 8}
    assert counts.told(written) == "PATCH fics/status 8, PUT leases 3"


def test_nothing_is_told_as_none() -> None:
    assert counts.told({}) == "none"


def test_every_try_of_a_call_counts() -> None:
    assert counts.entra_calls(CONTROLLER) == {"arm write": 5}


def test_what_is_due_later_keeps_nobody_waiting() -> None:
    assert counts.busy(CONTROLLER) == 5


def test_reconciles_are_counted_however_they_ended() -> None:
    assert counts.reconciles(CONTROLLER, "identities") == 11
    assert counts.ready(CONTROLLER) == 40


def test_no_metrics_are_no_reconciles() -> None:
    assert (counts.reconciles("", "identities"), counts.ready(""), counts.busy("")) == (0, 0, 0)


def test_calls_of_the_emulator_are_counted_by_identity() -> None:
    before = {"arm.credentials.list": Counter({"a": 1})}
    now = {
        "arm.credentials.list": Counter({"a": 3, "b": 1}),
        "arm.credentials.put": Counter({"a": 20}),
        "graph.credentials.create": Counter({"c": 2}),
        "graph.principals.get": Counter({"a": 1, "c": 1}),
        "graph.applications.get": Counter({"c": 1}),
    }
    new = counts.more(now, before)
    assert counts.most(new, counts.LISTS) == 2
    assert counts.most(new, counts.LOOKUPS) == 2
    assert counts.credential_writes(new) == 22


def test_the_table_says_what_is_kept_and_what_is_missed_and_by_how_much() -> None:
    book = Book(notes=["a note"])
    book.add("calls", Figure("writes", 1.0035, "", 1.02, 4), Figure("lists", 2, "", 1))
    book.add("time", Figure("bound", 230, "s"), Figure("surplus", 3, "", 0))
    assert table(book, ["Some CPU"]).splitlines() == [
        "Some CPU",
        "a note",
        "",
        "           unit     target   found",
        "calls",
        "  writes         <= 1.0200  1.0035  kept",
        "  lists               <= 1       2  missed by 100%",
        "time",
        "  bound    s                   230",
        "  surplus             <= 0       3  missed",
    ]
    assert not book.kept


def test_a_book_without_misses_is_kept() -> None:
    book = Book()
    book.add("calls", Figure("lists", 1, "", 1), Figure("seconds", 9.0))
    assert book.kept


def test_the_high_water_mark_is_read_in_bytes() -> None:
    assert peak_in("VmPeak:\t 900 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n") == 2 * 1024 * 1024
    assert peak_in("") == 0


def test_shares_say_how_busy_the_machine_was() -> None:
    shares = Shares(10.0, 2, {"controller": 8.0, "others": 2.0})
    assert str(shares) == "CPU controller 8 s, others 2 s: 50% of 2 cores for 10 s"
    assert shares.warning == ""


def test_a_machine_with_something_else_to_do_is_told() -> None:
    shares = Shares(10.0, 2, {"controller": 8.0, "others": 10.0})
    assert shares.warning == (
        "other programs had 50% of the machine meanwhile: its times are theirs as well"
    )
