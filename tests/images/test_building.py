"""How the images are built, with a tool that only takes notes."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from hack.cluster.folders import Folders
from hack.cluster.progress import silent
from hack.images.base import default_base
from hack.images.build import Images, Settings
from hack.images.errors import BadSetting, NoBase, NoTool
from hack.images.tools import Recipe, find_tool
from hack.images.wheels import python_of


class Notes:
    """A tool in whose registry is what `registry` names."""

    name = "notes"

    def __init__(self, *registry: str) -> None:
        self.registry = registry
        self.recipes: list[Recipe] = []
        self.saved: list[str] = []
        self._ids: dict[str, str] = {}

    def build(self, recipe: Recipe) -> None:
        self.recipes.append(recipe)
        self._ids[recipe.image] = f"sha256:{len(self.recipes)}"

    def pull(self, image: str) -> bool:
        return image in self.registry

    def image_id(self, image: str) -> str | None:
        return self._ids.get(image)

    def size(self, image: str) -> int:
        return 1

    def save(self, image: str, archive: Path) -> None:
        self.saved.append(image)
        config = f"{self._ids[image].removeprefix('sha256:')}.json"
        manifest = json.dumps([{"Config": config, "RepoTags": [image]}]).encode()
        with tarfile.open(archive, "w") as tar:
            member = tarfile.TarInfo("manifest.json")
            member.size = len(manifest)
            tar.addfile(member, io.BytesIO(manifest))


def images(tool: Notes, folder: Path, **settings: object) -> Images:
    return Images(tool, Settings(**settings), Folders(folder), silent)  # type: ignore[arg-type]


def test_by_default_the_base_is_the_dockerfiles_and_pip_asks_its_index(tmp_path: Path) -> None:
    tool = Notes(default_base())
    images(tool, tmp_path).build(["webhook"])
    (recipe,) = tool.recipes
    assert recipe.arguments["BASE"] == default_base()
    assert recipe.wheels is None
    assert (recipe.target, recipe.image) == ("webhook", "localhost/azwi/webhook:dev")


def test_what_was_built_of_the_same_is_not_built_again(tmp_path: Path) -> None:
    tool = Notes(default_base())
    assert [one.anew for one in images(tool, tmp_path).build()] == [True] * 4
    assert [one.anew for one in images(tool, tmp_path).build()] == [False] * 4
    assert [one.anew for one in images(tool, tmp_path, labels={"REVISION": "1"}).build()] == [
        True
    ] * 4
    assert len(tool.recipes) == 8


def test_an_archive_is_written_again_only_for_another_image(tmp_path: Path) -> None:
    tool = Notes(default_base())
    for _ in range(2):
        saved = images(tool, tmp_path).save(tmp_path / "to", ["webhook"])
    assert saved == {"webhook": tmp_path / "to" / "webhook.tar"}
    assert len(tool.saved) == 1
    images(tool, tmp_path, labels={"REVISION": "1"}).save(tmp_path / "to", ["webhook"])
    assert len(tool.saved) == 2


def test_an_archive_that_was_cut_short_is_written_again(tmp_path: Path) -> None:
    tool = Notes(default_base())
    archive = images(tool, tmp_path).save(tmp_path / "to", ["webhook"])["webhook"]
    archive.write_bytes(archive.read_bytes()[:700])
    images(tool, tmp_path).save(tmp_path / "to", ["webhook"])
    assert len(tool.saved) == 2


def test_a_base_that_was_asked_for_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(NoBase, match=r"mirror\.example/python:3 is not here, and no registry"):
        images(Notes(), tmp_path, base="mirror.example/python:3").build(["webhook"])


def test_without_a_registry_and_without_means_for_a_stand_in_it_says_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoBase, match="no registry gives it; a stand-in could be made"):
        images(Notes(), tmp_path).build(["webhook"])


def test_a_target_that_there_is_not_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    tool = Notes(default_base())
    with pytest.raises(BadSetting, match="no target proksy: there are webhook"):
        images(tool, tmp_path).build(["webhook", "proksy"])
    assert tool.recipes == []


def test_the_python_of_a_base_is_in_its_name_or_must_be_told() -> None:
    assert python_of("docker.io/library/python:3.13-slim-bookworm") == "3.13"
    with pytest.raises(BadSetting, match="add --python"):
        python_of("mirror.example/base:1")


def test_where_nothing_builds_images_it_says_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoTool, match=r"(?s)docker: no engine.*buildah: not installed"):
        find_tool()


def test_a_tool_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadSetting, match="expected one of docker, buildah"):
        find_tool("kaniko")
