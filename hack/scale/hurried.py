"""The controller with a clock that runs faster, in a process of the benchmark's only.

    python -m hack.scale.hurried 3 [controller's flags]

What waits by the injected pace (`entra.pacing.REAL`: queues, resyncs, grants, the Lease, budgets)
waits a third of the time; limits on calls to others stay as they are.
"""

import asyncio
import runpy
import sys
import time

from entra import pacing


def hurry(times: float) -> None:
    """Let the one clock that everything is given by default run so many times as fast."""
    began = time.monotonic()

    def now() -> float:
        return began + (time.monotonic() - began) * times

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / times)

    # It is frozen, and shared by everybody who was given it as a default.
    object.__setattr__(pacing.REAL, "now", now)
    object.__setattr__(pacing.REAL, "sleep", sleep)


if __name__ == "__main__":
    hurry(float(sys.argv.pop(1)))
    runpy.run_module("controller", run_name="__main__", alter_sys=True)
