"""The command lines of the control plane. Pure."""

from dataclasses import dataclass
from pathlib import Path

from hack.cluster.settings import Settings

# What tests of ours can meet without a node; `*` starts 3 s later and takes 30 MiB more.
_CONTROLLERS = (
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
)
_NODE_CONTROLLERS = (
    "node-lifecycle-controller",  # takes the not-ready taint away
    "taint-eviction-controller",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of a cluster lie, and its ports."""

    folder: Path
    etcd_port: int
    api_port: int

    def pki(self, name: str) -> Path:
        """Name the file of a key or certificate."""
        return self.folder / "pki" / name

    @property
    def etcd_url(self) -> str:
        """Where etcd listens."""
        return f"https://127.0.0.1:{self.etcd_port}"


def etcd(layout: Layout) -> list[str]:
    """Run etcd for one API server; its data needs to outlive no power cut."""
    return [
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={layout.etcd_url}",
        f"--advertise-client-urls={layout.etcd_url}",
        "--listen-peer-urls=http://127.0.0.1:0",  # alone: nobody calls it
        f"--cert-file={layout.pki('etcd.crt')}",
        f"--key-file={layout.pki('etcd.key')}",
        f"--trusted-ca-file={layout.pki('etcd-ca.crt')}",
        "--client-cert-auth",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(layout: Layout, settings: Settings, url: str, advertise: str | None) -> list[str]:
    """Run kube-apiserver; the `kubernetes` Service leads nowhere without `advertise`."""
    if advertise is None:
        reached = ["--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]
    else:
        reached = [f"--advertise-address={advertise}"]
    return [
        f"--etcd-servers={layout.etcd_url}",
        f"--etcd-cafile={layout.pki('etcd-ca.crt')}",
        f"--etcd-certfile={layout.pki('etcd-client.crt')}",
        f"--etcd-keyfile={layout.pki('etcd-client.key')}",
        f"--bind-address={settings.bind_address}",
        f"--secure-port={layout.api_port}",
        *reached,
        f"--tls-cert-file={layout.pki('apiserver.crt')}",
        f"--tls-private-key-file={layout.pki('apiserver.key')}",
        f"--client-ca-file={layout.pki('ca.crt')}",
        f"--service-account-issuer={settings.issuer.replace('{url}', url)}",
        f"--service-account-key-file={layout.pki('sa.pub')}",
        f"--service-account-signing-key-file={layout.pki('sa.key')}",
        f"--service-cluster-ip-range={settings.service_range}",
        *_authorization(settings),
        "--allow-privileged=true",
        "--profiling=false",
        # Without it a stop waits for the watches of others to end: up to a minute.
        "--shutdown-watch-termination-grace-period=1s",
        f"--enable-aggregator-routing={str(settings.aggregator_routing).lower()}",
        *settings.extra_apiserver_args,
    ]


def _authorization(settings: Settings) -> list[str]:
    if settings.kubelets:
        return ["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"]
    return ["--authorization-mode=RBAC"]


def controller_manager(layout: Layout, settings: Settings, kubeconfig: Path) -> list[str]:
    """Run kube-controller-manager, alone and without a port."""
    controllers = _CONTROLLERS + (_NODE_CONTROLLERS if settings.kubelets else ())
    return [
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={layout.pki('sa.key')}",
        f"--root-ca-file={layout.pki('ca.crt')}",
        f"--cluster-signing-cert-file={layout.pki('ca.crt')}",
        f"--cluster-signing-key-file={layout.pki('ca.key')}",
        "--profiling=false",
        f"--controllers={','.join(controllers)}",
    ]
