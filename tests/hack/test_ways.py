"""Which way leads to a cluster, and what is said where none does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hack.cluster.errors import BadSetting, NoWay
from hack.cluster.versions import SOURCES
from hack.cluster.ways import AssetsWay, BuildWay, GivenKubeconfig, KindWay, choose

PROGRAMS = ("etcd", "kube-apiserver")


@dataclass
class FakeMachine:
    environment: Mapping[str, str]
    on_path: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    linux: bool = True

    def which(self, program: str) -> str | None:
        return self.on_path.get(program)

    def output(self, argv: Sequence[str]) -> str | None:
        return self.answers.get(" ".join(argv))


KIND = {"kind": "/bin/kind", "docker": "/bin/docker"}
DOCKER_ANSWERS = {"/bin/docker info": "Server Version: 28"}
GO = {"go": "/bin/go"}
GO_126 = {"/bin/go version": "go version go1.26.8 linux/amd64"}


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    return {"AZWI_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).touch(mode=0o755)
    return folder


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.touch()
    return path


def test_a_given_kubeconfig_comes_before_everything(
    bare: dict[str, str], assets: Path, kubeconfig: Path
) -> None:
    environment = {
        **bare,
        "AZWI_KUBECONFIG": str(kubeconfig),
        "KUBEBUILDER_ASSETS": str(assets),
    }
    machine = FakeMachine(environment, {**KIND, **GO}, {**DOCKER_ANSWERS, **GO_126})
    assert choose(machine, PROGRAMS) == GivenKubeconfig(kubeconfig)


def test_kind_comes_before_programs(bare: dict[str, str], assets: Path) -> None:
    environment = {**bare, "KUBEBUILDER_ASSETS": str(assets)}
    machine = FakeMachine(environment, {**KIND, **GO}, {**DOCKER_ANSWERS, **GO_126})
    assert choose(machine, PROGRAMS) == KindWay("/bin/kind", "/bin/docker")


def test_kind_is_passed_over_where_no_docker_engine_answers(
    bare: dict[str, str], assets: Path
) -> None:
    environment = {**bare, "KUBEBUILDER_ASSETS": str(assets)}
    machine = FakeMachine(environment, {**KIND, **GO}, GO_126)
    assert choose(machine, PROGRAMS) == AssetsWay({name: assets / name for name in PROGRAMS})


def test_assets_without_a_program_that_is_needed_are_passed_over(
    bare: dict[str, str], assets: Path
) -> None:
    machine = FakeMachine({**bare, "KUBEBUILDER_ASSETS": str(assets)}, GO, GO_126)
    assert choose(machine, (*PROGRAMS, "kube-controller-manager")) == BuildWay("/bin/go")


def test_the_cache_needs_no_go(bare: dict[str, str]) -> None:
    for name in PROGRAMS:
        path = Path(bare["AZWI_CACHE"]) / "bin" / SOURCES[name].version / name
        path.parent.mkdir(parents=True)
        path.touch(mode=0o755)
    assert choose(FakeMachine(bare), PROGRAMS) == BuildWay(None)


def test_the_users_own_kubeconfig_is_never_taken_by_accident(
    bare: dict[str, str], kubeconfig: Path
) -> None:
    machine = FakeMachine({**bare, "KUBECONFIG": str(kubeconfig)}, GO, GO_126)
    assert choose(machine, PROGRAMS) == BuildWay("/bin/go")


def test_without_any_way_the_message_names_them_all(bare: dict[str, str]) -> None:
    with pytest.raises(NoWay) as caught:
        choose(FakeMachine(bare), PROGRAMS)
    assert str(caught.value).splitlines() == [
        "no way to a local cluster on this machine:",
        "  kubeconfig: AZWI_KUBECONFIG is not set",
        "  kind: no `kind` on PATH (https://kind.sigs.k8s.io)",
        "  assets: KUBEBUILDER_ASSETS is not set",
        "  build: no `go` on PATH (https://go.dev/dl), and the cache lacks the programs",
    ]


def test_every_way_says_what_it_lacks(bare: dict[str, str], tmp_path: Path) -> None:
    environment = {**bare, "KUBEBUILDER_ASSETS": str(tmp_path)}
    machine = FakeMachine(
        environment, {**KIND, **GO}, {"/bin/go version": "go version go1.19.8 linux/amd64"}
    )
    with pytest.raises(NoWay) as caught:
        choose(machine, PROGRAMS)
    assert caught.value.reasons == {
        "kubeconfig": "AZWI_KUBECONFIG is not set",
        "kind": "`docker info` fails: no Docker engine answers",
        "assets": f"KUBEBUILDER_ASSETS={tmp_path} has no etcd and no kube-apiserver",
        "build": "`go version` says go version go1.19.8 linux/amd64: 1.21 or later is needed",
    }


def test_elsewhere_than_on_linux_only_other_peoples_clusters_are_ways(
    bare: dict[str, str], assets: Path
) -> None:
    environment = {**bare, "KUBEBUILDER_ASSETS": str(assets)}
    with pytest.raises(NoWay) as caught:
        choose(FakeMachine(environment, GO, GO_126, linux=False), PROGRAMS)
    assert caught.value.reasons["assets"] == "needs Linux 5.3 or later"
    assert caught.value.reasons["build"] == "needs Linux 5.3 or later"


def test_a_kubeconfig_that_is_not_there_is_an_error_not_a_reason_to_look_on(
    bare: dict[str, str],
) -> None:
    machine = FakeMachine({**bare, "AZWI_KUBECONFIG": "/no/such"}, GO, GO_126)
    with pytest.raises(BadSetting, match=r"^AZWI_KUBECONFIG=/no/such: there is no such file$"):
        choose(machine, PROGRAMS)


def test_one_way_alone_can_be_asked_for(bare: dict[str, str]) -> None:
    environment = {**bare, "AZWI_CLUSTER_WAY": "build"}
    machine = FakeMachine(environment, {**KIND, **GO}, {**DOCKER_ANSWERS, **GO_126})
    assert choose(machine, PROGRAMS) == BuildWay("/bin/go")


def test_an_unknown_way_is_refused(bare: dict[str, str]) -> None:
    machine = FakeMachine({**bare, "AZWI_CLUSTER_WAY": "minikube"})
    with pytest.raises(BadSetting, match="expected one of kubeconfig, kind, assets, build"):
        choose(machine, PROGRAMS)
