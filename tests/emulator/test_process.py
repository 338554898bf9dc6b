"""Starts, ends and starts again: what is refused, what is said, and what a restart finds."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from hack.emulator import Emulator, running
from tests.emulator.conftest import Json
from tests.emulator.seed.samples import (
    APP,
    ISSUER,
    TENANT,
    application,
    credential,
    seed,
)

ROOT = Path(__file__).parents[2]
CREDENTIALS = f"/v1.0/applications(appId='{APP}')/federatedIdentityCredentials"
DISCOVERY = f"/{TENANT}/v2.0/.well-known/openid-configuration"
KEYS = f"/{TENANT}/discovery/v2.0/keys"
SEED = seed(issuers=[], faults={})


def refused(*flags: str) -> tuple[int, list[str]]:
    """Start one that can't; return its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "emulator", "--port=0", "--imds-port=0", *flags],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        check=False,
        timeout=60,
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


@contextmanager
def persisting(
    folder: Path, content: Json = SEED, flags: Sequence[str] = ("--persist",)
) -> Iterator[Emulator]:
    with running(Emulator(folder, content, flags)) as found:
        yield found


def signed_in(client: httpx.Client) -> dict[str, str]:
    answer = client.post(
        f"/{TENANT}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": APP,
            "client_secret": "s3cret~of-the.app",
            "scope": "https://graph.microsoft.com/.default",
        },
    )
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def names(emulator: Emulator) -> list[str]:
    (app,) = emulator.admin("GET", "/state")["applications"]
    return [one["name"] for one in app["federatedIdentityCredentials"]]


def second(number: int) -> Json:
    found = credential(f"number-{number}", f"subject-{number}")
    return found | {"audiences": ["api://AzureADTokenExchange"]}


def test_wrong_options_and_a_wrong_seed_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(yaml.safe_dump(seed(tenants=[{"id": "x"}], fault={})))
    assert refused("--latency=soon", f"--seed={file}") == (
        2,
        [
            "azwi-emulator: --state: is required: a folder for keys and certificates",
            'azwi-emulator: --latency: "soon" is not valid; expected a number',
            f'azwi-emulator: {file}: tenants[0].id: "x" is not valid; expected a UUID',
            f"azwi-emulator: {file}: fault: is unknown: check its spelling",
        ],
    )


def test_a_seed_that_is_no_yaml_is_told(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text("tenants: [")
    code, (said,) = refused(f"--state={tmp_path}", f"--seed={tmp_path / 'seed.yaml'}")
    assert code == 2
    assert said.startswith(f"azwi-emulator: {tmp_path / 'seed.yaml'}: the seed: is no YAML: ")


def test_what_was_wrong_leaves_nothing_behind(tmp_path: Path) -> None:
    assert refused(f"--state={tmp_path / 'state'}", "--throttle=0")[0] == 2
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_not_be_written_to_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    code, (said,) = refused(f"--state={tmp_path}")
    assert (code, "can't be written to" in said) == (1, True)


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, (said,) = refused(f"--state={tmp_path / 'file' / 'state'}")
    assert code == 1
    assert said == (
        f"azwi-emulator: --state: {tmp_path / 'file' / 'state'} can't be made: Not a directory"
    )


def test_it_says_little(tmp_path: Path) -> None:
    with running(Emulator(tmp_path, SEED)) as emulator, emulator.client() as client:
        for path in ("/", DISCOVERY, "/v1.0/applications"):
            client.get(path)
        emulator.stop()
        said = [line for line in emulator.log().splitlines() if not line.startswith("{")]
    serving, ended = said
    assert f"INFO    azwi.emulator: serving {emulator.addresses.authority}; the page is at" in (
        serving
    )
    assert ended.endswith("INFO    azwi.emulator: ended")


def test_requests_that_take_their_time_do_not_hold_the_end_up(tmp_path: Path) -> None:
    with running(Emulator(tmp_path, SEED, ["--latency=500"])) as emulator:
        answers: list[httpx.Response] = []

        def wait() -> None:
            with emulator.client() as client:
                answers.append(client.get(DISCOVERY, timeout=60))

        thread = threading.Thread(target=wait)
        thread.start()
        while not emulator.admin("GET", "/requests")["requests"]:
            pass
        process = emulator.program.process
        assert process is not None
        process.signal(signal.SIGTERM)
        assert process.wait(20)
        thread.join()
        assert "Traceback" not in emulator.log()
    (answer,) = answers
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


def test_flags_go_over_the_faults_of_the_seed(tmp_path: Path) -> None:
    content = seed(
        issuers=[],
        faults={"writeSeconds": 1, "randomSeed": 4, "failures": [{"kind": "arm.*"}]},
    )
    flags = ["--write-time=3", "--fail=kind=graph.*,status=500"]
    with running(Emulator(tmp_path, content, flags)) as emulator:
        for _ in range(2):
            faults = emulator.admin("GET", "/faults")
            assert (faults["writeSeconds"], faults["randomSeed"]) == (3, 4)
            assert [rule["kind"] for rule in faults["failures"]] == ["arm.*", "graph.*"]
            emulator.admin("DELETE", "/faults")
            emulator.admin("POST", "/reset")


@pytest.mark.parametrize("flags", [[], ["--persist"]])
def test_a_restart_keeps_the_ca_and_the_signing_key(tmp_path: Path, flags: list[str]) -> None:
    found = []
    for _ in range(2):
        with running(Emulator(tmp_path, SEED, flags)) as emulator, emulator.client() as client:
            found.append((emulator.addresses.ca.read_bytes(), client.get(KEYS).json()))
    assert found[0] == found[1]


def test_without_persistence_a_restart_begins_with_the_seed(tmp_path: Path) -> None:
    with persisting(tmp_path, flags=[]) as emulator, emulator.client() as client:
        assert client.post(CREDENTIALS, json=second(1), headers=signed_in(client)).is_success
        assert names(emulator) == ["cluster", "number-1"]
    with persisting(tmp_path, flags=[]) as emulator:
        assert names(emulator) == ["cluster"]
    assert not (tmp_path / "state" / "emulator.sqlite3").exists()


def test_with_persistence_a_restart_finds_what_was_made_changed_and_removed(
    tmp_path: Path,
) -> None:
    with persisting(tmp_path) as emulator, emulator.client() as client:
        by = signed_in(client)
        for number in (1, 2):
            assert client.post(CREDENTIALS, json=second(number), headers=by).is_success
        changed = {"description": "changed"}
        assert client.patch(f"{CREDENTIALS}/number-1", json=changed, headers=by).is_success
        assert client.delete(f"{CREDENTIALS}/cluster", headers=by).is_success
        emulator.admin("POST", "/issuers", {"issuer": ISSUER, "reach": "https://127.0.0.1:1"})
        before = emulator.admin("GET", "/state")
        emulator.admin("PUT", "/faults", {"latencySeconds": 0.001})
    for _ in range(2):
        with persisting(tmp_path) as emulator, emulator.client() as client:
            after = emulator.admin("GET", "/state")
            assert without_times(after) == without_times(before)
            assert names(emulator) == ["number-1", "number-2"]
            assert emulator.admin("GET", "/faults")["latencySeconds"] == 0
            assert emulator.admin("GET", "/requests")["requests"] == []


def without_times(state: Any) -> Any:
    for app in state["applications"]:
        for one in app["federatedIdentityCredentials"]:
            one.pop("since", None)
    return state


def test_what_is_there_wins_over_the_seed_and_new_entries_come(tmp_path: Path) -> None:
    with persisting(tmp_path) as emulator, emulator.client() as client:
        wanted = second(1) | {"subject": "taken"}
        assert client.post(CREDENTIALS, json=wanted, headers=signed_in(client)).is_success
    entries = [credential(), credential("number-1", "mine"), credential("clash", "taken")]
    entries.append(credential("new", "new"))
    changed = application(displayName="other", federatedIdentityCredentials=entries)
    with persisting(tmp_path, seed(issuers=[], faults={}, applications=[changed])) as emulator:
        (app,) = emulator.admin("GET", "/state")["applications"]
        assert app["displayName"] == "payments"
        assert [(one["name"], one["subject"]) for one in app["federatedIdentityCredentials"]] == [
            ("cluster", "system:serviceaccount:team:app"),
            ("number-1", "taken"),
            ("new", "new"),
        ]
        assert (
            "WARNING azwi.emulator: the seed: applications[0].federatedIdentityCredentials[2]: the"
            " combination of issuer and subject is already there under the name number-1, for"
            " payments; this entry was left out, what was there stays"
        ) in emulator.log()


def test_a_reset_is_a_new_beginning_for_restarts_too(tmp_path: Path) -> None:
    with persisting(tmp_path) as emulator, emulator.client() as client:
        by = signed_in(client)
        assert client.delete(f"{CREDENTIALS}/cluster", headers=by).is_success
        assert client.post(CREDENTIALS, json=second(1), headers=by).is_success
        emulator.admin("POST", "/issuers", {"issuer": ISSUER})
        emulator.admin("POST", "/reset")
    with persisting(tmp_path) as emulator:
        assert names(emulator) == ["cluster"]
        assert emulator.admin("GET", "/issuers") == {"issuers": []}


def test_a_killed_process_has_lost_nothing_that_it_answered(tmp_path: Path) -> None:
    made: list[str] = ["cluster"]
    for start in range(4):
        with persisting(tmp_path) as emulator, emulator.client() as client:
            assert names(emulator) == made
            by = signed_in(client)
            for number in range(start * 4, start * 4 + 4):
                answer = client.post(CREDENTIALS, json=second(number), headers=by)
                assert answer.status_code == 201
                made.append(answer.json()["name"])
            if start:
                gone = made.pop(1)
                assert client.delete(f"{CREDENTIALS}/{gone}", headers=by).status_code == 204
            process = emulator.program.process
            assert process is not None
            process.signal(signal.SIGKILL)
            assert process.wait(20)
    with persisting(tmp_path) as emulator:
        assert names(emulator) == made


def test_two_can_not_keep_their_state_in_one_file(tmp_path: Path) -> None:
    with persisting(tmp_path) as emulator:
        state = emulator.addresses.ca.parent
        code, (said,) = refused(f"--state={state}", "--persist")
        assert code == 1
        assert said == (
            f"azwi-emulator: {state / 'emulator.sqlite3'} is in use by another process: end that,"
            " or start with another --state"
        )
        assert emulator.admin("GET", "/health")["status"] == "ok"


def test_a_file_of_another_form_is_told(tmp_path: Path) -> None:
    with persisting(tmp_path) as emulator:
        file = emulator.addresses.ca.parent / "emulator.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    code, (said,) = refused(f"--state={file.parent}", "--persist")
    assert code == 1
    assert said == (
        f"azwi-emulator: {file} has the form 99, and this emulator knows the form 1 only; start"
        " with another --state, without --persist, or remove the file"
    )
