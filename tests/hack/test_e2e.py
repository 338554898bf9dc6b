"""What `make e2e` does before and after the suite; the suite itself is tests/e2e."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hack.cluster.errors import ClusterError
from hack.e2e import __main__ as e2e
from hack.e2e.images import ImagesNeeded, given_images
from hack.e2e.parts import Parts
from hack.e2e.place import cluster_name, given
from hack.node import LoadFailed
from tests.e2e import conftest


def test_a_cluster_of_the_users_gets_no_images_unless_it_is_said_how(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    place = given(kubeconfig, {})
    assert (place.kubeconfig, place.load) == (kubeconfig, None)
    with pytest.raises(ImagesNeeded, match="AZWI_E2E_REGISTRY and AZWI_E2E_TAG not set"):
        given_images({})
    given_images({"AZWI_E2E_REGISTRY": "registry.example/azwi", "AZWI_E2E_TAG": "1"})


def test_images_are_loaded_by_the_users_command(tmp_path: Path) -> None:
    kubeconfig, loaded = tmp_path / "kubeconfig", tmp_path / "loaded"
    kubeconfig.touch()
    archive = tmp_path / "an archive.tar"
    archive.write_text("an image")
    place = given(kubeconfig, {"AZWI_E2E_LOAD": f"cp {{archive}} {loaded}"})
    assert place.load is not None
    place.load(archive)
    assert loaded.read_text() == "an image"
    archive.unlink()
    with pytest.raises(LoadFailed, match=r"`cp .*` ended with status 1: .*an archive\.tar"):
        place.load(archive)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "there is no such kubeconfig"),
        ({"AZWI_E2E_LOAD": "kind load"}, r"expected \{archive\} in it"),
    ],
)
def test_what_cannot_be_right_is_said(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    if environment:
        kubeconfig.touch()
    with pytest.raises(ClusterError, match=words):
        given(kubeconfig, environment)


def test_a_cluster_in_docker_is_known_by_its_context() -> None:
    assert cluster_name({"current-context": "kind-azwi-run-1"}) == "azwi-run-1"
    with pytest.raises(ClusterError, match='context "other"'):
        cluster_name({"current-context": "other"})


def test_a_wrong_use_ends_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AZWI_E2E_LOAD", "AZWI_E2E_REGISTRY", "AZWI_E2E_TAG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    kubeconfig = tmp_path / "kubeconfig"
    assert e2e.main(["--kubeconfig", str(kubeconfig)]) == 1
    kubeconfig.touch()
    assert e2e.main(["--kubeconfig", str(kubeconfig)]) == 2
    assert "how do images get into the cluster?" in capsys.readouterr().err


def test_each_part_is_told_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    parts = Parts()
    with parts.part("images"):
        pass
    with pytest.raises(OSError, match="away"), parts.part("a cluster"):
        raise OSError("away")
    parts.show()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["images", "a cluster", "in all"]


def test_without_a_cluster_every_test_says_what_to_do_and_required_it_fails() -> None:
    def run(required: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "tests/e2e", "-q", "-p", "no:cacheprovider"],
            cwd=Path(__file__).parents[2],
            env={"PATH": "", "AZWI_REQUIRE_E2E": required},
            capture_output=True,
            text=True,
            check=False,
        )

    skipped = run("0")
    assert skipped.returncode == 0, skipped.stdout
    assert "no cluster for it: run `make e2e`" in skipped.stdout
    assert "passed" not in skipped.stdout
    required = run("1")
    assert required.returncode == 1
    assert "AZWI_REQUIRE_E2E=1, but no cluster for it" in required.stdout


def test_every_module_of_the_suite_has_its_place() -> None:
    found = {file.stem for file in Path(conftest.__file__).parent.glob("test_*.py")}
    assert found == set(conftest.ORDER)
