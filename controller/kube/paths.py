"""Paths of what the controller touches, below the API server's URL.

A name that would lead somewhere else (empty: to the whole collection; dots: up) is `Invalid`.
"""

from typing import Final
from urllib.parse import quote

from controller.kube.errors import Invalid
from controller.names import GROUP, PLURAL, VERSION

_CORE: Final = "/api/v1"
_FICS: Final = f"/apis/{GROUP}/{VERSION}"

SUBJECT_ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
SELF_SUBJECT_ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
NAMESPACES: Final = f"{_CORE}/namespaces"
SERVICE_ACCOUNTS: Final = f"{_CORE}/serviceaccounts"
"""Of all namespaces: to list."""
ISSUER_DISCOVERY: Final = "/.well-known/openid-configuration"
VERSION_OF_SERVER: Final = "/version"


def named(collection: str, name: str) -> str:
    """Return the path of one object of a collection."""
    return f"{collection}/{_segment(name)}"


def namespace(name: str) -> str:
    """Return the path of a namespace."""
    return named(NAMESPACES, name)


def service_accounts(within: str) -> str:
    """Return the path of the ServiceAccounts of a namespace."""
    return f"{namespace(within)}/serviceaccounts"


def service_account(within: str, name: str) -> str:
    """Return the path of a ServiceAccount."""
    return named(service_accounts(within), name)


def token_request(within: str, name: str) -> str:
    """Return the path that makes a token of a ServiceAccount."""
    return f"{service_account(within, name)}/token"


def fics(within: str | None = None) -> str:
    """Return the path of our objects in a namespace, or in all of them."""
    return f"{_FICS}/{PLURAL}" if within is None else _within(_FICS, within, PLURAL)


def fic(within: str, name: str) -> str:
    """Return the path of one of our objects."""
    return named(fics(within), name)


def fic_status(within: str, name: str) -> str:
    """Return the path of the status of one of our objects."""
    return f"{fic(within, name)}/status"


def leases(within: str) -> str:
    """Return the path of the Leases of a namespace."""
    return _within("/apis/coordination.k8s.io/v1", within, "leases")


def lease(within: str, name: str) -> str:
    """Return the path of a Lease."""
    return named(leases(within), name)


def config_maps(within: str) -> str:
    """Return the path of the ConfigMaps of a namespace."""
    return f"{namespace(within)}/configmaps"


def config_map(within: str, name: str) -> str:
    """Return the path of a ConfigMap."""
    return named(config_maps(within), name)


def events(within: str) -> str:
    """Return the path of the (core) Events of a namespace."""
    return f"{namespace(within)}/events"


def event(within: str, name: str) -> str:
    """Return the path of a (core) Event."""
    return named(events(within), name)


def _within(api: str, within: str, plural: str) -> str:
    return f"{api}/namespaces/{_segment(within)}/{plural}"


def _segment(name: str) -> str:
    if name in {"", ".", ".."} or "/" in name:
        raise Invalid(
            f"{name!r} is not the name of an object: it must not be empty, dots or a path"
        )
    return quote(name, safe="")
