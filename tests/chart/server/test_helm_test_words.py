"""What the program of `helm test` makes of pods, beginning with what the real webhook makes."""

import importlib.util
import sys
from collections.abc import Callable
from copy import deepcopy
from types import ModuleType

import jsonpatch
import pytest

from identity.names import LEGACY_MOUNT_PATH, LEGACY_TOKEN_PATH, MOUNT_PATH, TOKEN_PATH
from tests.builders import CLIENT, TENANT, Json, a_config, an_account
from tests.chart.helm import CHART
from webhook.config.settings import TokenPathMode
from webhook.mutation.mutate import mutate
from webhook.mutation.outcome import Injected

AUDIENCE = "api://AzureADTokenExchange"
Change = Callable[[Json, Json], object]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    path = CHART / "files" / "helm_test.py"
    spec = importlib.util.spec_from_file_location("helm_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["helm_test"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def faults(program: ModuleType) -> Callable[..., list[str]]:
    """Lets the webhook change the program's pod, then a test, and returns the program's words."""

    def found(
        change: Change = lambda spec, container: None, mode: TokenPathMode = TokenPathMode.CURRENT
    ) -> list[str]:
        pod = program.a_pod("account", labelled=True)
        outcome = mutate(pod, "demo", an_account(), a_config(mode=mode))
        assert isinstance(outcome, Injected)
        pod = deepcopy(jsonpatch.apply_patch(pod, outcome.operations))
        (container,) = pod["spec"]["containers"]
        change(pod["spec"], container)
        expected = program.Expected("demo", "account", CLIENT, TENANT, AUDIENCE)
        return list(program.faults_of(pod, expected))

    return found


@pytest.mark.parametrize("mode", TokenPathMode)
def test_what_the_webhook_makes_has_no_fault(
    faults: Callable[..., list[str]], mode: TokenPathMode
) -> None:
    assert faults(mode=mode) == []


def test_a_sidecar_of_somebody_elses_before_ours_is_none_either(
    faults: Callable[..., list[str]],
) -> None:
    assert faults(lambda spec, container: spec["containers"].insert(0, {"name": "mesh"})) == []


NO_TOKEN = (
    "there is no volume azure-workload-identity-reserved-... with a projected token; expected one"
)
FILE_ELSEWHERE = (
    f'AZURE_FEDERATED_TOKEN_FILE is "{MOUNT_PATH}/{TOKEN_PATH}"; expected where the token is:'
)
FAULTS: dict[str, tuple[Change, str]] = {
    "a volume without a token": (
        lambda spec, container: spec["volumes"][0]["projected"]["sources"].clear(),
        NO_TOKEN,
    ),
    "no volume": (lambda spec, container: spec["volumes"].clear(), NO_TOKEN),
    "a token for somebody else": (
        lambda spec, container: source(spec).update(audience="other"),
        f'the token {TOKEN_PATH} is for the audience "other"; expected "{AUDIENCE}"',
    ),
    "no mount": (
        lambda spec, container: container["volumeMounts"].clear(),
        "the volume with the token is mounted nowhere; expected a mount in the container",
    ),
    "a mount that can be written to": (
        lambda spec, container: container["volumeMounts"][0].update(readOnly=False),
        f"the mount {MOUNT_PATH} can be written to; expected readOnly",
    ),
    "a mount elsewhere": (
        lambda spec, container: container["volumeMounts"][0].update(mountPath=LEGACY_MOUNT_PATH),
        f"{FILE_ELSEWHERE} {LEGACY_MOUNT_PATH}/{TOKEN_PATH}",
    ),
    "a token elsewhere in the volume": (
        lambda spec, container: source(spec).update(path=LEGACY_TOKEN_PATH),
        f"{FILE_ELSEWHERE} {MOUNT_PATH}/{LEGACY_TOKEN_PATH}",
    ),
    "another identity": (
        lambda spec, container: variable(container, "AZURE_CLIENT_ID").update(value="other"),
        f'AZURE_CLIENT_ID is "other"; expected "{CLIENT}"',
    ),
    "another tenant": (
        lambda spec, container: variable(container, "AZURE_TENANT_ID").update(value="other"),
        f'AZURE_TENANT_ID is "other"; expected "{TENANT}"',
    ),
    "a plain-text authority": (
        lambda spec, container: variable(container, "AZURE_AUTHORITY_HOST").update(
            value="http://x"
        ),
        'AZURE_AUTHORITY_HOST is "http://x"; expected an https address',
    ),
}


def source(spec: Json) -> Json:
    token: Json = spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]
    return token


def variable(container: Json, name: str) -> Json:
    found: Json = next(one for one in container["env"] if one["name"] == name)
    return found


@pytest.mark.parametrize("what", FAULTS)
def test_it_says_what_it_found_and_what_it_expected(
    faults: Callable[..., list[str]], what: str
) -> None:
    change, words = FAULTS[what]
    assert faults(change) == [words]


def test_each_variable_that_is_missing_is_named(faults: Callable[..., list[str]]) -> None:
    words = faults(lambda spec, container: container.pop("env"))
    assert [line.partition(" is not there; expected ")[0] for line in words] == [
        "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID",
        "AZURE_AUTHORITY_HOST",
        "AZURE_FEDERATED_TOKEN_FILE",
    ]


class TestAnAnswer:
    """Of the API server's: whether it is worth another try."""

    class Api:
        def __init__(self, *answers: object) -> None:
            self.answers = list(answers)

        def create_pod(self, namespace: str, pod: Json) -> object:
            return self.answers.pop(0)

    @pytest.mark.parametrize("status", [500, 503, 504])
    def test_of_a_webhook_that_is_not_there_yet_is(self, program: ModuleType, status: int) -> None:
        expected = program.Expected("demo", "account", CLIENT, TENANT, AUDIENCE)
        api = self.Api(program.Answer(status, {"message": "no endpoints"}))
        with pytest.raises(program.Undecided, match="no endpoints"):
            program.check(api, expected)

    @pytest.mark.parametrize("status", [400, 401, 403, 422])
    def test_of_one_that_refuses_is_not(self, program: ModuleType, status: int) -> None:
        expected = program.Expected("demo", "account", CLIENT, TENANT, AUDIENCE)
        api = self.Api(program.Answer(status, {"message": "because"}))
        with pytest.raises(program.Failed, match="because") as failed:
            program.check(api, expected)
        assert not isinstance(failed.value, program.Undecided)

    def test_that_changes_a_pod_without_the_label_is_a_fault(self, program: ModuleType) -> None:
        pod = program.a_pod("account", labelled=True)
        outcome = mutate(pod, "demo", an_account(), a_config())
        assert isinstance(outcome, Injected)
        changed = program.Answer(201, jsonpatch.apply_patch(pod, outcome.operations))
        expected = program.Expected("demo", "account", CLIENT, TENANT, AUDIENCE)
        with pytest.raises(program.Failed, match="was changed; expected it as it was sent"):
            program.check(self.Api(changed, changed), expected)
