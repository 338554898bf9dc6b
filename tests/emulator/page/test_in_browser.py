"""The page in a real browser, which keeps to the policy that the page sends."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hack.emulator import Emulator
from tests.emulator.conftest import RunEmulator
from tests.emulator.seed.samples import seed

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), ""
)
REQUIRED = os.environ.get("AZWI_REQUIRE_BROWSER") == "1"

pytestmark = pytest.mark.skipif(
    not BROWSER and not REQUIRED, reason="no chromium or google-chrome on the PATH"
)


@pytest.fixture(scope="module")
def emulator(run_emulator: RunEmulator) -> Emulator:
    return run_emulator(seed(issuers=[], faults={"failures": [{"kind": "arm.*"}]}))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the browser's socket has to fit into 108 characters."""
    with TemporaryDirectory(prefix="azwi-") as made:
        yield Path(made)


def looked_at(emulator: Emulator, folder: Path, *flags: str, path: str = "/") -> str:
    """What the browser made of the page; fails for what it complains of."""
    assert BROWSER, "AZWI_REQUIRE_BROWSER is set, and there is no chromium on the PATH"
    done = subprocess.run(
        [
            BROWSER,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--ignore-certificate-errors", "--enable-logging=stderr", "--v=0"),
            *(f"--user-data-dir={folder / 'profile'}", *flags),
            f"{emulator.addresses.authority}{path}",
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert complaints == []
    return done.stdout


def test_the_browser_shows_the_page_and_complains_of_nothing(
    emulator: Emulator, folder: Path
) -> None:
    shown = looked_at(emulator, folder, "--dump-dom", path="/?q=worker")
    assert "<title>azwi emulator</title>" in shown
    assert "1 of 20 slots" in shown
    assert "The next call of the kind arm.* fails with 503." in shown


@pytest.mark.parametrize("width", [390, 1280])
def test_the_style_is_applied(emulator: Emulator, folder: Path, width: int) -> None:
    picture = folder / "page.png"
    looked_at(emulator, folder, f"--screenshot={picture}", f"--window-size={width},900")
    styled = picture.stat().st_size
    looked_at(
        emulator,
        folder,
        f"--screenshot={picture}",
        f"--window-size={width},900",
        path="/_admin/health",
    )
    assert styled > 2 * picture.stat().st_size
