"""Running a mutation in a test, and looking at what comes out."""

from dataclasses import dataclass

import jsonpatch

from identity.account import Account
from tests.builders import NAMESPACE, Json, a_config, an_account
from webhook.config.settings import MutationConfig
from webhook.mutation.mutate import mutate
from webhook.mutation.outcome import Injected, Operation, Refused, Warn


@dataclass(frozen=True)
class Mutated:
    """A pod that was let in, after its operations."""

    pod: Json
    operations: list[Operation]
    warnings: list[Warn]
    audit: dict[str, str]

    def container(self, name: str) -> Json:
        spec = self.pod["spec"]
        everybody = (spec.get("initContainers") or []) + (spec.get("containers") or [])
        [found] = [container for container in everybody if container["name"] == name]
        return found  # type: ignore[no-any-return]

    def variable(self, name: str, container: str = "app") -> str:
        env = self.container(container)["env"]
        [value] = [variable["value"] for variable in env if variable["name"] == name]
        return str(value)

    def names(self, key: str) -> list[str]:
        """Names of what is in a list of the spec."""
        return [item["name"] for item in self.pod["spec"].get(key) or []]

    @property
    def messages(self) -> list[str]:
        return [warning.message for warning in self.warnings]


def mutated(
    pod: Json,
    *,
    account: Account | None = None,
    config: MutationConfig | None = None,
    namespace: str = NAMESPACE,
) -> Mutated:
    """Run a mutation that has to go well."""
    outcome = mutate(pod, namespace, account or an_account(), config or a_config())
    assert isinstance(outcome, Injected), outcome.message
    return Mutated(
        jsonpatch.apply_patch(pod, outcome.operations),
        outcome.operations,
        outcome.warnings,
        outcome.audit,
    )


def refusal(
    pod: Json, *, account: Account | None = None, config: MutationConfig | None = None
) -> list[str]:
    """Run a mutation that has to be refused; return its faults in words."""
    outcome = mutate(pod, NAMESPACE, account or an_account(), config or a_config())
    assert isinstance(outcome, Refused)
    return [str(fault) for fault in outcome.faults]
