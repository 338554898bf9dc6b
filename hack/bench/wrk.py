"""Driving a server at saturation by wrk, where it is installed (Debian: `apt install wrk`)."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.bench.driver import DriveFailed, Target
from hack.bench.process import prepared

_SCRIPT: Final = r"""
local requests, number, threads = {}, 0, {}
wrong = 0  -- global: thread:get() reads no other

function setup(thread) table.insert(threads, thread) end

function init(args)
  local file = io.open(args[1], "rb")
  for size in file:lines() do
    table.insert(requests, file:read(tonumber(size)))
    file:read(1)
  end
  file:close()
end

function request()
  number = number % #requests + 1
  return requests[number]
end

-- The words are checked in every answer, so that only real mutations count.
function response(status, headers, body)
  if status ~= 200 or not body:find('"patch":%s*"') then wrong = wrong + 1 end
end

function done(summary, latency, rates)
  local all = 0
  for _, thread in ipairs(threads) do all = all + thread:get("wrong") end
  local errors = summary.errors
  print(string.format(
    'RESULT {"count": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "wrong": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    all + errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
"""
_MARK: Final = "RESULT "


@dataclass(frozen=True, slots=True)
class WrkRun:
    """What wrk tells of a run."""

    count: int
    seconds: float
    p50_ms: float
    p99_ms: float
    wrong: int
    """Answers that were no mutation, and errors of whatever kind."""

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.count / self.seconds


def found() -> str | None:
    """Find wrk on PATH."""
    return shutil.which("wrk")


def saturate(  # noqa: PLR0913 - what to send, and how much of it
    wrk: str,
    target: Target,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: int,
    folder: Path,
) -> WrkRun:
    """Let wrk send requests from one thread; it runs on the core that this process is pinned to."""
    script, data = folder / "wrk.lua", folder / "wrk.requests"
    script.write_text(_SCRIPT)
    data.write_bytes(b"".join(b"%d\n%s\n" % (len(request), request) for request in requests))
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=30s", f"-s{script}"]
    command += [f"https://{target.address}/", "--", str(data)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
        preexec_fn=prepared(),
    )
    run = read_result(done.stdout)
    if run is None or done.returncode != 0:
        raise DriveFailed(f"wrk failed: {(done.stderr or done.stdout).strip()[-400:]}")
    if run.wrong:
        raise DriveFailed(f"{run.wrong} of {run.count} answers were not the mutation")
    return run


def read_result(output: str) -> WrkRun | None:
    """Read the line that the script prints at the end."""
    for line in output.splitlines():
        if line.startswith(_MARK):
            return WrkRun(**json.loads(line.removeprefix(_MARK)))
    return None
