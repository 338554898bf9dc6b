"""From flags and variables to the configuration, all faults of both at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from identity.clouds import CLOUDS, cloud_named
from identity.faults import Fault, Faults
from identity.names import DEFAULT_AUDIENCE
from webhook.config.endpoint import custom_token_endpoint
from webhook.config.flags import Flag, FlagValues, parse_flags
from webhook.config.settings import (
    CertificateConfig,
    Config,
    MutationConfig,
    ProxySettings,
    ServerConfig,
    TokenPathMode,
)
from webhook.config.values import (
    read_address,
    read_duration,
    read_https_url,
    read_object,
    read_port,
    read_switch,
)

FLAGS: Final = (
    Flag("audience", "", f"audience of the projected token; empty: {DEFAULT_AUDIENCE}"),
    Flag("webhook-cert-dir", "/certs", "where tls.crt and tls.key are, without rotation"),
    Flag("disable-cert-rotation", "false", "serve the files of --webhook-cert-dir", switch=True),
    Flag("tls-min-version", "1.3", "lowest TLS version: 1.2 or 1.3"),
    Flag("port", "9443", "port of the webhook itself"),
    Flag("health-addr", ":9440", "address of /healthz and /readyz"),
    Flag("metrics-addr", ":8095", "address of /metrics; 0 serves none"),
    Flag("metrics-backend", "prometheus", "how metrics are told: prometheus"),
    Flag("log-level", "", "info (also when empty), debug, trace or all"),
    Flag("kubeconfig", "", "file to reach the API server by; empty: the pod's ServiceAccount"),
    Flag("token-path-mode", "current", "where containers find the token: current, legacy or both"),
    Flag("custom-token-endpoint-annotation-suffix", "", "pods ask by annotation use-<suffix>"),
    Flag("custom-token-endpoint-audience", "", "audience of the token for that endpoint"),
    Flag("shutdown-delay", "15s", "after SIGTERM, connections are still taken for this long"),
    Flag("shutdown-timeout", "10s", "and requests under way have this much more to end"),
    Flag("ca-lifetime", "87600h", "life of a certificate authority of our own"),
    Flag("cert-lifetime", "8760h", "life of a serving certificate of our own"),
    Flag("cert-lookahead", "2160h", "a certificate is replaced when this much of it is left"),
    Flag("ca-trust-delay", "60s", "how long a CA is in the bundle before a certificate is its own"),
    Flag("ca-adoption-delay", "180s", "how long an old CA stays in the bundle after that"),
    Flag("cert-jitter", "5s", "what is not urgent waits a random part of this, for one replica"),
    Flag("cert-check-interval", "10m", "how often certificates are looked at, beside every change"),
    Flag("version", "false", "print the version and end", switch=True),
    Flag("help", "false", "print this and end", switch=True),
)

_LOG_LEVELS: Final = ("", "info", "debug", "trace", "all")
_TLS_VERSIONS: Final = {"1.0": "1.2", "1.1": "1.2", "1.2": "1.2", "1.3": "1.3"}
_DEFAULT_NAMESPACE: Final = "azure-workload-identity-system"
_DISABLED: Final = "0"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A configuration, and what its author should know though it works."""

    config: Config
    notices: tuple[str, ...]


class ConfigurationError(Exception):
    """The configuration can't be right. Its faults are all there are: mend them and start again."""

    def __init__(self, faults: Faults) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


def parse_config(arguments: Sequence[str], environment: Mapping[str, str]) -> Parsed:
    """Read the command line (without the program's name) and the environment.

    Raises ConfigurationError with every fault of both.
    """
    faults = Faults()
    notices: list[str] = []
    flags = parse_flags(arguments, FLAGS, faults)
    mutation = _mutation(flags, environment, faults, notices)
    config = Config(
        mutation=mutation,
        certificates=_certificates(flags, environment, faults),
        server=_server(flags, faults, notices),
        kubeconfig=Path(flags["kubeconfig"]) if flags["kubeconfig"] else None,
        log_level=_choice(flags, "log-level", _LOG_LEVELS, faults) or "info",
    )
    _choice(flags, "metrics-backend", ("prometheus",), faults)
    if faults:
        raise ConfigurationError(faults)
    return Parsed(config, tuple(notices))


def _mutation(
    flags: FlagValues, environment: Mapping[str, str], faults: Faults, notices: list[str]
) -> MutationConfig:
    tenant_id = environment.get("AZURE_TENANT_ID", "")
    if not tenant_id:
        faults.add(
            "AZURE_TENANT_ID", None, "required: the Entra ID tenant of this cluster's identities"
        )
    mode = _choice(flags, "token-path-mode", [mode.value for mode in TokenPathMode], faults)
    return MutationConfig(
        tenant_id=tenant_id,
        authority_host=_authority_host(environment, faults),
        proxy=_proxy(flags, environment, faults, notices),
        audience=flags["audience"] or DEFAULT_AUDIENCE,
        token_path_mode=TokenPathMode(mode),
        custom_token_endpoint=custom_token_endpoint(
            flags["custom-token-endpoint-annotation-suffix"],
            flags["custom-token-endpoint-audience"],
            environment,
            faults,
            notices,
        ),
    )


def _authority_host(environment: Mapping[str, str], faults: Faults) -> str:
    if host := environment.get("AZURE_AUTHORITY_HOST"):
        return read_https_url("AZURE_AUTHORITY_HOST", host, faults).rstrip("/") + "/"
    name = environment.get("AZURE_ENVIRONMENT") or CLOUDS[0].name
    cloud = cloud_named(name)
    if cloud is None:
        names = ", ".join(cloud.name for cloud in CLOUDS)
        faults.add("AZURE_ENVIRONMENT", name, f"one of {names}; another needs AZURE_AUTHORITY_HOST")
        return ""
    return cloud.authority_host


def _proxy(
    flags: FlagValues, environment: Mapping[str, str], faults: Faults, notices: list[str]
) -> ProxySettings:
    image, init_image = environment.get("PROXY_IMAGE", ""), environment.get("PROXY_INIT_IMAGE", "")
    redirect = read_switch("PROXY_REDIRECT", environment.get("PROXY_REDIRECT", ""), faults)
    if not image:
        notices.append("PROXY_IMAGE is not set: pods that ask for the proxy sidecar are refused")
    elif redirect is not False and not init_image:
        notices.append(
            "PROXY_INIT_IMAGE is not set: pods that ask for the proxy sidecar and its redirect are"
            " refused"
        )
    objects = {
        name: read_object(name, environment.get(name, ""), faults)
        for name in (
            "PROXY_RESOURCES",
            "PROXY_INIT_RESOURCES",
            "PROXY_SECURITY_CONTEXT",
            "PROXY_INIT_SECURITY_CONTEXT",
        )
    }
    return ProxySettings(
        image=image,
        init_image=init_image,
        redirect=redirect is not False,
        log_level=flags["log-level"] or "info",
        resources=objects["PROXY_RESOURCES"],
        init_resources=objects["PROXY_INIT_RESOURCES"],
        security_context=objects["PROXY_SECURITY_CONTEXT"],
        init_security_context=objects["PROXY_INIT_SECURITY_CONTEXT"],
    )


def _server(flags: FlagValues, faults: Faults, notices: list[str]) -> ServerConfig:
    asked = _choice(flags, "tls-min-version", list(_TLS_VERSIONS), faults)
    if _TLS_VERSIONS[asked] != asked:
        notices.append(f"--tls-min-version {asked} is read as 1.2, the lowest that is served")
    metrics = flags["metrics-addr"]
    return ServerConfig(
        port=read_port("--port", flags["port"], faults),
        health=read_address("--health-addr", flags["health-addr"], faults),
        metrics=(None if metrics == _DISABLED else read_address("--metrics-addr", metrics, faults)),
        tls_min_version=_TLS_VERSIONS[asked],
        shutdown_delay=read_duration("--shutdown-delay", flags["shutdown-delay"], 0, faults),
        shutdown_timeout=read_duration("--shutdown-timeout", flags["shutdown-timeout"], 0, faults),
    )


def _certificates(
    flags: FlagValues, environment: Mapping[str, str], faults: Faults
) -> CertificateConfig:
    ca = read_duration("--ca-lifetime", flags["ca-lifetime"], 600, faults)
    serving = read_duration("--cert-lifetime", flags["cert-lifetime"], 300, faults)
    lookahead = read_duration("--cert-lookahead", flags["cert-lookahead"], 60, faults)
    if lookahead >= min(ca, serving):
        faults.add("--cert-lookahead", flags["cert-lookahead"], "less than both lifetimes")
    return CertificateConfig(
        directory=Path(flags["webhook-cert-dir"]),
        rotate=not flags.is_on("disable-cert-rotation"),
        namespace=environment.get("POD_NAMESPACE") or _DEFAULT_NAMESPACE,
        ca_lifetime=ca,
        serving_lifetime=serving,
        lookahead=lookahead,
        trust_delay=read_duration("--ca-trust-delay", flags["ca-trust-delay"], 0, faults),
        adoption_delay=read_duration("--ca-adoption-delay", flags["ca-adoption-delay"], 0, faults),
        jitter=read_duration("--cert-jitter", flags["cert-jitter"], 0, faults),
        check_interval=read_duration(
            "--cert-check-interval", flags["cert-check-interval"], 1, faults
        ),
    )


def _choice(flags: FlagValues, name: str, choices: Sequence[str], faults: Faults) -> str:
    value = flags[name]
    if value in choices:
        return value
    faults.add(f"--{name}", value, " or ".join(filter(None, choices)))
    return choices[0]
