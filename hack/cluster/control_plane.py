"""The control plane of our own: etcd, kube-apiserver and, on demand, kube-controller-manager."""

import dataclasses
import datetime
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from hack.cluster import addresses, flags, kubeconfig, pki
from hack.cluster.cluster import Cluster
from hack.cluster.errors import NoHostAddress, StartFailed
from hack.cluster.flags import Layout
from hack.cluster.means import Means
from hack.cluster.programs import Program
from hack.cluster.progress import told
from hack.cluster.readiness import AdminClient, wait_until
from hack.cluster.settings import Settings

_PORT_ATTEMPTS = 5


class ControlPlane(Cluster):
    """A cluster whose programs run on this machine, in a folder that is given."""

    ours = True

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        means: Means,
        *,
        way: str,
        detach: bool = False,
    ) -> None:
        self.way = way
        self.folder = folder
        self.settings = settings
        self.kubeconfig = folder / "admin.kubeconfig"
        self.ca_file = folder / "pki" / "ca.crt"
        self.programs = {name: Program(folder, name) for name in settings.programs()}
        self._means = means
        self._detach = detach
        self._layout = Layout(folder, 0, 0)

    def up(self) -> None:
        """Start everything; returns when it is ready. Whoever calls it calls `down()` too."""
        paths = {name: self._means.find_program(name) for name in self.programs}
        with told(self._means.progress, "making keys and certificates"):
            self._make_keys()
        with told(self._means.progress, "starting etcd") as tell:
            self._start_etcd(paths["etcd"], tell)
        with told(self._means.progress, "starting kube-apiserver") as tell:
            self._start_first(paths["kube-apiserver"], tell)
            self.version = self._admin().get_json("/version")["gitVersion"]
        if self.settings.controller_manager:
            with told(self._means.progress, "starting kube-controller-manager") as tell:
                self._start_controllers(paths["kube-controller-manager"], tell)

    def down(self) -> None:
        """End all programs at once: what they stored ends with the folder."""
        for program in reversed(self.programs.values()):
            program.stop(patience=0)

    @property
    def host_address(self) -> str:
        """An address of this machine, not loopback, that the API server can call."""
        return self._means.host_address or addresses.host_address()

    @property
    def etcd_url(self) -> str:
        """Where etcd listens; it lets in by `pki/etcd-client.crt` only."""
        return self._layout.etcd_url

    def kubeconfig_for(self, user: str, groups: Iterable[str] = ()) -> Path:
        """Return a kubeconfig of somebody who has no rights but those that RBAC grants."""
        groups = list(groups)
        client = pki.issue_client(self._ca(), user, groups, _now())
        path = self.folder / "users" / kubeconfig.file_name(user, groups)
        authority = self._ca().certificate
        return kubeconfig.write(path, url=self.url, authority=authority, client=client)

    def kubectl(self) -> Path:
        """Return a kubectl that fits; it may have to be built first (1 minute)."""
        return self._means.find_program("kubectl")

    def stop_api_server(self, *, kill: bool = False) -> None:
        """Stop the API server only: all that is stored stays."""
        self.programs["kube-apiserver"].stop(patience=0 if kill else 15)

    def start_api_server(self) -> None:
        """Start it again on the same port; returns when it is ready."""
        if self.programs["kube-apiserver"].process is None:
            self._start_api_server(self._means.find_program("kube-apiserver"), lambda _: None)

    def rotate_signing_key(self) -> None:
        """Sign ServiceAccounts' tokens with a new key from the API server's next start on.

        The keys before it stay published, and their tokens good: kube-apiserver takes several
        from one file.
        """
        private, public = pki.make_service_account_key()
        published = self._layout.pki("sa.pub")
        published.write_bytes(public + published.read_bytes())
        _write_key(self._layout.pki("sa.key"), private)

    def withdraw_old_signing_keys(self) -> None:
        """Publish no key but the one that signs, from the API server's next start on."""
        published = self._layout.pki("sa.pub")
        end = b"-----END PUBLIC KEY-----\n"
        published.write_bytes(published.read_bytes().partition(end)[0] + end)

    def _make_keys(self) -> None:
        now = _now()
        folder = self.folder / "pki"
        folder.mkdir(mode=0o700)
        ca = pki.make_authority("azwi-local", now)
        # Another authority for etcd: what lets a user in here must not open the store.
        store = pki.make_authority("azwi-local-etcd", now)
        private, public = pki.make_service_account_key()
        pairs = {
            "ca": ca,
            "etcd-ca": store,
            "etcd": pki.issue_server(store, ["127.0.0.1", "localhost"], now),
            "etcd-client": pki.issue_client(store, "kube-apiserver", [], now),
            "apiserver": pki.issue_server(ca, self._server_names(), now),
            "admin": pki.issue_client(ca, "azwi-admin", ["system:masters"], now),
            "controller-manager": pki.issue_client(ca, "system:kube-controller-manager", [], now),
        }
        for name, pair in pairs.items():
            (folder / f"{name}.crt").write_bytes(pair.certificate)
            _write_key(folder / f"{name}.key", pair.key)
        _write_key(folder / "sa.key", private)
        (folder / "sa.pub").write_bytes(public)

    def _server_names(self) -> list[str]:
        service = ["kubernetes", "default", "svc", "cluster", "local"]
        names = ["127.0.0.1", "localhost", self.settings.service_address]
        names += [".".join(service[:parts]) for parts in range(1, len(service) + 1)]
        more = (self._advertised(), self._reachable())
        return names + [name for name in more if name and name not in names]

    def _advertised(self) -> str | None:
        if self.settings.advertise_address:
            return self.settings.advertise_address
        try:
            return self.host_address
        except NoHostAddress:
            return None

    def _reachable(self) -> str:
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the user's to choose
        return everywhere.get(self.settings.bind_address, self.settings.bind_address)

    def _start_etcd(self, path: Path, tell: Callable[[str], None]) -> None:
        def start(port: int) -> None:
            self._layout = dataclasses.replace(self._layout, etcd_port=port)
            program = self.programs["etcd"]
            program.start([path, *flags.etcd(self._layout)], detach=self._detach)
            # By our own authority: on a collision it may be another's etcd that listens there.
            pair = (self._layout.pki("etcd-client.crt"), self._layout.pki("etcd-client.key"))
            store = AdminClient.of(self._layout.etcd_url, self._layout.pki("etcd-ca.crt"), *pair)
            wait_until(
                partial(store.answers, "/health"),
                seconds=60,
                what="etcd",
                lost=partial(_death, program),
                tell=tell,
            )

        self._with_free_port("etcd", "127.0.0.1", start)

    def _start_first(self, path: Path, tell: Callable[[str], None]) -> None:
        def start(port: int) -> None:
            self._layout = dataclasses.replace(self._layout, api_port=port)
            host = self._reachable()
            self.url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
            self._start_api_server(path, tell)

        self._with_free_port("kube-apiserver", self.settings.bind_address, start)
        self._write_kubeconfig("admin", self.kubeconfig)

    def _with_free_port(self, name: str, address: str, start: Callable[[int], None]) -> None:
        """Somebody may take a port between our look and the program's start: try another."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                start(addresses.free_port(address))
            except StartFailed:
                program = self.programs[name]
                taken = "address already in use" in program.tail(50)
                if not taken or attempt == _PORT_ATTEMPTS:
                    raise
                program.stop(patience=0)
                program.log.unlink(missing_ok=True)
            else:
                return

    def _start_api_server(self, path: Path, tell: Callable[[str], None]) -> None:
        program = self.programs["kube-apiserver"]
        argv = flags.api_server(self._layout, self.settings, self.url, self._advertised())
        program.start([path, *argv], detach=self._detach)
        admin = self._admin()
        try:
            wait_until(
                lambda: admin.answers("/readyz"),
                seconds=120,
                what="kube-apiserver",
                lost=partial(_death, program),
                tell=tell,
            )
        except StartFailed as error:
            if program.process is None:
                raise
            answer = admin.get("/readyz?verbose")
            failing = _failing(answer[1].decode(errors="replace")) if answer else ""
            raise StartFailed(f"{error}{failing}{program.tail()}") from error

    def _start_controllers(self, path: Path, tell: Callable[[str], None]) -> None:
        own = self._write_kubeconfig("controller-manager", self.folder / "controllers.kubeconfig")
        program = self.programs["kube-controller-manager"]
        argv = flags.controller_manager(self._layout, self.settings, own)
        program.start([path, *argv], detach=self._detach)
        admin = self._admin()
        wait_until(
            lambda: admin.answers("/api/v1/namespaces/default/serviceaccounts/default"),
            seconds=60,
            what="kube-controller-manager",
            lost=partial(_death, program),
            tell=tell,
        )

    def _write_kubeconfig(self, who: str, path: Path) -> Path:
        files = (self._layout.pki(f"{who}.crt"), self._layout.pki(f"{who}.key"))
        client = pki.Pair(*(file.read_bytes() for file in files))
        return kubeconfig.write(path, url=self.url, authority=self._ca().certificate, client=client)

    def _admin(self) -> AdminClient:
        pair = (self._layout.pki("admin.crt"), self._layout.pki("admin.key"))
        return AdminClient.of(self.url, self.ca_file, *pair)

    def _ca(self) -> pki.Pair:
        files = (self._layout.pki("ca.crt"), self._layout.pki("ca.key"))
        return pki.Pair(*(file.read_bytes() for file in files))


def _death(program: Program) -> str | None:
    if program.process is not None:
        return None
    status = program.exit_status()
    return f"ended{'' if status is None else f' with status {status}'}{program.tail()}"


def _failing(verbose: str) -> str:
    checks = [line[3:] for line in verbose.splitlines() if line.startswith("[-]")]
    return f"; not ready: {', '.join(checks)}" if checks else ""


def _write_key(path: Path, key: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
