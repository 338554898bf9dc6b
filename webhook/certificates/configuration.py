"""The MutatingWebhookConfiguration, of which one field is ours: `caBundle` of our webhook."""

import base64
import binascii
from typing import Any

Json = dict[str, Any]


def bundle_in(configuration: Json, webhook: str) -> bytes | None:
    """Return a webhook's `caBundle`, decoded; None if there is no webhook of that name."""
    for entry in configuration.get("webhooks") or []:
        if entry.get("name") == webhook:
            value = entry.get("clientConfig", {}).get("caBundle") or ""
            try:
                return base64.b64decode(value)
            except (binascii.Error, ValueError):
                return b""
    return None


def with_bundle(configuration: Json, webhook: str, bundle: bytes) -> Json:
    """Return the configuration with that one field changed and everything else as it was."""
    encoded = base64.b64encode(bundle).decode()
    webhooks = [
        {**entry, "clientConfig": {**entry.get("clientConfig", {}), "caBundle": encoded}}
        if entry.get("name") == webhook
        else entry
        for entry in configuration.get("webhooks") or []
    ]
    return {**configuration, "webhooks": webhooks}


def version_of(configuration: Json) -> tuple[str, str]:
    """Return what changes whenever a webhook in it does, and else stays (but for new objects)."""
    metadata = configuration.get("metadata", {})
    version = metadata.get("generation") or metadata.get("resourceVersion")
    return str(metadata.get("uid")), str(version)
