"""Building programs into the cache, with a `go` of our own in the place of the real one."""

import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hack.cluster.build import MODULES, Builder, cached, old_go
from hack.cluster.errors import BuildFailed
from hack.cluster.folders import Folders
from hack.cluster.programs import Process
from hack.cluster.progress import Step, silent
from hack.cluster.versions import COREDNS, ETCD, KUBERNETES, SOURCES

ROOT = Path(__file__).parents[2]

# Writes its arguments and some variables down, then what it is told to do, then the program.
FAKE_GO = """\
#!/bin/sh
if [ "$1" = list ]; then printf 'x\\n\\nx\\n'; exit 0; fi
echo "$PWD|CGO_ENABLED=$CGO_ENABLED|GOFLAGS=$GOFLAGS|$*" >> {calls}
while [ "$1" != -o ]; do shift; done
{do}
printf '#!/bin/sh\\n' > "$2"; chmod 755 "$2"
"""


def fake_go(tmp_path: Path, do: str = ":") -> str:
    path = tmp_path / "go"
    path.write_text(FAKE_GO.format(calls=tmp_path / "calls", do=do))
    path.chmod(0o755)
    return str(path)


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def builder(tmp_path: Path, go: str, told: list[Step] | None = None) -> Builder:
    environment = {**os.environ, "GOFLAGS": "-mod=vendor"}
    progress = silent if told is None else told.append
    return Builder(go, Folders(tmp_path / "cache"), environment, progress)


def test_a_program_is_built_once_per_version(tmp_path: Path) -> None:
    go = fake_go(tmp_path)
    path = builder(tmp_path, go).program("kube-apiserver")
    assert path == tmp_path / "cache" / "bin" / f"v{KUBERNETES}" / "kube-apiserver"
    assert stat.S_IMODE(path.stat().st_mode) & 0o111
    assert builder(tmp_path, go).program("kube-apiserver") == path
    assert len(calls(tmp_path)) == 1
    assert [entry.name for entry in path.parent.iterdir() if not entry.name.endswith(".lock")] == [
        "kube-apiserver"
    ]


def test_flags_are_the_same_for_everybody(tmp_path: Path) -> None:
    builder(tmp_path, fake_go(tmp_path)).program("kube-apiserver")
    folder, cgo, goflags, arguments = calls(tmp_path)[0].split("|")
    assert Path(folder) == MODULES / "kubernetes"
    assert (cgo, goflags) == ("CGO_ENABLED=0", "GOFLAGS=")
    assert arguments.startswith(
        "build -v -mod=readonly -trimpath -ldflags -s -w"
        f" -X k8s.io/component-base/version.gitVersion=v{KUBERNETES} "
    )
    assert arguments.endswith(" k8s.io/kubernetes/cmd/kube-apiserver")


def test_progress_counts_packages(tmp_path: Path) -> None:
    told: list[Step] = []
    go = fake_go(tmp_path, do="echo 'go: downloading m v1' >&2; echo a/b >&2; sleep 1.2")
    builder(tmp_path, go, told).program("etcd")
    assert [step.state for step in told if step.state != "running"] == ["started", "done"]
    assert "1 of 3 packages" in {step.detail for step in told}
    assert told[-1].seconds > 1


def test_two_builders_at_once_build_once(tmp_path: Path) -> None:
    go = fake_go(tmp_path, do="sleep 0.5")
    told: list[Step] = []
    with ThreadPoolExecutor(2) as pool:
        builders = [builder(tmp_path, go, told) for _ in range(2)]
        paths = list(pool.map(lambda each: each.program("etcd"), builders))
    assert paths[0] == paths[1]
    assert len(calls(tmp_path)) == 1
    assert "another process builds it: waiting" in {step.detail for step in told}


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("x.go:1: undefined: y", "building etcd failed; its last lines:"),
        ("write /tmp/x: no space left on device", "building etcd failed (the disk is full: "),
        ("dial tcp: lookup modules.example: no such host", "is GOPROXY within reach?"),
    ],
)
def test_a_failed_build_quotes_go_and_leaves_nothing(
    tmp_path: Path, output: str, hint: str
) -> None:
    go = fake_go(tmp_path, do=f"echo '{output}' >&2; exit 1")
    with pytest.raises(BuildFailed) as caught:
        builder(tmp_path, go).program("etcd")
    assert hint in str(caught.value).splitlines()[0]
    assert output in str(caught.value)
    folders = Folders(tmp_path / "cache")
    assert cached(["etcd"], folders) == {}
    left = [path.name for path in folders.programs(f"v{ETCD}").iterdir()]
    assert left == [".etcd.lock"]


def test_a_killed_build_takes_go_with_it_and_the_next_one_succeeds(tmp_path: Path) -> None:
    go = fake_go(tmp_path, do=f"echo $$ > {tmp_path}/pid; sleep 300")
    script = f"""
        import os
        from pathlib import Path
        from hack.cluster.build import Builder
        from hack.cluster.folders import Folders
        from hack.cluster.progress import silent
        Builder({go!r}, Folders(Path({str(tmp_path / "cache")!r})), os.environ, silent).program(
            "etcd")
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT) as process:
        while not (pid := tmp_path / "pid").exists() or not pid.read_text():
            time.sleep(0.01)
        building = Process.of(int(pid.read_text()))
        assert building is not None
        process.send_signal(signal.SIGKILL)
    assert building.wait(5)
    assert builder(tmp_path, fake_go(tmp_path)).program("etcd").exists()
    left = [path.name for path in (tmp_path / "cache" / "bin" / f"v{ETCD}").iterdir()]
    assert sorted(left) == [".etcd.lock", "etcd"]


@pytest.mark.parametrize("version", ["go version go1.21.0 linux/amd64", "go version go1.30 x"])
def test_a_go_that_fetches_its_own_successor_will_do(version: str) -> None:
    assert old_go(version) is None


@pytest.mark.parametrize("version", ["go version go1.19.8 linux/amd64", "", "gotcha"])
def test_an_older_go_will_not(version: str) -> None:
    assert "1.21 or later is needed" in (old_go(version) or "")


def test_the_modules_pin_the_versions_of_versions_py() -> None:
    required = {
        "kubernetes": f"k8s.io/kubernetes v{KUBERNETES}",
        "etcd": f"go.etcd.io/etcd/server/v3 v{ETCD}",
        "coredns": f"github.com/coredns/coredns v{COREDNS}",
    }
    for module, line in required.items():
        text = (MODULES / module / "go.mod").read_text()
        assert re.search(rf"^require {re.escape(line)}$", text, re.MULTILINE)
    staged = re.findall(
        r"^\t(k8s\.io/\S+) => (\S+) (\S+)$",
        (MODULES / "kubernetes" / "go.mod").read_text(),
        re.MULTILINE,
    )
    minor = KUBERNETES.partition(".")[2]
    assert staged
    assert all(name == to and version == f"v0.{minor}" for name, to, version in staged)


def test_every_program_is_pinned_by_its_module() -> None:
    for source in SOURCES.values():
        if source.package == ".":  # a program of our own
            assert (MODULES / source.module / "main.go").exists()
            continue
        pinned = (MODULES / source.module / "tools.go").read_text()
        assert f'_ "{source.package}"' in pinned
