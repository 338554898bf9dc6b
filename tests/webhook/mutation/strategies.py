"""Pods that may come, and ones that never should: whatever a mutation is asked to look at."""

import copy
from typing import Any, TypeAlias

from hypothesis import strategies as st

from identity.account import Account, account_from
from identity.clouds import CLOUDS
from identity.names import (
    LEGACY_MOUNT_PATH,
    LEGACY_TOKEN_PATH,
    MOUNT_PATH,
    TOKEN_PATH,
    VOLUME_NAME,
    VOLUME_PREFIX,
)
from tests.builders import (
    ACCOUNT_NAME,
    NAMESPACE,
    TENANT,
    Json,
    a_config,
    a_proxy,
    an_endpoint,
)
from tests.webhook.mutation.odd_values import (
    account_annotations,
    anything,
    container_names,
    pod_annotations,
    unknown,
)
from webhook.config.settings import (
    CustomTokenEndpoint,
    MutationConfig,
    ProxySettings,
    TokenPathMode,
)

Review: TypeAlias = tuple[Json, str, Account, MutationConfig]

_variable_names = st.sampled_from(
    [
        "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_AUTHORITY_HOST",
        "AZURE_KUBERNETES_TOKEN_PROXY",
        "AZURE_KUBERNETES_CA_FILE",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        "PATH",
        "PROXY_PORT",
        "größe",
    ]
)
_variables = st.builds(
    lambda name, value, unknown: {**unknown, "name": name, **value},
    _variable_names,
    st.one_of(
        st.just({}),
        st.fixed_dictionaries({"value": st.text(max_size=4)}),
        st.just({"valueFrom": {"fileKeyRef": {"volumeName": "f", "path": "p", "key": "K"}}}),
    ),
    unknown,
)
_reserved = [VOLUME_NAME, VOLUME_PREFIX + "4b5e57f6eb2f42b9039b3d1e139292", VOLUME_PREFIX]
_volume_names = [*_reserved, "data", "azure-identity-token", "azure-workload-identity-"]
_mounts = st.builds(
    lambda name, path, more, unknown: {**unknown, "name": name, "mountPath": path, **more},
    st.sampled_from(_volume_names),
    st.sampled_from(
        [
            MOUNT_PATH,
            MOUNT_PATH + "/",
            "/" + MOUNT_PATH,
            MOUNT_PATH[1:],
            MOUNT_PATH + "/4b5e57f6",
            MOUNT_PATH + "der",
            LEGACY_MOUNT_PATH,
            LEGACY_MOUNT_PATH + "/.",
            "/data",
            "/var/run",
            "",
        ]
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "readOnly": st.sampled_from([True, False, None]),
            "subPath": st.sampled_from(["", "token", None]),
            "subPathExpr": st.sampled_from(["", "$(X)"]),
        },
    ),
    unknown,
)


def _maybe(items: st.SearchStrategy[list[Json]]) -> st.SearchStrategy[list[Json] | None]:
    return st.one_of(items, st.none())


_containers = st.builds(
    lambda unknown, lists, args: {**unknown, **lists, **args},
    unknown,
    st.fixed_dictionaries(
        {"image": st.just("i")},
        optional={
            "env": _maybe(st.lists(_variables, max_size=4)),
            "volumeMounts": _maybe(st.lists(_mounts, max_size=3)),
        },
    ),
    st.sampled_from(
        [{}, {"args": ["--proxy-port=1"]}, {"args": None}, {"restartPolicy": "Always"}]
    ),
)


def _token(path: str, audience: str = "api://AzureADTokenExchange", seconds: int = 3600) -> Json:
    return {
        "serviceAccountToken": {"audience": audience, "expirationSeconds": seconds, "path": path}
    }


_sources = st.one_of(
    st.sampled_from(
        [
            {"projected": {"sources": [_token(TOKEN_PATH)]}},
            {"projected": {"sources": [_token(TOKEN_PATH)], "defaultMode": 420}},
            {"projected": {"sources": [_token(TOKEN_PATH)], "defaultMode": 256}},
            {"projected": {"sources": [_token(LEGACY_TOKEN_PATH)], "defaultMode": 420}},
            {"projected": {"sources": [_token(TOKEN_PATH, "other", 7200), _token("mine")]}},
            {"projected": {"sources": [_token(TOKEN_PATH), _token(LEGACY_TOKEN_PATH)]}},
            {"projected": None},
            {"emptyDir": {}},
        ]
    ),
    st.fixed_dictionaries({"projected": anything}),
    st.fixed_dictionaries({"projected": st.fixed_dictionaries({"sources": anything})}),
    unknown,
)


@st.composite
def _named(
    draw: st.DrawFn, names: list[str], items: st.SearchStrategy[Json], least: int, most: int
) -> list[Json]:
    """Objects with names of which no two are the same."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True, min_size=least, max_size=most))
    return [{**draw(items), "name": name} for name in chosen]


_containers_of_both_kinds = st.tuples(
    _named(container_names, _containers, 1, 5), st.integers(0, 3), st.booleans()
)


@st.composite
def pods(draw: st.DrawFn) -> Json:
    """A pod with the types of a pod, if not always with the sense of one."""
    containers, split, leave_out = draw(_containers_of_both_kinds)
    lists = {"initContainers": containers[:split], "containers": containers[split:]}
    if leave_out:
        lists = {key: value for key, value in lists.items() if value}
    spec: Json = {
        **draw(unknown),
        **lists,
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "volumes": _maybe(_named(_volume_names, _sources, 0, 3)),
                    "hostNetwork": st.sampled_from([True, False, False, None]),
                    "serviceAccountName": st.sampled_from([ACCOUNT_NAME, "", None]),
                    "ephemeralContainers": st.just([{"name": "debugger", "env": None}]),
                },
            )
        ),
    }
    metadata: Json = draw(
        st.fixed_dictionaries(
            {"annotations": st.one_of(pod_annotations, pod_annotations, st.none())},
            optional={
                "namespace": st.sampled_from([NAMESPACE, "", None]),
                "name": st.text(max_size=5),
                "generateName": st.just("web-"),
                "fieldOfTomorrow": anything,
            },
        )
    )
    pod: Json = {**draw(unknown), "spec": spec}
    no_metadata: list[Json] = [{}, {"metadata": {}}, {"metadata": None}]
    return {**pod, **draw(st.sampled_from([*[{"metadata": metadata}] * 6, *no_metadata]))}


@st.composite
def broken_pods(draw: st.DrawFn) -> Json:
    """A pod in which something, anywhere, has another type."""
    pod = copy.deepcopy(draw(pods()))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(pod))
        parent, key = places[draw(st.integers(0, len(places) - 1))]
        parent[key] = draw(anything)
    return pod


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


accounts: st.SearchStrategy[Account] = st.builds(
    account_from,
    st.just(NAMESPACE),
    st.sampled_from([ACCOUNT_NAME, "default", "a-" * 120 + "a"]),
    st.sampled_from(["41", ""]),
    st.one_of(account_annotations, st.none()),
)

_endpoints: st.SearchStrategy[CustomTokenEndpoint | None] = st.sampled_from(
    [
        None,
        an_endpoint(),
        an_endpoint(token_proxy="", sni_name="tokens.example"),
        an_endpoint(ca_data="PEM"),
        an_endpoint(ca_config_map_name="ca", sni_name="tokens.example"),
        an_endpoint(ca_signer_name="example.com/ca"),
        an_endpoint(ca_signer_name="example.com/ca", ca_label_selector={"matchLabels": {"a": "b"}}),
    ]
)
_proxies: st.SearchStrategy[ProxySettings] = st.sampled_from(
    [
        a_proxy(),
        a_proxy(native_sidecar=False),
        a_proxy(native_sidecar=False, log_level="debug", resources={"limits": {"cpu": "1"}}),
        a_proxy(init_resources={"limits": {}}, security_context={}, init_security_context={"a": 1}),
        a_proxy(image=""),
        a_proxy(init_image=""),
        a_proxy(redirect=False, init_image=""),
        a_proxy(redirect=False, native_sidecar=False),
    ]
)
configs: st.SearchStrategy[MutationConfig] = st.builds(
    a_config,
    tenant_id=st.just(TENANT),
    authority_host=st.sampled_from([cloud.authority_host for cloud in CLOUDS]),
    audience=st.sampled_from(["api://AzureADTokenExchange", "other"]),
    mode=st.sampled_from(TokenPathMode),
    endpoint=_endpoints,
    proxy=_proxies,
)

namespaces = st.sampled_from([NAMESPACE, "payments", ""])

reviews: st.SearchStrategy[Review] = st.tuples(pods(), namespaces, accounts, configs)
broken_reviews: st.SearchStrategy[Review] = st.tuples(broken_pods(), namespaces, accounts, configs)
