"""A cluster that the user gave us: used as it is, never started or stopped."""

import base64
import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn, Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hack.cluster import addresses, kubeconfig
from hack.cluster.cluster import Cluster
from hack.cluster.errors import ClusterError, NotOurs, StartFailed
from hack.cluster.means import Means
from hack.cluster.pki import Pair
from hack.cluster.settings import ISSUER, Settings

_SIGNER = "kubernetes.io/kube-apiserver-client"


class GivenCluster(Cluster):
    """The cluster of AZWI_KUBECONFIG's current context."""

    way = "kubeconfig"
    ours = False

    def __init__(
        self,
        path: Path,
        folder: Path,
        settings: Settings,
        means: Means,
    ) -> None:
        if settings.extra_apiserver_args or settings.issuer != ISSUER:
            self._not_ours("be started with flags of ours")
        self.kubeconfig = path
        self.folder = folder
        self._means = means

    def __enter__(self) -> Self:
        """Sign in and see that it answers."""
        # Imported here: 1 s, and no other way needs it.
        from kubernetes import client, config  # noqa: PLC0415

        read: Any = config.new_client_from_config
        try:
            self._api = read(str(self.kubeconfig))
        except config.ConfigException as error:
            raise ClusterError(f"AZWI_KUBECONFIG={self.kubeconfig}: {error}") from error
        found = self._api.configuration
        self.url = found.host
        self.ca_file = self._copy_authorities(found.ssl_ca_cert)
        try:
            self.version = client.VersionApi(self._api).get_code(_request_timeout=15).git_version
        except Exception as error:
            self._api.close()
            raise StartFailed(
                f"AZWI_KUBECONFIG={self.kubeconfig}: {self.url} does not answer as an API server:"
                f" {str(error).splitlines()[0]}"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Close our connections; the cluster itself is none of our business."""
        self._api.rest_client.pool_manager.clear()
        self._api.close()

    @property
    def host_address(self) -> str:
        """AZWI_HOST_ADDRESS, else the address that calls to the API server leave from."""
        return self._means.host_address or addresses.host_address(urlsplit(self.url).hostname)

    def kubeconfig_for(self, user: str, groups: Iterable[str] = ()) -> Path:
        """Return a kubeconfig of somebody; the cluster's own signer signs the certificate."""
        groups = list(groups)
        path = self.folder / "users" / kubeconfig.file_name(user, groups)
        pair = self._signed(user, groups)
        return kubeconfig.write(
            path, url=self.url, authority=self.ca_file.read_bytes(), client=pair
        )

    def kubectl(self) -> Path:
        """Return the kubectl on PATH, else one of ours."""
        found = shutil.which("kubectl")
        return Path(found) if found else self._means.find_program("kubectl")

    def stop_api_server(self, *, kill: bool = False) -> None:  # noqa: ARG002 - refused anyway
        """Refuse."""
        self._not_ours("be stopped")

    def start_api_server(self) -> None:
        """Refuse."""
        self._not_ours("be started")

    def _not_ours(self, what: str) -> NoReturn:
        raise NotOurs(f"the cluster of AZWI_KUBECONFIG is used as it is: it cannot {what}")

    def _copy_authorities(self, path: str | None) -> Path:
        """Keep the file of authorities: the kubernetes package's is a temporary one."""
        if path is None:
            import certifi  # noqa: PLC0415

            path = certifi.where()
        return Path(shutil.copyfile(path, self.folder / "ca.crt"))

    def _signed(self, user: str, groups: list[str]) -> Pair:
        from kubernetes import client  # noqa: PLC0415

        key = ec.generate_private_key(ec.SECP256R1())
        name = f"azwi-{uuid.uuid4().hex[:12]}"
        api: Any = client.CertificatesV1Api(self._api)
        api.create_certificate_signing_request(
            body={
                "metadata": {"name": name},
                "spec": {
                    "request": base64.b64encode(_request(key, user, groups)).decode(),
                    "signerName": _SIGNER,
                    "usages": ["client auth"],
                    "expirationSeconds": 24 * 3600,
                },
            }
        )
        try:
            self._approve(api, name)
            certificate = self._await_certificate(api, name)
        finally:
            api.delete_certificate_signing_request(name)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Pair(certificate, pem)

    def _approve(self, api: Any, name: str) -> None:
        request = api.read_certificate_signing_request(name)
        request.status.conditions = [
            {"type": "Approved", "status": "True", "reason": "Test", "message": "by azwi's tests"}
        ]
        api.replace_certificate_signing_request_approval(name, request)

    def _await_certificate(self, api: Any, name: str) -> bytes:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            status = api.read_certificate_signing_request(name).status
            if status.certificate:
                return base64.b64decode(status.certificate)
            time.sleep(0.1)
        raise ClusterError(f"the cluster's signer {_SIGNER} signs nothing (no controller manager?)")


def _request(key: ec.EllipticCurvePrivateKey, user: str, groups: list[str]) -> bytes:
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
