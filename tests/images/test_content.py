"""What is in the images, layer by layer, and what is not."""

import re
import stat
from pathlib import PurePosixPath

import pytest

from hack.images.targets import DOCKERFILE, TARGETS
from tests.images.archive import Archive

PACKAGES = {
    "webhook": {"identity", "webhook"},
    "controller": {"controller", "entra", "identity"},
    "emulator": {"emulator", "identity"},
    "e2e": {"consumer"},
}
EXECUTABLES = {
    "webhook": "/manager",
    "controller": "/controller",
    "emulator": "/emulator",
    "e2e": "/consumer",
}
INSTALLERS_AND_COMPILERS = re.compile(
    r"(^|/)(pip|pip3|setuptools|wheel|ensurepip|easy_install|uv|apt|apt-get|dpkg|dash|bash|sh|busybox"
    r"|cc|c\+\+|gcc|g\+\+|clang|ld|as|make|perl|curl|wget)(-?[0-9.]*)(\.dist-info|\.exe)?(/|$)"
)
NOT_AN_INSTALLER = re.compile(r"^var/lib/dpkg(/status\.d(/.*)?)?/?$|^usr/share/doc/")
"""Notes for scanners, and licences."""

every_image = pytest.mark.parametrize("target", TARGETS)


@every_image
def test_no_layer_has_what_installs_or_compiles_or_a_shell(
    images: dict[str, Archive], target: str
) -> None:
    found = {
        member.name
        for layer in images[target].layers
        for member in layer
        if INSTALLERS_AND_COMPILERS.search(member.name) and not NOT_AN_INSTALLER.search(member.name)
    }
    assert found == set()


@every_image
def test_no_layer_has_caches_logs_or_lists_of_a_package_manager(
    images: dict[str, Archive], target: str
) -> None:
    folders = {str(PurePosixPath(name).parent) for name in images[target].members}
    var = {folder for folder in folders if folder.startswith("var/")}
    assert var <= {"var/lib", "var/lib/dpkg", "var/lib/dpkg/status.d"}


@every_image
def test_no_layer_removes_what_another_has(images: dict[str, Archive], target: str) -> None:
    names = [PurePosixPath(m.name).name for layer in images[target].layers for m in layer]
    assert [name for name in names if name.startswith(".wh.")] == []


@every_image
def test_only_python_and_the_component_can_be_executed(
    images: dict[str, Archive], target: str
) -> None:
    programs = {
        name for name in images[target].programs if not name.startswith(("app/lib/", "usr/lib/"))
    }
    python = {name for name in programs if re.fullmatch(r"usr/(local/)?bin/python3\.\d+", name)}
    assert len(python) == 1
    assert programs - python == {EXECUTABLES[target].removeprefix("/")}


@every_image
def test_nobody_can_change_a_file_or_gain_rights_by_it(
    images: dict[str, Archive], target: str
) -> None:
    for name, member in images[target].members.items():
        assert (member.uid, member.gid) == (0, 0), name
        assert not member.mode & (stat.S_ISUID | stat.S_ISGID), name
        if not member.issym() and name != "tmp":
            assert not member.mode & (stat.S_IWGRP | stat.S_IWOTH), name


@every_image
def test_it_holds_the_locked_dependencies_and_no_others(
    images: dict[str, Archive], target: str
) -> None:
    lock = TARGETS[target].requirements.read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)(?: ;.*)? \\$", lock, re.MULTILINE))
    markers = set(re.findall(r"^([a-z0-9-]+)==\S+ ;", lock, re.MULTILINE))

    infos = re.compile(r"app/lib/([^/]+)-([^/-]+)\.dist-info/METADATA")
    held = {
        re.sub(r"[-_.]+", "-", found[1]).lower(): found[2]
        for name in images[target].files
        if (found := infos.fullmatch(name))
    }
    assert held.items() <= locked.items()
    assert locked.keys() - held.keys() <= markers


@every_image
def test_it_holds_the_components_packages_and_no_others(
    images: dict[str, Archive], target: str
) -> None:
    found = {
        parts[1]
        for name in images[target].files
        if (parts := PurePosixPath(name).parts)[0] == "app" and len(parts) > 2
    }
    assert found == PACKAGES[target] | {"lib"}


@every_image
def test_all_python_is_compiled(images: dict[str, Archive], target: str) -> None:
    files = images[target].files
    compiled = {
        re.sub(r"__pycache__/(.*)\.cpython-\d+\.pyc", r"\1.py", name)
        for name in files
        if name.endswith(".pyc")
    }
    assert {name for name in images[target].members if name.endswith(".py")} == compiled


@every_image
def test_it_names_its_user_its_program_and_itself(images: dict[str, Archive], target: str) -> None:
    config = images[target].config
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == [EXECUTABLES[target]]
    labels = {
        key.removeprefix("org.opencontainers.image."): value
        for key, value in config["Labels"].items()
        if key.startswith("org.opencontainers.image.")
    }
    assert labels["title"] == f"azwi-{target}"
    assert labels["licenses"] == "MIT"
    assert labels["description"]
    assert {"version", "revision", "created", "source"} <= labels.keys()


@every_image
def test_scanners_find_the_packages_that_libraries_come_from(
    images: dict[str, Archive], target: str
) -> None:
    noted = {
        name.removeprefix("var/lib/dpkg/status.d/")
        for name in images[target].files
        if name.startswith("var/lib/dpkg/status.d/")
    }
    assert {"libc6", "libssl3", "zlib1g", "base-files"} <= noted
    documented = {
        PurePosixPath(name)
        for name, member in images[target].members.items()
        if name.endswith("/copyright") or member.issym()  # packages of one source share a folder
    }
    folders = {folder.parent if folder.name == "copyright" else folder for folder in documented}
    assert noted <= {folder.name for folder in folders}


def test_images_share_the_layer_of_the_runtime(images: dict[str, Archive]) -> None:
    assert len({image.diff_ids[0] for image in images.values()}) == 1


def test_the_dockerfile_names_no_architecture() -> None:
    instructions = re.sub(r"^#.*$", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    assert not re.search(r"amd64|arm64|x86|aarch64|--platform", instructions)


def test_every_target_is_built_and_every_image_has_its_target() -> None:
    stages = re.findall(r"^FROM runtime AS (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert stages == list(TARGETS)
