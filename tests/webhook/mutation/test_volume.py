"""Our volume: added, left alone, or taken over in its place."""

import pytest

from identity.names import VOLUME_NAME, VOLUME_PREFIX
from tests.builders import Json, a_config, a_pod, an_endpoint
from tests.webhook.mutation.running import Mutated, mutated
from webhook.config.settings import TokenPathMode


def a_token(path: str = "token/azure-identity-token", **more: object) -> Json:
    token = {"audience": "api://AzureADTokenExchange", "expirationSeconds": 3600, "path": path}
    return {"serviceAccountToken": {**token, **more}}


def a_volume(*sources: Json, name: str = VOLUME_NAME, **more: object) -> Json:
    return {"name": name, "projected": {"sources": list(sources or [a_token()]), **more}}


def volumes_after(*volumes: Json, **config: object) -> list[Json]:
    after = mutated(a_pod(volumes=list(volumes)), config=a_config(**config))  # type: ignore[arg-type]
    return after.pod["spec"]["volumes"]  # type: ignore[no-any-return]


def replaced(after: Mutated) -> list[str]:
    return [one["path"] for one in after.operations if one["path"].startswith("/spec/volumes")]


def test_it_is_the_last_volume() -> None:
    others = [{"name": "b", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]
    assert volumes_after(*others) == [*others, a_volume()]


@pytest.mark.parametrize("more", [{}, {"defaultMode": 420}])
def test_one_that_is_right_is_left_alone(more: Json) -> None:
    assert replaced(mutated(a_pod(volumes=[a_volume(**more)]))) == []


@pytest.mark.parametrize(
    "volume",
    [
        a_volume(a_token(expirationSeconds=7200)),
        a_volume(a_token(audience="other")),
        a_volume(a_token(), a_token()),
        a_volume(defaultMode=256),
        a_volume(defaultMode=None),
        a_volume(future=1),
        {**a_volume(), "future": 1},
        {"name": VOLUME_NAME},
        {"name": VOLUME_NAME, "emptyDir": {}},
        {"name": VOLUME_NAME, "projected": None},
        {"name": VOLUME_NAME, "projected": []},
        {"name": VOLUME_NAME, "projected": {"sources": None}},
        {"name": VOLUME_NAME, "projected": {"sources": "x"}},
        {"name": VOLUME_NAME, "projected": {"sources": [None, 1, {}, {"serviceAccountToken": 1}]}},
        {"name": VOLUME_NAME, "projected": {"sources": [{"serviceAccountToken": {"path": {}}}]}},
    ],
)
def test_one_that_is_not_is_written_anew_in_its_place(volume: Json) -> None:
    first, last = {"name": "first", "emptyDir": {}}, {"name": "last", "emptyDir": {}}
    assert volumes_after(first, volume, last) == [first, a_volume(), last]


def test_each_of_several_is_kept_true() -> None:
    stale = a_token(expirationSeconds=7200)
    one, other = VOLUME_PREFIX + "1", VOLUME_PREFIX + "2"
    pod = a_pod(volumes=[a_volume(stale, name=one), a_volume(name=other)])
    after = mutated(pod)
    assert after.pod["spec"]["volumes"] == [a_volume(name=one), a_volume(name=other)]
    assert replaced(after) == ["/spec/volumes/0"]


@pytest.mark.parametrize(
    "name", ["azure-workload-identity-reserved", "azure-identity-token", "my-" + VOLUME_NAME]
)
def test_a_name_without_the_prefix_is_somebody_elses(name: str) -> None:
    assert volumes_after(a_volume(name=name)) == [a_volume(name=name), a_volume()]


@pytest.mark.parametrize(
    ("mode", "promised", "files"),
    [
        (TokenPathMode.CURRENT, ["azure-identity-token"], ["token/azure-identity-token", 0]),
        (TokenPathMode.LEGACY, ["token/azure-identity-token"], ["azure-identity-token", 0]),
        (TokenPathMode.CURRENT, ["mine"], ["token/azure-identity-token"]),
        (
            TokenPathMode.BOTH,
            ["azure-identity-token", "token/azure-identity-token"],
            ["token/azure-identity-token", "azure-identity-token"],
        ),
    ],
)
def test_a_path_that_an_earlier_pass_promised_stays_with_the_token_of_now(
    mode: TokenPathMode, promised: list[str], files: list[str | int]
) -> None:
    """0 stands for the promised path."""
    stale = [a_token(path, expirationSeconds=7200) for path in promised]
    [volume] = volumes_after(a_volume(*stale), mode=mode)
    assert volume == a_volume(*[a_token(str(file or promised[0])) for file in files])


def test_the_custom_token_endpoint_has_its_own_audience_and_ca() -> None:
    endpoint = an_endpoint(
        ca_signer_name="example.com/ca", ca_label_selector={"matchLabels": {"a": "b"}}
    )
    asked = mutated(
        a_pod(annotations={"use-identity-binding": "true"}), config=a_config(endpoint=endpoint)
    )
    bundle = {
        "signerName": "example.com/ca",
        "labelSelector": {"matchLabels": {"a": "b"}},
        "path": "ca-cert/ca.crt",
        "optional": False,
    }
    assert asked.pod["spec"]["volumes"] == [
        a_volume(a_token(audience="api://AKSIdentityBinding"), {"clusterTrustBundle": bundle})
    ]
    not_asked = mutated(a_pod(), config=a_config(endpoint=endpoint))
    assert not_asked.pod["spec"]["volumes"] == [a_volume()]


@pytest.mark.parametrize("volumes", [None, []])
def test_no_list_of_volumes_is_as_good_as_an_empty_one(volumes: list[Json] | None) -> None:
    assert mutated(a_pod(volumes=volumes)).pod["spec"]["volumes"] == [a_volume()]
