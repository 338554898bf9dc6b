"""When an image is built again."""

from pathlib import Path

import pytest

from hack.images.errors import BadSetting
from hack.images.inputs import Record, files, fingerprint


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "webhook" / "__pycache__").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "Dockerfile").write_text("FROM scratch\n")
    (root / ".dockerignore").write_text("# a word\n*\n!webhook\n!locks/*.txt\n")
    (root / "locks").mkdir()
    (root / "locks" / "webhook.txt").write_text("a==1\n")
    (root / "webhook" / "run.py").write_text("pass\n")
    (root / "webhook" / "__pycache__" / "run.pyc").write_bytes(b"")
    (root / "docs" / "page.md").write_text("a\n")
    return root


def test_what_the_build_sees_counts_and_nothing_else(checkout: Path) -> None:
    assert {str(path.relative_to(checkout)) for path in files(checkout)} == {
        "Dockerfile",
        "locks/webhook.txt",
        "webhook/run.py",
    }


def test_without_a_list_of_what_is_let_through_it_refuses(checkout: Path) -> None:
    (checkout / ".dockerignore").write_text("docs\n")
    with pytest.raises(BadSetting, match="expected a line"):
        list(files(checkout))


@pytest.mark.parametrize("file", ["Dockerfile", "webhook/run.py", "locks/webhook.txt"])
def test_a_change_of_content_tells(checkout: Path, file: str) -> None:
    before = fingerprint([], checkout)
    (checkout / file).write_text("other\n")
    assert fingerprint([], checkout) != before


def test_a_change_of_name_mode_or_setting_tells(checkout: Path) -> None:
    seen = {fingerprint([], checkout), fingerprint(["base"], checkout)}
    (checkout / "webhook" / "run.py").chmod(0o755)
    seen.add(fingerprint([], checkout))
    (checkout / "webhook" / "run.py").rename(checkout / "webhook" / "walk.py")
    seen.add(fingerprint([], checkout))
    assert len(seen) == 4


def test_what_the_build_does_not_see_tells_nothing(checkout: Path) -> None:
    before = fingerprint([], checkout)
    (checkout / "docs" / "page.md").write_text("b\n")
    (checkout / "webhook" / "__pycache__" / "run.pyc").write_bytes(b"other")
    assert fingerprint([], checkout) == before


def test_a_record_holds_the_very_image_of_the_very_inputs(tmp_path: Path) -> None:
    path = tmp_path / "built.json"
    Record(path).note("webhook:dev", "inputs", "sha256:1")
    record = Record(path)
    assert record.holds("webhook:dev", "inputs", "sha256:1")
    assert not record.holds("webhook:dev", "inputs", "sha256:2")
    assert not record.holds("webhook:dev", "other inputs", "sha256:1")
    assert not record.holds("webhook:dev", "inputs", None)
    assert not record.holds("emulator:dev", "inputs", "sha256:1")


def test_a_record_that_is_no_record_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "built.json"
    path.write_text("{")
    assert not Record(path).holds("webhook:dev", "inputs", "sha256:1")
