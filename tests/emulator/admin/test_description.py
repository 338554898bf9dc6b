"""The admin API as it describes itself, put to the test by a tool that knows nothing else of it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.emulator.admin.stage import Stage
from tests.emulator.conftest import RunEmulator
from tests.emulator.seed.samples import seed

SEED: Final = 20261126
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)


async def test_every_operation_has_a_summary_and_says_what_it_refuses(stage: Stage) -> None:
    described = await stage.done("GET", "/openapi.json")
    own = {
        f"{method} {path}": operation
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/_admin") or path in {"/", "/healthz"}
    }
    assert len(own) == 19
    for name, operation in own.items():
        assert operation["description"], name
        assert "422" not in operation["responses"], name
        if name != "get /healthz":
            assert {"400", "403"} <= {*operation["responses"]}, name
        if name.split()[0] in {"put", "patch"}:
            assert operation["requestBody"]["required"], name


def test_schemathesis_finds_nothing(run_emulator: RunEmulator, tmp_path: Path) -> None:
    emulator = run_emulator(seed(issuers=[], faults={}))
    config = tmp_path / "schemathesis.toml"
    enabled = "\n".join(f"{check}.enabled = true" for check in CHECKS)
    config.write_text(f"[checks]\nenabled = false\n{enabled}\n")
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("st")), "--config-file", str(config)),
            *("run", f"{emulator.addresses.admin}/openapi.json"),
            *("--tls-verify", str(emulator.addresses.ca)),
            *("--include-path-regex", "^/(_admin/.*|healthz)?$"),
            *("--phases", "coverage,fuzzing", "--max-examples", "8"),
            *("--seed", str(SEED), "--continue-on-failure"),
        ],
        env=kept,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    found = f"{done.stdout[-20_000:]}\nseed {SEED}"
    assert done.returncode == 0, found
    assert "No issues found" in done.stdout, found
    assert "unexpected error" not in emulator.log()
