"""From flags and variables to the configuration, all faults of both at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from controller.config.flags import LEVELS, Setting, read_command_line, usage
from controller.config.settings import (
    LONGEST_WITHDRAWAL,
    REMOVAL,
    UNPROBED,
    Address,
    ClusterSettings,
    Config,
    EndSettings,
    Intervals,
    LeaseSettings,
    ProbeSettings,
)
from controller.config.tenant import LONGEST_CALL, Said, read_entra, read_sign_in
from controller.config.values import (
    go_duration,
    is_namespace,
    read_address,
    read_audience,
    read_authorities,
    read_choice,
    read_count,
    read_duration,
    read_file,
    read_issuer,
    read_list,
    read_name,
    read_switch,
)
from entra.client import Settings as EntraSettings
from entra.model import SLOTS
from identity.faults import Fault, Faults

__all__ = ["IN_POD", "ConfigurationError", "parse_config", "parse_end", "usage"]

IN_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts what a ServiceAccount needs."""
_SHORTEST_RESYNC: Final = 60.0
_SHORTEST_DENIAL: Final = 60.0
_SHORTEST_PROBE: Final = 600.0
_SHORTEST_LEASE: Final = 1.0
_DISABLED: Final = "0"
_EVERYWHERE: Final = "*"
_SCOPE_END: Final = "/.default"


class ConfigurationError(Exception):
    """The configuration can't be right. Its faults are all there are: mend them and start again."""

    def __init__(self, faults: Faults) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


def parse_config(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    process: str,
    pod_account: Path = IN_POD,
) -> Config:
    """Read the command line (without the program's name) and the environment.

    `process` is a name that no other process has, for the Lease; `pod_account` the folder with the
    ServiceAccount's `namespace` and `token`, looked at where no kubeconfig is given.

    Raises ConfigurationError with every fault of both.
    """
    faults = Faults()
    said = read_command_line(arguments, environment, faults)
    account = None if said["kubeconfig"].text else pod_account
    entra = read_entra(said, faults)
    sign_in = read_sign_in(said, entra, faults)
    namespace = _namespace(said["namespace"], account, faults)
    kubeconfig = read_file(said["kubeconfig"], faults)
    cluster = _cluster(said, account, faults)
    lease = _lease(said, namespace, process, faults)
    intervals = _intervals(said, faults)
    probe = _probe(said, entra, faults)
    ca_file = read_authorities(said["ca-file"], faults)
    per_namespace = read_count(said["slots-per-namespace"], SLOTS, faults)
    resolve = read_switch(said["resolve-resource-ids"], faults)
    watch = read_switch(said["watch-grants"], faults)
    health = read_address(said["health-addr"], faults)
    metrics = _metrics(said["metrics-addr"], faults)
    log_level = read_choice(said["log-level"], LEVELS, faults)
    if faults or entra is None:
        raise ConfigurationError(faults)
    return Config(
        namespace=namespace,
        entra=entra,
        sign_in=sign_in,
        lease=lease,
        probe=probe,
        cluster=cluster,
        intervals=intervals,
        kubeconfig=kubeconfig,
        ca_file=ca_file,
        per_namespace=per_namespace,
        resolve_resource_ids=resolve,
        watch_grants=watch,
        health_address=health,
        metrics_address=metrics,
        log_level=log_level,
    )


def parse_end(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    process: str,
    pod_account: Path = IN_POD,
) -> EndSettings:
    """Read what the end of a controller needs: the same flags, of which most mean nothing there.

    The Lease is held in the process's own name. Raises ConfigurationError.
    """
    faults = Faults()
    said = read_command_line(arguments, environment, faults)
    account = None if said["kubeconfig"].text else pod_account
    namespace = _namespace(said["namespace"], account, faults)
    kubeconfig = read_file(said["kubeconfig"], faults)
    lease = replace(_lease(said, namespace, process, faults), identity=process)
    log_level = read_choice(said["log-level"], LEVELS, faults)
    if faults:
        raise ConfigurationError(faults)
    return EndSettings(lease, kubeconfig, log_level)


def _namespace(setting: Setting, account: Path | None, faults: Faults) -> str:
    name = setting.text or _text(account and account / "namespace")
    if not name:
        faults.add(setting.where, None, "required outside of a pod: the controller's own namespace")
    elif not is_namespace(name):
        faults.add(setting.where, name, "a namespace: up to 63 lower-case letters, digits and '-'")
    return name


def _text(path: Path | None) -> str:
    """Return a small file's text without the white space around; empty if it can't be read."""
    try:
        return path.read_text("utf-8", "replace").strip() if path else ""
    except OSError:
        return ""


def _cluster(said: Said, account: Path | None, faults: Faults) -> ClusterSettings:
    token_file = account / "token" if account else None
    return ClusterSettings(
        issuer=read_issuer(said["issuer"], faults),
        token_file=token_file if token_file and _text(token_file) else None,
        audience=read_audience(said["audience"], faults),
        accept_issuer_change=read_switch(said["accept-issuer-change"], faults),
    )


def _lease(said: Said, namespace: str, process: str, faults: Faults) -> LeaseSettings:
    duration = said["lease-duration"]
    lease = LeaseSettings(
        namespace=namespace,
        name=read_name(said["lease-name"], faults),
        identity=said["lease-identity"].text or process,
        duration=read_duration(duration, _SHORTEST_LEASE, faults),
        renew=read_duration(said["lease-renew-interval"], _SHORTEST_LEASE, faults),
        retry=read_duration(said["lease-retry-interval"], _SHORTEST_LEASE, faults),
    )
    # A renewal that hangs takes as long as both (`controller.lease`); a write may begin before the
    # next one has succeeded, and must end before another controller leads.
    least = LONGEST_CALL + 2 * (lease.renew + lease.retry)
    if lease.duration < least or lease.duration % 1:
        faults.add(
            duration.where,
            duration.text,
            f"whole seconds, at least {go_duration(least)}: a call's {go_duration(LONGEST_CALL)}"
            " and twice the renewal's and the retry's interval",
        )
    return lease


def _intervals(said: Said, faults: Faults) -> Intervals:
    resync, drift = said["resync-interval"], said["drift-interval"]
    intervals = Intervals(
        resync=read_duration(resync, _SHORTEST_RESYNC, faults),
        drift=read_duration(drift, _SHORTEST_RESYNC, faults),
        probe=read_duration(said["probe-interval"], _SHORTEST_PROBE, faults),
        denial=read_duration(said["denial-interval"], _SHORTEST_DENIAL, faults),
    )
    longest = LONGEST_WITHDRAWAL - REMOVAL
    if intervals.resync + intervals.denial > longest:
        faults.add(
            f"{resync.where} and --denial-interval",
            f"{resync.text} and {said['denial-interval'].text}",
            f"together at most {go_duration(longest)}: a withdrawn grant is noticed, noticed again"
            f" and its credential removed within {go_duration(LONGEST_WITHDRAWAL)}",
        )
    if intervals.drift < intervals.resync:
        faults.add(drift.where, drift.text, f"no less than {resync.where}")
    return intervals


def _probe(said: Said, entra: EntraSettings | None, faults: Faults) -> ProbeSettings:
    where = said["probe-namespaces"]
    names = read_list(where)
    for name in names:
        if name in UNPROBED:
            faults.add(where.where, name, f"other namespaces: nobody is to have {name}'s tokens")
        elif name != _EVERYWHERE and not is_namespace(name):
            faults.add(where.where, name, "namespaces with commas between them, or *")
    scope = said["probe-scope"]
    read_audience(scope, faults)
    if scope.text and not scope.text.endswith(_SCOPE_END):
        faults.add(scope.where, scope.text, f"a resource's URL with {_SCOPE_END} at the end")
    return ProbeSettings(
        scope=scope.text or (entra.endpoints.resource_manager_scope if entra else ""),
        namespaces=frozenset(names) - {_EVERYWHERE},
        everywhere=_EVERYWHERE in names,
    )


def _metrics(setting: Setting, faults: Faults) -> Address | None:
    return None if setting.text == _DISABLED else read_address(setting, faults)
