"""The archive of an image, as containerd and Docker read it."""

import hashlib
import json
import tarfile
from pathlib import Path

from hack.node.image import PAUSE, write_archive


def test_it_holds_one_program_which_it_runs_as_nobody(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    write_archive(tmp_path / "image.tar", PAUSE, program)
    with tarfile.open(tmp_path / "image.tar") as archive:
        (manifest,) = json.loads(read(archive, "manifest.json"))
        config = json.loads(read(archive, manifest["Config"]))
        layer = read(archive, manifest["Layers"][0])
        assert archive.extractfile("layer.tar") is not None
    assert manifest["RepoTags"] == [PAUSE]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"] == {"Entrypoint": ["/pause"], "User": "65535:65535"}
    (tmp_path / "layer.tar").write_bytes(layer)
    with tarfile.open(tmp_path / "layer.tar") as files:
        (entry,) = files.getmembers()
        assert (entry.name, entry.mode, entry.uid) == ("pause", 0o755, 0)
        assert read(files, "pause") == b"\x7fELF"


def test_the_same_program_makes_the_same_image(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    for name in ("one.tar", "other.tar"):
        write_archive(tmp_path / name, PAUSE, program)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()


def read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()
