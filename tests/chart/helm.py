"""Real Helm, in this process: Helm 4's SDK by helm-python-sdk, with the words of its command line.

What its Python signatures leave out, the library beneath takes: each call here gives it options of
its own in JSON (`--take-ownership`, `--force-conflicts`, `--server-side`, `--no-hooks`,
`--kube-version`, `--api-versions`). One that it doesn't know is an error there.

What it does, as the command line: `lookup` finds nothing in `template`, and live objects in install
and upgrade; hooks run and are waited for, with whatever runs pods in the cluster; `test` runs the
hooks of `helm test`; `lint` lets `fail` pass.

What it can't: render hooks, or render as an upgrade, under other versions than its own (`template`
says where that matters); choose its field manager, which is this program's name, as `helm` is the
command line's.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

import helm_python
import yaml
from helm_python import _native  # the C functions' options are wider than the Python signatures

Json = dict[str, Any]
Values = Mapping[str, Any]
Wait = Literal["watcher", "legacy", "hookOnly"]
ServerSide = Literal["true", "false", "auto"]
"""`auto`: as the release was applied before, and so not for a release that Helm 3 made."""

CHART = Path(__file__).parents[2] / "charts" / "workload-identity-webhook"
RELEASE = "workload-identity-webhook"
NAMESPACE = "azure-workload-identity-system"
HOOK = "helm.sh/hook"
_NOTHING = _native.HANDLE(0)
_SECONDS = 120


class HelmFailed(Exception):  # noqa: N818 - it says what happened
    """Helm did not do it; the text is Helm's."""


class RenderError(HelmFailed):
    """The chart does not take these values; the text has the words of `fail` and of the schema."""


class Severity(IntEnum):
    """What `helm lint` makes of a finding."""

    UNKNOWN = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of `helm lint`."""

    severity: Severity
    path: str
    """Within the chart."""
    text: str


@dataclass(frozen=True, slots=True)
class Revision:
    """One line of `helm history`."""

    number: int
    status: str
    """`deployed`, `superseded`, `failed`, ..."""
    chart: str
    """Name and version, as `demo-0.1.0`."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What comes of a chart and values."""

    objects: list[Json]
    """In the order in which Helm applies them; hooks last, by the annotation `helm.sh/hook`."""
    notes: str


def template(
    chart: Path = CHART,
    values: Values | None = None,
    *,
    namespace: str = NAMESPACE,
    release: str = RELEASE,
    kube_version: str = "",
    api_versions: Sequence[str] = (),
    is_upgrade: bool = False,
) -> list[Json]:
    """Render as `helm template` does, hooks too; raises RenderError.

    `kube_version` as `1.31` (empty: the SDK's own). `api_versions` as `monitoring.coreos.com/v1` or
    `monitoring.coreos.com/v1/PodMonitor`, beside the built-in ones. Neither reaches hooks, nor a
    rendering as an upgrade: together with `is_upgrade` they are refused with a ValueError.
    """
    if is_upgrade:
        if kube_version or api_versions:
            raise ValueError("is_upgrade goes with the SDK's own versions only")
        return list(_documents(_files(chart, values, namespace, release, is_upgrade=True)))
    options = {"kube_version": kube_version, "api_versions": list(api_versions)}
    return _render(chart, values, namespace, release, options).objects


def notes(
    chart: Path = CHART,
    values: Values | None = None,
    *,
    namespace: str = NAMESPACE,
    release: str = RELEASE,
    is_upgrade: bool = False,
) -> str:
    """Render NOTES.txt; raises RenderError."""
    if not is_upgrade:
        return _render(chart, values, namespace, release, {}).notes
    files = _files(chart, values, namespace, release, is_upgrade=True)
    return next((text for name, text in files.items() if name.endswith("/NOTES.txt")), "")


def lint(
    chart: Path = CHART, values: Values | None = None, *, kube_version: str = ""
) -> list[Finding]:
    """Lint as `helm lint --strict` does; what it finds is returned, errors too."""
    found = helm_python.lint(
        chart, dict(values or {}), strict=True, kube_version=kube_version or None
    )
    return [
        Finding(Severity(one["severity"]), one["path"], one["error"]) for one in found["messages"]
    ]


class Helm:
    """Helm on a cluster, in one namespace. Raises HelmFailed throughout.

    Each call connects anew, as each run of the command line does: what kinds there are is looked up
    once for a connection. Calls block, without Python's lock: other threads go on. Seconds are
    Helm's `--timeout`.
    """

    def __init__(self, kubeconfig: Path, namespace: str = NAMESPACE) -> None:
        self.namespace = namespace
        self._kubeconfig = kubeconfig

    def install(
        self,
        chart: Path = CHART,
        values: Values | None = None,
        *,
        release: str = RELEASE,
        create_namespace: bool = False,
        take_ownership: bool = False,
        server_side: bool = True,
        hooks: bool = True,
        wait: Wait | None = None,
        seconds: int = _SECONDS,
    ) -> Rendered:
        """Install; `server_side=False` is how Helm 3 did it."""
        options = {
            "create_namespace": create_namespace,
            "take_ownership": take_ownership,
            "server_side_apply": server_side,
            "disable_hooks": not hooks,
            **_patience(wait, seconds),
        }
        return _rendered(self._call("helm_install", *_arguments(chart, release, values, options)))

    def upgrade(
        self,
        chart: Path = CHART,
        values: Values | None = None,
        *,
        release: str = RELEASE,
        reuse_values: bool = False,
        reset_then_reuse_values: bool = False,
        take_ownership: bool = False,
        force_conflicts: bool = False,
        server_side: ServerSide = "auto",
        hooks: bool = True,
        wait: Wait | None = None,
        seconds: int = _SECONDS,
    ) -> Rendered:
        """Upgrade in place.

        `reuse_values` takes the last release's values in the place of the new chart's values.yaml,
        `reset_then_reuse_values` only what its user had set.
        """
        options = {
            "reuse_values": reuse_values,
            "reset_then_reuse_values": reset_then_reuse_values,
            "take_ownership": take_ownership,
            "force_conflicts": force_conflicts,
            "server_side_apply": server_side,
            "disable_hooks": not hooks,
            **_patience(wait, seconds),
        }
        return _rendered(self._call("helm_upgrade", *_arguments(chart, release, values, options)))

    def rollback(
        self,
        revision: int,
        *,
        release: str = RELEASE,
        force_conflicts: bool = False,
        server_side: ServerSide = "auto",
        hooks: bool = True,
        seconds: int = _SECONDS,
    ) -> None:
        """Roll back to a revision; 0 is the one before."""
        options = {
            "version": revision,
            "force_conflicts": force_conflicts,
            "server_side_apply": server_side,
            "disable_hooks": not hooks,
            "timeout_seconds": seconds,
        }
        with _failures(HelmFailed), self._connected() as config:
            _native.call_status("helm_rollback", config._raw(), release, json.dumps(options))

    def uninstall(
        self,
        *,
        release: str = RELEASE,
        hooks: bool = True,
        missing_ok: bool = False,
        seconds: int = _SECONDS,
    ) -> None:
        """Uninstall; its pre-delete hooks are waited for."""
        options = {
            "disable_hooks": not hooks,
            "ignore_not_found": missing_ok,
            "timeout_seconds": seconds,
        }
        self._call("helm_uninstall", release, json.dumps(options))

    def history(self, *, release: str = RELEASE) -> list[Revision]:
        """Return all revisions, the oldest first."""
        found = json.loads(self._call("helm_history", release, None))
        return [
            Revision(one["revision"], one["status"], f"{one['chart_name']}-{one['chart_version']}")
            for one in found
        ]

    def get_values(self, *, release: str = RELEASE, all_values: bool = False) -> Json:
        """Return what the user set, or with `all_values` what the release was rendered with."""
        found: Json = json.loads(
            self._call("helm_get_values", release, json.dumps({"all": all_values}))
        )
        return found or {}

    def test(self, *, release: str = RELEASE, seconds: int = _SECONDS) -> None:
        """Run the hooks of `helm test`; raises HelmFailed where one fails."""
        self._call("helm_test_run", release, json.dumps({"timeout_seconds": seconds}))

    def _call(self, function: str, *arguments: object) -> str:
        with _failures(HelmFailed), self._connected() as config:
            return _native.call_string(function, config._raw(), *arguments)

    def _connected(self) -> helm_python.Config:
        return helm_python.Config(kubeconfig_path=self._kubeconfig, namespace=self.namespace)


def _arguments(
    chart: Path, release: str, values: Values | None, options: Json
) -> tuple[object, ...]:
    given = json.dumps(dict(values or {}))
    return (_NOTHING, _NOTHING, str(chart), release, given, json.dumps(options))


def _patience(wait: Wait | None, seconds: int) -> Json:
    return {"timeout_seconds": seconds} | ({"wait": wait} if wait else {})


def _render(
    chart: Path, values: Values | None, namespace: str, release: str, options: Json
) -> Rendered:
    """Render by a client-side dry run of an install: the only way that takes versions."""
    options = {"dry_run": "client", "namespace": namespace, **options}
    with ExitStack() as stack:
        stack.enter_context(_failures(RenderError))
        config = stack.enter_context(
            helm_python.Config(kubeconfig_content="{}", storage_driver="memory")
        )
        arguments = _arguments(chart, release, values, options)
        found = _rendered(_native.call_string("helm_install", config._raw(), *arguments))
    hooks = [
        one
        for one in _documents(_files(chart, values, namespace, release, is_upgrade=False))
        if HOOK in one["metadata"].get("annotations", {})
    ]
    return Rendered([*found.objects, *hooks], found.notes)


def _files(
    chart: Path, values: Values | None, namespace: str, release: str, *, is_upgrade: bool
) -> dict[str, str]:
    """Render each template by itself, under the SDK's own versions."""
    with _failures(RenderError), helm_python.Chart.load(chart) as loaded:
        return loaded.render(
            dict(values or {}),
            name=release,
            namespace=namespace,
            is_install=not is_upgrade,
            is_upgrade=is_upgrade,
        )


def _rendered(release: str) -> Rendered:
    found = json.loads(release)
    return Rendered(list(_documents({"": found["manifest"]})), found.get("notes", ""))


def _documents(files: Mapping[str, str]) -> Iterator[Json]:
    for name, text in sorted(files.items()):
        if not name.endswith("/NOTES.txt"):
            yield from filter(None, yaml.safe_load_all(text))


@contextmanager
def _failures(kind: type[HelmFailed]) -> Iterator[None]:
    try:
        yield
    except helm_python.HelmError as error:
        raise kind(str(error)) from error
