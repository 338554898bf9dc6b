"""The projected volume: the ServiceAccount's token, and the custom token endpoint's CA.

Source: https://kubernetes.io/docs/concepts/storage/projected-volumes/
"""

from typing import Any, Final

from identity.names import CA_PATH, LEGACY_TOKEN_PATH, TOKEN_PATH, VOLUME_NAME
from identity.pod import PodSettings
from webhook.config.settings import CustomTokenEndpoint, MutationConfig, TokenPathMode
from webhook.mutation.outcome import Operation
from webhook.mutation.podview import PodView

_API_DEFAULT_MODE: Final = 0o644
"""What the API server fills in for `defaultMode` between two passes."""

_TOKEN_PATHS: Final = {
    TokenPathMode.CURRENT: (TOKEN_PATH,),
    TokenPathMode.LEGACY: (LEGACY_TOKEN_PATH,),
    TokenPathMode.BOTH: (TOKEN_PATH, LEGACY_TOKEN_PATH),
}


def volume_operations(
    pod: PodView, settings: PodSettings, config: MutationConfig
) -> list[Operation]:
    """Add our volume, or write the source of those that an earlier pass made anew if it differs."""
    projected = {"sources": _sources(settings, config)}
    if not pod.reserved_volumes:
        volume = {"name": VOLUME_NAME, "projected": projected}
        if pod.volumes:
            return [{"op": "add", "path": "/spec/volumes/-", "value": volume}]
        return [{"op": "add", "path": "/spec/volumes", "value": [volume]}]
    return [
        {
            "op": "replace",
            "path": f"/spec/volumes/{index}",
            "value": {"name": name, "projected": projected},
        }
        for name, index in pod.reserved_volumes.items()
        if not _is_already(pod.volumes[index], projected)
    ]


def _sources(settings: PodSettings, config: MutationConfig) -> list[dict[str, Any]]:
    endpoint = config.custom_token_endpoint if settings.custom_token_endpoint else None
    audience = endpoint.audience if endpoint else config.audience
    sources: list[dict[str, Any]] = [
        {
            "serviceAccountToken": {
                "audience": audience,
                "expirationSeconds": settings.expiration_seconds,
                "path": path,
            }
        }
        for path in _TOKEN_PATHS[config.token_path_mode]
    ]
    if endpoint is not None:
        sources.extend(_ca_sources(endpoint))
    return sources


def _ca_sources(endpoint: CustomTokenEndpoint) -> list[dict[str, Any]]:
    if endpoint.ca_config_map_name:
        return [
            {
                "configMap": {
                    "name": endpoint.ca_config_map_name,
                    "items": [{"key": "ca.crt", "path": CA_PATH}],
                    "optional": False,
                }
            }
        ]
    if endpoint.ca_signer_name:
        bundle: dict[str, Any] = {
            "signerName": endpoint.ca_signer_name,
            "path": CA_PATH,
            "optional": False,
        }
        if endpoint.ca_label_selector is not None:
            bundle["labelSelector"] = dict(endpoint.ca_label_selector)
        return [{"clusterTrustBundle": bundle}]
    return []


def _is_already(volume: dict[str, Any], projected: dict[str, Any]) -> bool:
    there = volume.get("projected")
    return (
        len(volume) == 2
        and isinstance(there, dict)
        and {"defaultMode": _API_DEFAULT_MODE, **there}
        == {"defaultMode": _API_DEFAULT_MODE, **projected}
    )
