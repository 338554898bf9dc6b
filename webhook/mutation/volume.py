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
_KNOWN_PATHS: Final = (TOKEN_PATH, LEGACY_TOKEN_PATH)


def volume_operations(
    pod: PodView, settings: PodSettings, config: MutationConfig
) -> list[Operation]:
    """Add our volume, or write the source of those that an earlier pass made anew if it differs."""
    if not pod.reserved_volumes:
        volume = {"name": VOLUME_NAME, "projected": _projected({}, settings, config)}
        if pod.volumes:
            return [{"op": "add", "path": "/spec/volumes/-", "value": volume}]
        return [{"op": "add", "path": "/spec/volumes", "value": [volume]}]
    operations = []
    for name, index in pod.reserved_volumes.items():
        projected = _projected(pod.volumes[index], settings, config)
        if not _is_already(pod.volumes[index], projected):
            value = {"name": name, "projected": projected}
            operations.append({"op": "replace", "path": f"/spec/volumes/{index}", "value": value})
    return operations


def _projected(
    there: dict[str, Any], settings: PodSettings, config: MutationConfig
) -> dict[str, Any]:
    """Return the source of our volume; `there` is the volume that is taken over, if any."""
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
        for path in _token_paths(there, config.token_path_mode)
    ]
    if endpoint is not None:
        sources.extend(_ca_sources(endpoint))
    return {"sources": sources}


def _token_paths(there: dict[str, Any], mode: TokenPathMode) -> list[str]:
    """Return where the token goes: the mode's paths, then one that an earlier pass has promised.

    That pass may have had another mode, and its variables stay in the containers.
    """
    wanted = _TOKEN_PATHS[mode]
    promised = _promised_paths(there)
    return [*wanted, *(path for path in _KNOWN_PATHS if path in promised and path not in wanted)]


def _promised_paths(volume: dict[str, Any]) -> list[Any]:
    projected = volume.get("projected")
    sources = projected.get("sources") if isinstance(projected, dict) else None
    tokens = [
        source.get("serviceAccountToken")
        for source in (sources if isinstance(sources, list) else ())
        if isinstance(source, dict)
    ]
    return [token.get("path") for token in tokens if isinstance(token, dict)]


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
