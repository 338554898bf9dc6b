"""The templates come with the package."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_wheel_has_the_templates_of_the_page(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = {*packed.namelist()}
    templates = {
        str(file.relative_to(ROOT)) for file in (ROOT / "emulator" / "page" / "templates").iterdir()
    }
    assert len(templates) == 2
    assert templates <= names
