"""Every golden case, as it stands in its file."""

import copy

import pytest

from tests.golden.case import FOLDER, Case, all_cases, start_order
from webhook.mutation.mutate import mutate
from webhook.mutation.outcome import Injected, Refused

CASES = list(all_cases())
ACCEPTED = [case for case in CASES if case.accepted]
REFUSED = [case for case in CASES if not case.accepted]


def named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@named(ACCEPTED)
def test_the_pod_comes_out_as_the_case_says(case: Case) -> None:
    outcome = case.run()
    assert isinstance(outcome, Injected), f"refused: {outcome.message}"
    assert case.applied(outcome) == case.expected_pod
    assert [warning.message for warning in outcome.warnings] == case.then.get("warnings", [])
    assert outcome.audit == case.then.get("audit", outcome.audit)
    assert start_order(case.expected_pod) == case.then.get("order", start_order(case.expected_pod))
    if case.then.get("unchanged"):
        assert outcome.operations == []
    else:
        assert outcome.operations != []


@named(REFUSED)
def test_the_pod_is_refused_in_the_words_of_the_case(case: Case) -> None:
    outcome = case.run()
    assert isinstance(outcome, Refused)
    assert outcome.message == case.then["refused"]
    assert case.then.keys() == {"refused"}


@named(ACCEPTED)
def test_a_second_pass_over_the_pod_of_the_case_yields_nothing(case: Case) -> None:
    again = mutate(case.expected_pod, case.namespace, case.account, case.config)
    assert isinstance(again, Injected)
    assert again.operations == []


@named(CASES)
def test_the_pod_that_was_sent_is_not_modified(case: Case) -> None:
    sent = case.pod
    before = copy.deepcopy(sent)
    mutate(sent, case.namespace, case.account, case.config)
    assert sent == before


@named(CASES)
def test_the_case_says_why_it_is_there(case: Case) -> None:
    assert 20 <= len(case.why) <= 200
    assert {"pod", "unchanged", "refused"} & case.then.keys(), "it says what comes out"


def test_there_are_enough_cases_and_none_shows_what_another_shows() -> None:
    assert len(CASES) >= 60
    inputs = [
        (case.content["pod"], case.content.get("account"), case.content.get("config"))
        for case in CASES
    ]
    twins = [
        (one.name, other.name)
        for index, one in enumerate(CASES)
        for position, other in enumerate(CASES[:index])
        if inputs[index] == inputs[position]
    ]
    assert not twins


def test_no_file_of_the_folder_is_left_out() -> None:
    assert {path.suffix for path in FOLDER.iterdir()} == {".yaml"}
