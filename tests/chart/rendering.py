"""The chart rendered, and what is looked at in it: one object, one place, the text itself."""

import re
from collections.abc import Iterator
from typing import Any, Final

import helm_python
import yaml

from tests.chart.helm import CHART, HOOK, NAMESPACE, RELEASE, Json, RenderError, Values

TENANT: Final = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
CLIENT: Final = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"
WEBHOOK: Final = "Deployment/azure-wi-webhook-controller-manager"
CONTROLLER: Final = "Deployment/azwi-controller"
CONFIGURATION: Final = (
    "MutatingWebhookConfiguration/azure-wi-webhook-mutating-webhook-configuration"
)
CONTROLLED: Final[Json] = {"enabled": True, "clientId": CLIENT}
"""The least that the controller needs."""


def merged(*trees: Values) -> Json:
    """Return values over values, as Helm lays them: maps are merged, all else is replaced."""
    result: Json = {}
    for tree in trees:
        for key, value in tree.items():
            below = result.get(key)
            if isinstance(below, dict) and isinstance(value, dict):
                result[key] = merged(below, value)
            else:
                result[key] = value
    return result


def rendered(values: Values | None = None) -> dict[str, Json]:
    """Render with a tenant what Helm applies, without hooks.

    By `Kind/name`, with a namespace before it where that is not the release's.
    """
    return {
        name: one
        for name, one in with_hooks(values).items()
        if HOOK not in one["metadata"].get("annotations", {})
    }


def with_hooks(values: Values | None = None, **names: str) -> dict[str, Json]:
    """Render everything, hooks too; no map has a key twice, and no object is there twice."""
    found: dict[str, Json] = {}
    for path, text in sorted(texts(values, **names).items()):
        if not path.endswith("/NOTES.txt"):
            for one in strictly(text):
                name = _name_of(one)
                assert name not in found, f"{name} twice"
                found[name] = one
    return found


def webhook(values: Values | None = None) -> Json:
    """Return the webhook's Deployment."""
    return rendered(values)[WEBHOOK]


def controller(values: Values | None = None) -> Json:
    """Return the controller's Deployment; `values` are those under `controller`."""
    return rendered({"controller": merged(CONTROLLED, values or {})})[CONTROLLER]


def pod_of(deployment: Json) -> Json:
    found: Json = deployment["spec"]["template"]
    return found


def container_of(deployment: Json) -> Json:
    (found,) = pod_of(deployment)["spec"]["containers"]
    container: Json = found
    return container


def at(thing: Any, path: str) -> Any:
    """Return what stands at a path such as `spec.ports[0].port`; None where nothing does.

    A key with dots in it goes in brackets: `metadata.labels[app.kubernetes.io/name]`.
    """
    for dotted, bracketed in re.findall(r"([^.\[\]]+)|\[([^\]]+)\]", path):
        key = bracketed or dotted
        try:
            thing = thing[int(key)] if isinstance(thing, list) else thing[key]
        except (KeyError, IndexError, TypeError):
            return None
    return thing


def faults_of(values: Values) -> list[str]:
    """Return what checks.yaml finds, a fault each; empty where it renders."""
    try:
        texts(values)
    except RenderError as error:
        head, _, told = str(error).partition("\n\n")
        if "templates/checks.yaml" not in head:
            raise
        return [line.strip() for line in told.splitlines() if line.strip()]
    return []


def texts(
    values: Values | None = None, *, namespace: str = NAMESPACE, release: str = RELEASE
) -> dict[str, str]:
    """Render with a tenant: each template's text, before it is read as YAML; raises RenderError.

    Twenty times as fast as `template`, which does all that an installation does.
    """
    try:
        with helm_python.Chart.load(CHART) as chart:
            found: dict[str, str] = chart.render(
                merged({"azureTenantID": TENANT}, values or {}),
                name=release,
                namespace=namespace,
            )
    except helm_python.HelmError as error:
        raise RenderError(str(error)) from error
    return {name: text for name, text in found.items() if text.strip()}


def strictly(text: str) -> Iterator[Json]:
    """Read documents of YAML, of which no map may have a key twice."""
    yield from filter(None, yaml.load_all(text, _StrictLoader))


class _StrictLoader(yaml.CSafeLoader):
    """Refuses what Helm's reader lets pass: the second of two equal keys would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"keys twice: {sorted(twice)}", node.start_mark
            )
        return super().construct_mapping(node, deep)


def _name_of(one: Json) -> str:
    metadata = one["metadata"]
    namespace = metadata.get("namespace", NAMESPACE)
    prefix = "" if namespace == NAMESPACE else f"{namespace}/"
    return f"{prefix}{one['kind']}/{metadata['name']}"
