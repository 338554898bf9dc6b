"""Memory, the time to start, and what each import takes of both."""

import json
import subprocess
import sys
import time
import urllib.request
from typing import Final

from hack.bench import driver
from hack.bench.answers import ALLOWED_WITH_PATCH
from hack.bench.bench import Bench
from hack.bench.book import Import
from hack.bench.figures import median
from hack.bench.machine import pinned
from hack.bench.reviews import AccountName
from hack.bench.speed import CONNECTIONS
from hack.bench.subject import ROOT, Ours, Server, ServerFailed, Subject

_MIB: Final = 1024 * 1024
_SETTLED: Final = 2.0
"""Seconds after which a server has done what it does at its start."""
_SHARE: Final = 500
"""Of the many ServiceAccounts so many have pods created."""

IMPORTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("asyncio", ()),
    ("ssl", ("asyncio",)),
    ("logging.config", ("ssl",)),
    ("uvloop", ("asyncio", "ssl")),
    ("httptools", ("asyncio", "ssl")),
    ("uvicorn.config", ("asyncio", "ssl")),
    ("uvicorn.protocols.http.httptools_impl", ("uvicorn.config", "httptools")),
    ("pydantic", ("asyncio", "ssl")),
    ("starlette.applications", ("asyncio", "ssl")),
    ("fastapi", ("starlette.applications",)),
    ("httpx", ("asyncio", "ssl")),
    ("orjson", ("asyncio", "ssl")),
    ("prometheus_client", ("asyncio", "ssl")),
    ("yaml", ("asyncio", "ssl")),
    ("cryptography.x509", ("asyncio", "ssl")),
    ("kubernetes.client", ("asyncio", "ssl")),
    ("msal", ("asyncio", "ssl")),
    ("entra", ("asyncio", "ssl")),
    ("entra", ("httpx", "msal")),
)
"""Each module, over what the process needs anyway."""

_MEASURE: Final = """
import sys, time, importlib, json, gc
def rss():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Rss:"))
module, *over = sys.argv[1:]
for name in over:
    importlib.import_module(name)
before, began = rss(), time.perf_counter()
importlib.import_module(module)
took = time.perf_counter() - began
print(json.dumps([(rss() - before) / 1024, took * 1000]))
"""


def start(bench: Bench, subject: Subject) -> None:
    """Time the way from the start of the process to its first mutation."""
    _start(bench, subject, "few", bench.stage.few())


def start_with_many(bench: Bench, subject: Subject) -> None:
    """Time the same with many ServiceAccounts."""
    _start(bench, subject, "many", bench.many())


def _start(bench: Bench, subject: Subject, key: str, accounts: list[AccountName]) -> None:
    asked = bench.requests(accounts[-1:])[0]
    with bench.step(f"{subject.name}: start, {key} ServiceAccounts"):
        for _ in range(bench.scale.starts):
            with pinned(bench.cores.driver), bench.running(subject) as server:
                seconds = server.first_good_answer(asked)
                cpu = server.cpu()
            bench.book.add(subject.name, f"start.{key}", seconds)
            if key == "few":
                bench.book.add(subject.name, "start.cpu", cpu)


def memory(bench: Bench, subject: Subject) -> None:
    """Weigh the process at rest."""
    for _ in range(bench.scale.runs):
        with (
            bench.step(f"{subject.name}: memory with 1 ServiceAccount"),
            bench.running(subject) as server,
        ):
            _settle(server, bench.requests(bench.stage.few())[0])
            _note(bench, subject, server, "few")


def memory_with_many(bench: Bench, subject: Subject) -> None:
    """Weigh it with many ServiceAccounts, and after a day's work."""
    accounts = bench.many()
    for _ in range(max(1, bench.scale.runs - 1)):
        with bench.running(subject) as server, pinned(bench.cores.driver):
            _with_many(bench, subject, server, accounts)


def _with_many(bench: Bench, subject: Subject, server: Server, accounts: list[AccountName]) -> None:
    requests = bench.requests(accounts[:: max(1, len(accounts) // _SHARE)])
    with bench.step(f"{subject.name}: memory with {len(accounts):,} ServiceAccounts"):
        _settle(server, requests[0])
        _note(bench, subject, server, "many")
    with bench.step(f"{subject.name}: {bench.scale.load:,} admissions") as tell:
        driver.saturate(
            server.target,
            requests,
            connections=CONNECTIONS,
            words=ALLOWED_WITH_PATCH,
            count=bench.scale.load,
            tell=lambda done: tell(f"{done:,}"),
        )
        time.sleep(_SETTLED)
    _note(bench, subject, server, "loaded")


def _settle(server: Server, request: bytes) -> None:
    server.first_good_answer(request)
    url = f"http://127.0.0.1:{server.health_port}/readyz"
    deadline = time.monotonic() + 60
    while not _answers(url):
        if time.monotonic() > deadline:
            raise ServerFailed("it answers reviews, but is not ready after a minute")
        time.sleep(0.05)
    time.sleep(_SETTLED)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http, and ours
            return bool(answer.status == 200)
    except OSError:
        return False


def _note(bench: Bench, subject: Subject, server: Server, key: str) -> None:
    held = server.memory()
    bench.book.add(subject.name, f"rss.{key}", held.rss / _MIB)
    bench.book.add(subject.name, f"pss.{key}", held.pss / _MIB)


def imports(bench: Bench, subject: Subject) -> None:
    """Weigh each import; the original has none."""
    if not isinstance(subject, Ours):
        return
    with bench.step("imports, each in a fresh interpreter") as tell:
        loaded = _loaded(bench, subject)
        if "rich" in loaded:
            bench.book.notes.append(
                "httpx imports rich and pygments where it finds them, as here: an image has neither"
            )
        for module, over in IMPORTS:
            tell(module)
            samples = [_import(module, over) for _ in range(bench.scale.runs)]
            mib, ms = (median(column) for column in zip(*samples, strict=True))
            bench.book.imports.append(Import(module, over, mib, ms, loaded=module in loaded))


def _import(module: str, over: tuple[str, ...]) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, module, *over],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
    )
    mib, ms = json.loads(done.stdout)
    return mib, ms


def _loaded(bench: Bench, subject: Ours) -> set[str]:
    """Return the modules that the real process has imported when it answers."""
    telling = Ours(launcher=("-X", "importtime", *subject.launcher))
    with bench.running(telling) as server:
        _settle(server, bench.requests(bench.stage.few())[0])
        log = server.log.read_text(errors="replace")
    return imported(log)


def imported(log: str) -> set[str]:
    """Read the names of modules out of what `python -X importtime` prints."""
    lines = (line for line in log.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}
