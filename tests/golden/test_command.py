"""`python -m tests.golden`: shows, and writes only when told to."""

import shutil
from pathlib import Path

import pytest

from tests.golden import __main__ as command
from tests.golden.case import FOLDER, all_cases, load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "cases"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(command, "FOLDER", copy)
    return copy


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["golden", *arguments])
    return command.main()


def test_writing_a_case_that_is_right_changes_nothing_that_it_says() -> None:
    for case in all_cases():
        assert command.outcome_of(case) == case.then, case.name


def test_show_shows_a_difference_and_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "a-labelled-pod.yaml"
    wrong = path.read_text().replace("expirationSeconds: 3600", "expirationSeconds: 1")
    path.write_text(wrong)
    assert run(monkeypatch, "show", "a-labelled-pod") == 0
    shown = capsys.readouterr().out
    assert "+            - name: AZURE_CLIENT_ID" in shown.replace("+        - ", "+            - ")
    assert "! differs from what the case says" in shown
    assert path.read_text() == wrong


def test_write_writes_the_end_of_one_file_and_keeps_its_beginning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "a-labelled-pod.yaml"
    right = load(path)
    head = path.read_text().partition("\nthen:")[0]
    path.write_text(head + "\nthen:\n  audit: {}\n")
    assert run(monkeypatch, "write", "a-labelled-pod") == 0
    assert path.read_text().startswith(head + "\nthen:\n")
    assert load(path) == right


def test_nothing_is_written_without_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "write")
    assert ended.value.code == 2


def test_a_name_that_is_no_case_gets_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "show", "a-labeled-pod") == 1
    assert "did you mean a-labelled-pod" in capsys.readouterr().out
