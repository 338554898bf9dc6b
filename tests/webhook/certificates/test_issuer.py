import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.webhook.certificates.keys import NAME, authority
from webhook.certificates import issuer as issuing
from webhook.certificates.errors import IssuingFailed
from webhook.certificates.inspection import authorities, serving, signs
from webhook.certificates.issuer import ChildIssuer, KeyPair, Order

YEAR = 365 * 86400.0
EVERYTHING = Order(
    now=time.time(), authority_lifetime=10 * YEAR, serving_lifetime=YEAR, names=(NAME,)
)


async def test_a_child_makes_a_ca_and_a_certificate_of_it() -> None:
    made = await ChildIssuer().make(EVERYTHING)
    assert made.authority is not None
    assert made.serving is not None
    (ca,) = authorities(made.authority.certificate)
    found = serving(made.serving.certificate, made.serving.key, [ca], NAME, "1.3")
    assert signs(ca, made.authority.key)
    assert found.names == {NAME}


async def test_a_child_signs_with_a_ca_that_it_is_given() -> None:
    pair = authority(0, time.time())
    made = await ChildIssuer().make(
        Order(now=time.time(), serving_lifetime=YEAR, names=(NAME,), signer=KeyPair(*pair))
    )
    assert made.authority is None
    assert made.serving is not None
    serving(made.serving.certificate, made.serving.key, authorities(pair.certificate), NAME, "1.3")


async def test_an_error_names_no_key() -> None:
    pair = authority(0, time.time())
    broken = KeyPair(pair.certificate, pair.key.replace(b"A", b"B"))
    with pytest.raises(IssuingFailed) as error:
        await ChildIssuer().make(
            Order(now=time.time(), serving_lifetime=YEAR, names=(NAME,), signer=broken)
        )
    assert str(error.value).startswith("making a certificate failed (")
    assert len(str(error.value)) < 80


async def test_keys_travel_neither_in_arguments_nor_in_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []
    start = asyncio.create_subprocess_exec

    async def seen(*arguments: str, **options: Any) -> asyncio.subprocess.Process:
        calls.append((arguments, options["env"]))
        return await start(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", seen)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "a secret of ours")
    await ChildIssuer().make(EVERYTHING)
    ((arguments, environment),) = calls
    assert arguments == (sys.executable, "-P", "-m", "webhook.certificates.issue")
    assert set(environment) <= {
        "PATH",
        "LD_LIBRARY_PATH",
        "LANG",
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
    }


async def test_the_child_finds_libraries_where_this_process_did(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In an image libraries lie in a folder that no interpreter knows by itself."""
    (tmp_path / "cryptography").mkdir()
    (tmp_path / "cryptography/__init__.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(IssuingFailed, match="gave no answer"):
        await ChildIssuer().make(EVERYTHING)


async def test_a_child_that_takes_too_long_is_ended() -> None:
    others = children()
    with pytest.raises(IssuingFailed, match=r"took more than 0\.01 s"):
        await ChildIssuer(time_limit=0.01).make(EVERYTHING)
    assert children() == others


async def test_a_cancelled_order_leaves_no_child() -> None:
    others = children()
    task = asyncio.create_task(ChildIssuer().make(EVERYTHING))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == others


async def test_a_child_that_says_nothing_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "webhook").mkdir()
    monkeypatch.setattr(issuing, "_ROOT", tmp_path)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(IssuingFailed, match="gave no answer"):
        await ChildIssuer().make(EVERYTHING)


async def test_an_interpreter_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(IssuingFailed, match="No such file"):
        await ChildIssuer().make(EVERYTHING)


def test_the_child_answers_nonsense_with_an_error() -> None:
    for nonsense in (
        b"",
        b"[]",
        b"{}x",
        b'{"now": "x"}',
        b'{"now": 1, "serving": {"lifetime": 1}}',
    ):
        done = subprocess.run(
            [sys.executable, "-m", "webhook.certificates.issue"],
            check=False,
            input=nonsense,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert list(json.loads(done.stdout)) == ["error"]
        assert done.stderr == b""


def test_the_servers_process_never_imports_cryptography() -> None:
    """It costs 8.4 MiB there, of 62."""
    program = (
        "import sys\n"
        "import webhook.certificates.rotating, webhook.certificates.files\n"
        "from webhook.certificates.rotating import RotatingCertificate\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'cryptography'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_child_imports_no_http_and_no_event_loop() -> None:
    program = (
        "import sys\nimport webhook.certificates.issue\n"
        "print([name for name in ('httpx', 'asyncio', 'orjson') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def children() -> list[int]:
    """Processes of this one; a cluster that other tests share has some."""
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in path.read_text().split()]
