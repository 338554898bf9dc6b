"""What is said about Entra ID: the tenant, its services, and how the controller signs in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from controller.config import flags
from controller.config.flags import Setting
from controller.config.values import (
    read_audience,
    read_choice,
    read_factor,
    read_list,
    read_url,
    read_uuid,
)
from entra.client import Settings as EntraSettings
from entra.client_credentials import is_origin
from entra.endpoints import Endpoints
from entra.http import TimeLimits
from entra.rates import Rates
from entra.sign_in import (
    Application,
    Certificate,
    ClientSecret,
    ManagedIdentity,
    SignInSettings,
    WorkloadIdentity,
    check,
)
from entra.sign_in.settings import DEFAULT_IMDS
from identity.account import is_uuid
from identity.clouds import CLOUDS, Cloud, cloud_named
from identity.faults import Faults

LONGEST_CALL: Final = 10.0
"""Seconds that one call may take in all: the Lease must outlive each write."""
_NO_GRAPH: Final = "none"
_FITS: Final = "https://login.microsoftonline.com"
_FLAG_OF: Final = {
    "client_id": "client-id",
    "token_file": "token-file",
    "secret_file": "client-secret-file",
    "certificate_file": "certificate-file",
    "key_file": "key-file",
    "password_file": "password-file",
    "endpoint": "imds-endpoint",
}
"""Which flag a fault of `entra.sign_in.check` is about; others are found by ourselves."""
_GOES_WITH: Final = {
    "token-file": flags.WORKLOAD_IDENTITY,
    "client-secret-file": flags.CLIENT_SECRET,
    "certificate-file": flags.CERTIFICATE,
    "key-file": flags.CERTIFICATE,
    "password-file": flags.CERTIFICATE,
    "imds-endpoint": flags.MANAGED_IDENTITY,
}

Said = Mapping[str, Setting]


def read_entra(said: Said, faults: Faults) -> EntraSettings | None:
    """Read the tenant and where its services answer; None if any of it is wrong."""
    mine = Faults()
    tenant_id = _tenant(said["tenant-id"], mine)
    cloud = _cloud(said["cloud"], mine)
    authority = _authority(said["authority-host"], cloud, mine)
    graph, arm = said["graph-url"], said["resource-manager-url"]
    graph_url: str | None = cloud.graph
    if graph.text:
        graph_url = None if graph.text == _NO_GRAPH else read_url(graph, mine)
    arm_url = read_url(arm, mine) if arm.text else cloud.resource_manager
    graph_audience = read_audience(said["graph-audience"], mine)
    arm_audience = read_audience(said["resource-manager-audience"], mine)
    subscriptions = _subscriptions(said["subscriptions"], mine)
    factor = read_factor(said["rate-factor"], mine)
    for fault in mine:
        faults.add(fault.where, fault.found, fault.expected)
    if mine:
        return None
    return EntraSettings(
        tenant_id,
        Endpoints(authority, arm_url, graph_url, arm_audience, graph_audience),
        subscriptions,
        limits=TimeLimits(total=LONGEST_CALL),
        rates=Rates(factor),
    )


def read_sign_in(said: Said, entra: EntraSettings | None, faults: Faults) -> SignInSettings:
    """Read how the controller signs in, with every fault of the way that is chosen."""
    way = read_choice(said["sign-in"], flags.WAYS, faults)
    for name, goes_with in _GOES_WITH.items():
        if said[name].by_flag and way != goes_with:
            faults.add(said[name].where, None, f"goes with --sign-in={goes_with}, not {way}")
    settings = _by(way, said, entra)
    found = Faults()
    check(settings, found)
    for fault in found:
        flag = _FLAG_OF.get(fault.where)
        if flag is None:  # of the tenant or the authority, which `read_entra` tells
            continue
        setting = said[flag]
        if setting.text:
            faults.add(setting.where, fault.found, fault.expected)
        else:
            faults.add(setting.where, None, f"required with --sign-in={way}: {fault.expected}")
    return settings


def _by(way: str, said: Said, entra: EntraSettings | None) -> SignInSettings:
    if way == flags.MANAGED_IDENTITY:
        endpoint = said["imds-endpoint"].text or DEFAULT_IMDS
        return ManagedIdentity(said["client-id"].text or None, endpoint)
    tenant_id = entra.tenant_id if entra else ""
    authority = entra.endpoints.authority if entra else ""
    application = Application(tenant_id, said["client-id"].text, authority)
    if way == flags.CLIENT_SECRET:
        return ClientSecret(application, Path(said["client-secret-file"].text))
    if way == flags.CERTIFICATE:
        return Certificate(
            application,
            Path(said["certificate-file"].text),
            _path_if_any(said["key-file"]),
            _path_if_any(said["password-file"]),
        )
    return WorkloadIdentity(application, Path(said["token-file"].text))


def _path_if_any(setting: Setting) -> Path | None:
    return Path(setting.text) if setting.text else None


def _tenant(setting: Setting, faults: Faults) -> str:
    if not setting.text:
        faults.add(setting.where, None, "required: the UUID of the Entra ID tenant")
        return ""
    return read_uuid(setting, faults)


def _cloud(setting: Setting, faults: Faults) -> Cloud:
    cloud = cloud_named(setting.text)
    if cloud is None:
        names = ", ".join(cloud.name for cloud in CLOUDS)
        faults.add(
            setting.where,
            setting.text,
            f"one of {names}; for another, leave this out and give --authority-host, --graph-url"
            " and --resource-manager-url",
        )
        return CLOUDS[0]
    return cloud


def _authority(setting: Setting, cloud: Cloud, faults: Faults) -> str:
    if not setting.text:
        return cloud.authority_host
    if not is_origin(setting.text, "https"):
        found = None if "@" in setting.text else setting.text
        faults.add(setting.where, found, f"https://host without a path, such as {_FITS}")
    return setting.text


def _subscriptions(setting: Setting, faults: Faults) -> tuple[str, ...]:
    found = read_list(setting)
    for name in found:
        if not is_uuid(name):
            faults.add(setting.where, name, "UUIDs of subscriptions with commas between them")
    return tuple(dict.fromkeys(name.lower() for name in found))
