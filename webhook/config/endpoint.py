"""The custom token endpoint's settings: two flags and the `AZURE_KUBERNETES_*` variables."""

import re
from collections.abc import Mapping
from typing import Final

from identity.faults import Faults
from identity.names import DEFAULT_AUDIENCE, USE_SUFFIX_PREFIX
from webhook.config.settings import CustomTokenEndpoint
from webhook.config.values import read_https_url, read_label_selector

_SUFFIX_FLAG: Final = "--custom-token-endpoint-annotation-suffix"
_AUDIENCE_FLAG: Final = "--custom-token-endpoint-audience"
_TOKEN_PROXY: Final = "AZURE_KUBERNETES_TOKEN_PROXY"
_CA_DATA: Final = "AZURE_KUBERNETES_CA_DATA"
_CONFIG_MAP: Final = "AZURE_KUBERNETES_CA_CONFIGMAP_NAME"
_SIGNER: Final = "AZURE_KUBERNETES_CA_CTB_SIGNER_NAME"
_SELECTOR: Final = "AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR"

_SUFFIX: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,57}[A-Za-z0-9])?")
"""With `use-` before it, the name of an annotation: 63 characters at the most."""


def custom_token_endpoint(
    suffix: str,
    audience: str,
    environment: Mapping[str, str],
    faults: Faults,
    notices: list[str],
) -> CustomTokenEndpoint | None:
    """Read the endpoint's settings; None where neither flag is given."""
    endpoint = CustomTokenEndpoint(
        annotation=USE_SUFFIX_PREFIX + suffix,
        audience=audience,
        token_proxy=environment.get(_TOKEN_PROXY, ""),
        sni_name=environment.get("AZURE_KUBERNETES_SNI_NAME", ""),
        ca_data=environment.get(_CA_DATA, ""),
        ca_config_map_name=environment.get(_CONFIG_MAP, ""),
        ca_signer_name=environment.get(_SIGNER, ""),
        ca_label_selector=read_label_selector(_SELECTOR, environment.get(_SELECTOR, ""), faults),
    )
    _check_sources(endpoint, faults)
    if not (suffix or audience):
        return None
    _check_flags(suffix, audience, faults)
    if endpoint.token_proxy:
        read_https_url(_TOKEN_PROXY, endpoint.token_proxy, faults)
    else:
        notices.append(f"{_TOKEN_PROXY} is not set: pods with {endpoint.annotation} lack it")
    return endpoint


def _check_flags(suffix: str, audience: str, faults: Faults) -> None:
    if not suffix:
        faults.add(_SUFFIX_FLAG, None, f"required with {_AUDIENCE_FLAG}")
    elif not _SUFFIX.fullmatch(suffix):
        faults.add(
            _SUFFIX_FLAG,
            suffix,
            "1-59 letters, digits, '-', '_' or '.', a letter or digit first and last",
        )
    if not audience:
        faults.add(_AUDIENCE_FLAG, None, f"required with {_SUFFIX_FLAG}")
    elif audience.casefold() == DEFAULT_AUDIENCE.casefold():
        faults.add(_AUDIENCE_FLAG, audience, "an audience other than the default one")


def _check_sources(endpoint: CustomTokenEndpoint, faults: Faults) -> None:
    sources = {
        _CA_DATA: endpoint.ca_data,
        _CONFIG_MAP: endpoint.ca_config_map_name,
        _SIGNER: endpoint.ca_signer_name,
    }
    given = [name for name, value in sources.items() if value]
    if len(given) > 1:
        faults.add(" and ".join(given), None, "exclude one another: give the CA in one way only")
    if endpoint.ca_label_selector is not None and not endpoint.ca_signer_name:
        faults.add(_SELECTOR, None, f"goes with {_SIGNER}, which is not set")
