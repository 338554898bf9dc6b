"""The token that a pod's volume asks for: asked for in its place, checked, and read."""

import datetime
from dataclasses import dataclass
from typing import Any

import jwt

from hack.demo.api import Api
from hack.demo.errors import DemoFailed
from identity.names import VOLUME_PREFIX

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a volume asks of the API server, by way of the kubelet."""

    audience: str
    seconds: int
    path: str


def wish_of(pod: Object) -> Wish:
    """Read it from the volume that the webhook gave the pod."""
    sources = [
        source["serviceAccountToken"]
        for volume in pod["spec"].get("volumes", [])
        if volume["name"].startswith(VOLUME_PREFIX)
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    ]
    if len(sources) != 1:
        raise DemoFailed(
            f"expected one token in a volume {VOLUME_PREFIX}*"
            f" of pod {pod['metadata']['name']}, found {len(sources)}"
        )
    return Wish(sources[0]["audience"], sources[0]["expirationSeconds"], sources[0]["path"])


def request_token(api: Api, pod: Object, wish: Wish) -> str:
    """Ask for it as the pod's kubelet does: for the pod's ServiceAccount, bound to the pod.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
    """
    metadata, account = pod["metadata"], pod["spec"]["serviceAccountName"]
    bound_to = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
    answer = api.post(
        f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [wish.audience],
                "expirationSeconds": wish.seconds,
                "boundObjectRef": bound_to,
            },
        },
    )
    return str(answer["status"]["token"])


def checked_claims(api: Api, token: str, wish: Wish) -> Object:
    """Check the token as Entra ID does, by the keys that the issuer publishes; return its claims.

    DemoFailed says what is wrong with it, and nothing of the token.
    """
    issuer = api.get("/.well-known/openid-configuration")["issuer"]
    published = jwt.PyJWKSet.from_dict(api.get("/openid/v1/jwks"))
    try:
        key = published[jwt.get_unverified_header(token)["kid"]]
        claims: Object = jwt.decode(
            token,
            key,
            algorithms=["RS256", "ES256"],
            audience=wish.audience,
            issuer=issuer,
            leeway=60,
            options={"require": ["aud", "exp", "iat", "iss", "sub"]},
        )
    except (jwt.PyJWTError, KeyError) as error:
        raise DemoFailed(
            f"expected a token of {issuer} for {wish.audience}, signed by a published key; found:"
            f" {error}"
        ) from error
    return claims


def readable_claims(claims: Object) -> list[tuple[str, str]]:
    """Put the claims in words for people: times as dates, lists and objects on one line."""
    rows = []
    for name in sorted(claims, key=_place_of):
        value = claims[name]
        if name in {"iat", "nbf", "exp"}:
            rows.append((name, f"{value}  {_date(value)}{_after(name, claims)}"))
        elif name == "kubernetes.io":
            rows += [(name, text) for text in _bound(value)]
        else:
            values = value if isinstance(value, list) else [value]
            rows.append((name, ", ".join(map(str, values))))
    return rows


def duration(seconds: int) -> str:
    """Write seconds in hours and minutes, where they come out even."""
    if seconds % 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(filter(None, parts))


_ORDER = ("iss", "sub", "aud", "iat", "nbf", "exp", "kubernetes.io", "jti")


def _place_of(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _date(seconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _after(name: str, claims: Object) -> str:
    return f", {duration(claims['exp'] - claims['iat'])} after iat" if name == "exp" else ""


def _bound(value: Object) -> list[str]:
    """Tell what the token is bound to, a line each."""
    lines = []
    for kind, what in value.items():
        if isinstance(what, dict):
            lines.append(f"{kind} {what.get('name', '')}, uid {what.get('uid', '')}")
        else:
            lines.append(f"{kind} {what}")
    return lines
