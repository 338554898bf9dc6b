"""Reading a golden case, and running it."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import jsonpatch
import yaml

from identity.account import Account, account_from
from tests.builders import NAMESPACE, TENANT, Json
from webhook.config.parse import parse_config
from webhook.config.settings import MutationConfig
from webhook.mutation.mutate import account_name, mutate
from webhook.mutation.outcome import Injected, Refused

FOLDER: Final = Path(__file__).parent / "cases"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C is ten times as fast, where it is there."""
_KEYS: Final = {"why", "account", "config", "namespace", "pod", "api_server", "then"}
_THEN_KEYS: Final = {"pod", "unchanged", "refused", "order", "warnings", "audit"}
_ENVIRONMENT: Final = {
    "AZURE_TENANT_ID": TENANT,
    "PROXY_IMAGE": "registry.example/azwi-proxy:1",
    "PROXY_INIT_IMAGE": "registry.example/azwi-proxy-init:1",
}
"""What every case's webhook runs with, unless the case says otherwise."""


@dataclass(frozen=True)
class Case:
    """One file."""

    name: str
    content: Json

    @property
    def why(self) -> str:
        return str(self.content["why"])

    @property
    def pod(self) -> Json:
        """A fresh copy of the pod that is sent."""
        return copy.deepcopy(self.content["pod"])

    @property
    def then(self) -> Json:
        return self.content["then"]  # type: ignore[no-any-return]

    @property
    def namespace(self) -> str:
        return str(self.content.get("namespace", NAMESPACE))

    @property
    def accepted(self) -> bool:
        return "refused" not in self.then

    @property
    def expected_pod(self) -> Json:
        """The whole pod that has to come out of an accepted case."""
        return self.pod if self.then.get("unchanged") else copy.deepcopy(self.then["pod"])

    @property
    def skipped_on_the_api_server(self) -> str | None:
        """Why a real API server can't take the pod of this case; None: it has to."""
        return (self.content.get("api_server") or {}).get("skip-because")

    @cached_property
    def account(self) -> Account:
        """The ServiceAccount that the pod runs as."""
        written = self.content.get("account") or {}
        name = account_name(self.pod)
        if written.get("name", name) != name:
            raise ValueError(f"{self.name}: the pod runs as {name}, not as {written['name']}")
        return account_from(self.namespace, name, "41", written.get("annotations"))

    @cached_property
    def config(self) -> MutationConfig:
        return config_from(self.content.get("config") or {})

    def run(self) -> Injected | Refused:
        return mutate(self.pod, self.namespace, self.account, self.config)

    def applied(self, outcome: Injected) -> Json:
        """The pod after the outcome's operations, by a JSON patch library of somebody else's."""
        return jsonpatch.apply_patch(self.pod, outcome.operations)  # type: ignore[no-any-return]


def load(path: Path) -> Case:
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    then = content.get("then") or {}
    if unknown := (content.keys() - _KEYS) | (then.keys() - _THEN_KEYS):
        raise ValueError(f"{path.name}: unknown keys {sorted(unknown)}")
    return Case(path.stem, content)


def all_cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.yaml")):
        yield load(path)


def command_line(written: Json) -> tuple[list[str], dict[str, str]]:
    """The flags and variables that a case's configuration stands for, with what it leaves out."""
    flags = [f"{key}={value}" for key, value in written.items() if key.startswith("--")]
    variables = {key: str(value) for key, value in written.items() if key.isupper()}
    strange = [key for key in written if not key.startswith("--") and not key.isupper()]
    if strange not in ([], ["kubernetes"]):
        raise ValueError(f"neither flags nor variables: {strange}")
    return flags, {**_ENVIRONMENT, **variables}


def config_from(written: Json) -> MutationConfig:
    """The configuration that these flags and variables mean, beside that Kubernetes version."""
    config = parse_config(*command_line(written)).config.mutation
    minor = int(str(written.get("kubernetes", "1.36")).split(".")[1])
    return replace(config, proxy=replace(config.proxy, native_sidecar=minor >= 32))


def start_order(pod: Json) -> list[str]:
    """Names of the containers in the order in which kubelet starts them."""
    spec = pod["spec"]
    return [
        container["name"]
        for key in ("initContainers", "containers")
        for container in spec.get(key) or []
    ]
