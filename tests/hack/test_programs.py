"""Programs end with their owner, and a pid is never taken for another process's."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster.errors import StartFailed
from hack.cluster.folders import ALIVE, alive
from hack.cluster.locks import shared
from hack.cluster.programs import Process, Program

ROOT = Path(__file__).parents[2]
SLEEP = ["/bin/sleep", "300"]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    found = Program(tmp_path, "sleeper")
    yield found
    found.stop(patience=0)


def wait_for_end(process: Process) -> bool:
    return process.wait(5)


def running(program: Program) -> Process:
    process = program.process
    assert process is not None
    return process


def test_a_program_starts_and_stops(program: Program) -> None:
    program.start(SLEEP)
    process = running(program)
    assert process.memory() > 0
    program.stop()
    assert not process.alive
    assert program.process is None
    assert process.memory() == 0


def test_a_program_that_ignores_sigterm_is_killed(program: Program) -> None:
    program.start(["/bin/sh", "-c", 'trap "" TERM; while :; do sleep 0.1; done'])
    process = running(program)
    time.sleep(0.2)
    program.stop(patience=0.3)
    assert not process.alive


@pytest.mark.parametrize("patience", [0, 5])
def test_what_a_program_started_itself_ends_too(
    program: Program, tmp_path: Path, patience: float
) -> None:
    program.start(["/bin/sh", "-c", f"sleep 300 & echo $! > {tmp_path}/inner; wait"])
    while not (inner := tmp_path / "inner").exists() or not inner.read_text():
        time.sleep(0.01)
    process = Process.of(int(inner.read_text()))
    assert process is not None
    program.stop(patience=patience)
    assert wait_for_end(process)


def test_its_log_is_quoted(program: Program) -> None:
    program.start(["/bin/sh", "-c", "seq 30; exit 3"])
    while program.exit_status() is None:
        time.sleep(0.01)
    assert program.exit_status() == 3
    assert program.tail(2) == "; its last lines:\n    29\n    30"


def test_a_program_that_is_not_there_says_so(program: Program) -> None:
    program.start(["/no/such/program"])
    while program.exit_status() is None:
        time.sleep(0.01)
    assert "/no/such/program: No such file or directory" in program.tail()


def test_a_keeper_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    program = Program(tmp_path, "sleeper")
    with shared(tmp_path / ALIVE):
        (tmp_path / ALIVE).chmod(0)
        (tmp_path / ALIVE).unlink()
        (tmp_path / ALIVE).mkdir()
        with pytest.raises(StartFailed, match=r"^sleeper could not be started; its last lines:"):
            program.start(SLEEP)


def test_a_pid_used_again_is_somebody_else() -> None:
    me = Process.of(os.getpid())
    assert me is not None
    assert me.alive
    earlier = dataclasses.replace(me, started=me.started - 1)
    assert not earlier.alive
    earlier.signal(signal.SIGKILL)  # would end this very test run


def test_a_pid_from_before_the_machine_started_anew_is_somebody_else() -> None:
    me = Process.of(os.getpid())
    assert me is not None
    assert not dataclasses.replace(me, boot="another").alive


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert Process.of(child.pid) is None
    child.wait()


def test_stopping_by_a_stale_pid_file_harms_nobody(program: Program) -> None:
    program.start(SLEEP)
    facts = json.loads(program.pid_file.read_text())
    program.stop()
    time.sleep(0.05)  # start times are counted in hundredths of a second
    bystander = subprocess.Popen(SLEEP)
    try:
        facts["pids"] = dict.fromkeys(facts["pids"], bystander.pid)
        program.pid_file.write_text(json.dumps(facts))
        assert program.process is None
        program.stop()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def owner(folder: Path, *, then: str, detach: bool = False) -> subprocess.Popen[str]:
    """Another process that starts a program, and then does something."""
    script = f"""
        import os, sys, threading, time
        from pathlib import Path
        from hack.cluster.folders import ALIVE
        from hack.cluster.locks import shared
        from hack.cluster.programs import Program
        folder = Path({str(folder)!r})
        with shared(folder / ALIVE):
            program = Program(folder, "sleeper")
            def start():
                program.start({SLEEP}, detach={detach})
            {then}
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


IN_MAIN = "start(); print('up', flush=True); time.sleep(300)"
IN_THREAD = (
    "t = threading.Thread(target=start); t.start(); t.join(); time.sleep(0.5);"
    " print('up', flush=True); time.sleep(300)"
)


def read_up(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_however_the_owner_ends_the_program_and_the_folder_are_gone(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with owner(folder, then=IN_MAIN) as process:
        read_up(process)
        program = running(Program(folder, "sleeper"))
        process.send_signal(number)
        process.wait()
    assert wait_for_end(program)
    end = time.monotonic() + 5
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert not folder.exists()


def test_the_program_lives_on_when_only_the_thread_that_started_it_has_ended(
    tmp_path: Path,
) -> None:
    with owner(tmp_path, then=IN_THREAD) as process:
        read_up(process)
        program = running(Program(tmp_path, "sleeper"))
        process.kill()
    assert wait_for_end(program)


def test_the_program_ends_when_its_keeper_is_killed(program: Program) -> None:
    program.start(SLEEP)
    process = running(program)
    keeper = program._process("keeper")
    assert keeper is not None
    keeper.signal(signal.SIGKILL)
    assert wait_for_end(process)


def test_a_detached_program_outlives_its_starter_and_is_stopped_by_another(tmp_path: Path) -> None:
    with owner(tmp_path, then="start(); print('up', flush=True)", detach=True) as process:
        read_up(process)
    program = Program(tmp_path, "sleeper")
    found = running(program)
    assert alive(tmp_path)
    program.stop()
    assert not found.alive
    assert not alive(tmp_path)
