"""What the benchmark reads of the machine and of processes."""

import os
import subprocess
import sys
import time

import pytest

from hack.bench.machine import Cores, Machine, busy_seconds, cpu_model, pinned
from hack.bench.process import Memory, cpu_seconds, cpu_ticks, memory, rollup

_STAT = "17 (a (name) b) S 1 17 17 0 -1 4194560 90 0 0 0 250 31 0 0 20 0 9 0 86 100 200 18446 1"


def _machine(**facts: object) -> Machine:
    usual = {"cpu": "c", "cores": 2, "kernel": "k", "python": "p", "tls": "t", "load": 0.1}
    return Machine(**{**usual, **facts})  # type: ignore[arg-type]


def test_user_and_system_time_are_added_whatever_the_program_is_called() -> None:
    assert cpu_ticks(_STAT) == 281


def test_memory_is_read_in_bytes() -> None:
    text = "55d-7ff ---p 0 00:00 0 [rollup]\nRss:    2048 kB\nPss:  1000 kB\nPss_Anon:  9 kB\n"

    assert rollup(text) == Memory(rss=2048 * 1024, pss=1000 * 1024)


def test_the_cpu_clock_of_another_process_runs_while_it_works() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            before, deadline = cpu_seconds(process.pid), time.monotonic() + 20
            while cpu_seconds(process.pid) < before + 0.05:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            held = memory(process.pid)
        finally:
            process.kill()

    assert held.rss >= held.pss > 0


def test_the_processor_is_named_where_the_kernel_names_it() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: fpu\n") == "AMD EPYC"
    assert cpu_model("processor\t: 0\nBogoMIPS\t: 50.00\n") is None


def test_a_core_is_busy_with_everything_but_idling_and_waiting() -> None:
    stat = (
        "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 20 30 9000 500 1 2 3 77 0\ncpu1 1 1 1 1 1 1 1 1 0 0\n"
    )

    assert busy_seconds(stat, 0) == pytest.approx(156 / os.sysconf("SC_CLK_TCK"))
    with pytest.raises(ValueError, match="no core 2"):
        busy_seconds(stat, 2)


def test_server_and_driver_get_a_core_each_where_there_are_two() -> None:
    assert Cores.of({5, 3, 4}) == Cores(frozenset({3, 4, 5}), server=3, driver=4)
    assert Cores.of({3}) == Cores(frozenset({3}), server=3, driver=3)


def test_pinning_ends_with_its_block() -> None:
    before = os.sched_getaffinity(0)

    with pinned(min(before)):
        assert os.sched_getaffinity(0) == {min(before)}

    assert os.sched_getaffinity(0) == before


def test_the_machine_says_what_makes_its_figures_doubtful() -> None:
    assert not any("noisy" in line for line in _machine().lines())
    assert "noisy" in _machine(load=3.0).lines()[-1]
    assert "share it" in _machine(cores=1).lines()[-1]
