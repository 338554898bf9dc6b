"""The versions of the local cluster and how its programs are built: in this place only.

The go.mod files under `go/` pin the same versions with all that they depend on (a test compares
them). Flags are part of Go's build cache key: with another flag everything
compiles anew.
"""

from dataclasses import dataclass

KUBERNETES = "1.36.3"
ETCD = "3.6.16"
COREDNS = "1.14.7"
OLDEST_GO = (1, 21)
"""From here on `go` fetches the newer toolchain that a go.mod asks for by itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a program is built from."""

    program: str
    module: str
    """The folder under `go/` that holds its go.mod."""
    package: str
    version: str
    ldflags: str
    takes: str
    """How long it takes from an empty Go cache on 2 cores, in words."""


def _kubernetes(program: str, takes: str) -> Source:
    major, minor, _ = KUBERNETES.split(".")
    stamp = {
        "gitVersion": f"v{KUBERNETES}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    variables = [f"-X k8s.io/component-base/version.{key}={value}" for key, value in stamp.items()]
    return Source(
        program=program,
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{program}",
        version=f"v{KUBERNETES}",
        ldflags=" ".join(["-s -w", *variables]),
        takes=takes,
    )


SOURCES = {
    source.program: source
    for source in (
        Source(
            program="etcd",
            module="etcd",
            package="go.etcd.io/etcd/server/v3",
            version=f"v{ETCD}",
            ldflags="-s -w",
            takes="1 to 2 minutes",
        ),
        _kubernetes("kube-apiserver", "6 to 9 minutes"),
        _kubernetes("kube-controller-manager", "about 2 minutes"),
        _kubernetes("kubectl", "about 1 minute"),
        # Those of a node (hack/node): most of their packages are built for the three above already.
        _kubernetes("kubelet", "about 1 minute after kube-apiserver"),
        _kubernetes("kube-scheduler", "some 10 seconds after kube-apiserver"),
        _kubernetes("kube-proxy", "half a minute after kube-apiserver"),
        Source(
            program="coredns",
            module="coredns",
            package=".",  # a main.go of our own chooses the plugins
            version=f"v{COREDNS}",
            ldflags="-s -w",
            takes="2 to 3 minutes",
        ),
        Source(
            program="pause",
            module="pause",
            package=".",
            version="v1",
            ldflags="-s -w",
            takes="some seconds",
        ),
    )
}
