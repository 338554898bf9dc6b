"""The command line, read once, all its faults at once."""

from pathlib import Path

import pytest
import trustme

from emulator.calls.faults import Failure, Settings
from emulator.options import Options, parse
from identity.faults import Faults
from identity.version import VERSION


def wrong_with(*arguments: str) -> list[str]:
    faults = Faults()
    parse(arguments, faults)
    return [*map(str, faults)]


def read(*arguments: str) -> Options:
    faults = Faults()
    found = parse(["--state", "somewhere", *arguments], faults)
    assert [*map(str, faults)] == []
    return found


def test_without_flags_it_listens_on_this_machine_only() -> None:
    assert read() == Options(
        host="127.0.0.1",
        port=8443,
        imds_port=8081,
        state=Path("somewhere"),
        seed=None,
        issuer_ca=None,
        public_url=None,
        tls_names=(),
        persist=False,
        log_level="info",
        faults=Settings(),
    )
    assert read().faults.model_fields_set == set()


def test_every_flag_is_read(tmp_path: Path) -> None:
    seed, ca = tmp_path / "seed.yaml", tmp_path / "ca.crt"
    seed.touch()
    trustme.CA().cert_pem.write_to_path(str(ca))
    found = read(
        *("--host", "0.0.0.0", "--port", "0", "--imds-port=65535", "--persist"),
        *("--seed", str(seed), "--issuer-ca", str(ca), "--log-level", "debug"),
        *("--public-url", "https://Emulator.Example.org/", "--tls-name", "a", "--tls-name=::1"),
    )
    assert found == Options(
        host="0.0.0.0",
        port=0,
        imds_port=65535,
        state=Path("somewhere"),
        seed=seed,
        issuer_ca=ca,
        public_url="https://emulator.example.org",
        tls_names=("a", "::1"),
        persist=True,
        log_level="debug",
        faults=Settings(),
    )


def test_faults_are_read_and_only_those_that_were_given_are_set() -> None:
    found = read(
        *("--latency", "0.5", "--propagation-delay", "60", "--stale-reads", "5"),
        *("--stale-read-share", "0.25", "--throttle", "2", "--write-time", "1"),
        *("--clock-offset", "-300", "--random-seed", "7"),
    ).faults
    assert found == Settings(
        latency_seconds=0.5,
        propagation_seconds=60,
        stale_read_seconds=5,
        stale_read_share=0.25,
        throttle=2.0,
        write_seconds=1,
        clock_offset_seconds=-300,
        random_seed=7,
    )
    assert read("--latency", "0").faults.model_fields_set == {"latency_seconds"}


def test_rules_by_which_calls_fail_are_read() -> None:
    found = read(
        *("--fail", "kind=graph.credentials.create,count=2,status=429,retryAfter=1.5,after=true"),
        *("--fail", "kind=token,count=null,code=700213,message=No. Never"),
    ).faults.failures
    assert found == [
        Failure(kind="graph.credentials.create", count=2, status=429, retry_after=1.5, after=True),
        Failure(kind="token", count=None, code="700213", message="No. Never"),
    ]


def test_all_faults_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("no.crt").write_text("none")
    Path("file").touch()
    number = "expected a number greater than or equal to"
    pairs = "expected name=value pairs with commas between"
    assert wrong_with(
        *("--prot", "--log-level", "loud", "--tls-name", "a b", "--host", "*.x"),
        *("--port", "70000", "--imds-port", "9" * 5000, "--state", "file"),
        *("--seed", "none.yaml", "--issuer-ca", "no.crt"),
        *("--public-url", "https://x/y", "--latency", "-1", "--throttle", "nan"),
        *("--random-seed", "1.5", "--write-time", "soon", "--fail", "kind=token,status=2,x=1"),
    ) == [
        "--prot: is unknown: check its spelling, or see --help",
        '--log-level: "loud" is not valid; expected one of debug, info, warning, error',
        '--tls-name: "a b" is not valid; expected a DNS name or an address',
        '--host: "*.x" is not valid; expected an address, or a name for one',
        '--port: "70000" is not valid; expected a port from 0 to 65535',
        f'--imds-port: "{"9" * 63}~" is not valid; expected a port from 0 to 65535',
        '--state: "file" is not valid; expected a folder, there or to be made',
        '--seed: "none.yaml" is not valid; expected a file that is there',
        '--issuer-ca: "no.crt" is not valid; expected a file of PEM certificates',
        '--public-url: "https://x/y" is not valid; expected https://name:port, without a path',
        f'--latency: "-1" is not valid; {number} 0',
        '--throttle: "nan" is not valid; expected a finite number',
        '--write-time: "soon" is not valid; expected a number',
        '--random-seed: "1.5" is not valid; expected a whole number',
        (
            f'--fail: "kind=token,status=2,x=1" is not valid; {pairs}; status: "2" is not valid;'
            " expected greater than or equal to 400"
        ),
        (
            f'--fail: "kind=token,status=2,x=1" is not valid; {pairs}; x: is unknown: check its'
            " spelling"
        ),
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--state: is required: a folder for keys and certificates"),
        (["--state", ""], "--state: is required: a folder for keys and certificates"),
        (["--state"], "the command line: argument --state: expected one argument; see --help"),
        (["--state", "x", "--persist=no"], "the command line: argument --persist:"),
    ],
)
def test_what_is_missing_is_told(arguments: list[str], told: str) -> None:
    (fault,) = wrong_with(*arguments)
    assert fault.startswith(told)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("https://emulator", "https://emulator"),
        ("https://emulator:8443/", "https://emulator:8443"),
        ("https://[::1]:1", "https://[::1]:1"),
        ("HTTPS://EMULATOR.svc", "https://emulator.svc"),
    ],
)
def test_a_public_url_is_an_origin(written: str, read_as: str) -> None:
    assert read("--public-url", written).public_url == read_as


@pytest.mark.parametrize(
    "written",
    [
        *(
            "http://x",
            "x",
            "https://",
            "https://x:99999",
            "https://x:y",
            "https://[",
            "https://x?y",
        ),
        *("https://u:p@x", "https://x#y", "https://x/a", "https://x y", "https://\u00fc", ""),
    ],
)
def test_anything_else_is_no_public_url(written: str) -> None:
    (fault,) = wrong_with("--state", "s", "--public-url", written)
    assert fault.startswith("--public-url: ")


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_are_told(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse([flag], Faults())
    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert told.strip() == VERSION if flag == "--version" else "--propagation-delay" in told
