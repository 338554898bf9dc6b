"""Values that people, and machines, write where others were expected."""

from typing import Any

from hypothesis import strategies as st

from identity.names import ACCOUNT_ANNOTATIONS, POD_ANNOTATIONS, PREFIX
from tests.builders import CLIENT, ENDPOINT_ANNOTATION

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(["true", "~0~1/", "\n", "\0", "🌍", "٣"]),
)
anything: st.SearchStrategy[Any] = st.one_of(
    _scalars,
    st.lists(_scalars, max_size=3),
    st.dictionaries(
        st.sampled_from(["name", "a/b", "~", "", "value", "path"]), _scalars, max_size=3
    ),
)
"""JSON of every type."""

unknown = st.one_of(
    st.just({}),
    st.dictionaries(st.sampled_from(["fieldOfTomorrow", "x~/y", "Ω", ""]), anything, max_size=2),
)
"""Fields that no Kubernetes has yet."""

_odd_integers = st.one_of(
    st.sampled_from(
        [
            "",
            "3600",
            "+7200",
            "0086400",
            "3599",
            "86401",
            "-3600",
            " 3600",
            "36_00",
            "٣٦٠٠",
            "1e4",
            "0x1000",
            "+",
            "-",
            "8000",
            "1",
            "0",
            "65535",
            "65536",
            "4294967297",
            "9999999999999999999",
            "9999999999999999999999999999999999999999",
        ]
    ),
    st.integers(3000, 90000).map(str),
    st.text(max_size=6),
)
_expirations = st.one_of(
    st.sampled_from(["", "3600", "+7200", "0086400"]),
    st.integers(3600, 86400).map(str),
    st.integers(3600, 86400).map("+0{}".format),
    _odd_integers,
)
_ports = st.one_of(
    st.sampled_from(["1", "65535", "+8080", "008000"]),
    st.integers(1, 65535).map(str),
    _odd_integers,
)
_yes_or_no = st.sampled_from(["true", "True", "TRUE", "false", "FALSE", "", "yes", "1", " true"])
container_names = ["app", "sidecar", "logs", "azwi-proxy", "azwi-proxy-init", "größe", "a" * 80]
_names = st.lists(st.sampled_from(container_names), min_size=2, max_size=4).map(" ; ".join)


def _annotations(known: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, str]]:
    odd_keys = st.one_of(
        st.sampled_from(
            ["example.com/x", PREFIX + "use", PREFIX + "use-other", PREFIX + "cleint-id"]
        ),
        st.sampled_from(sorted(ACCOUNT_ANNOTATIONS | POD_ANNOTATIONS)),
        st.text(max_size=90).map(PREFIX.__add__),
    )
    return st.builds(
        lambda odd, usual: {**odd, **usual},
        st.dictionaries(odd_keys, st.text(max_size=4), max_size=2),
        st.fixed_dictionaries({}, optional=known),
    )


pod_annotations = _annotations(
    {
        PREFIX + "service-account-token-expiration": _expirations,
        PREFIX + "skip-containers": st.one_of(st.sampled_from(container_names), _names),
        PREFIX + "inject-proxy-sidecar": _yes_or_no,
        PREFIX + "proxy-sidecar-port": _ports,
        PREFIX + "proxy-redirect": _yes_or_no,
        ENDPOINT_ANNOTATION: _yes_or_no,
    }
)
account_annotations = _annotations(
    {
        PREFIX + "client-id": st.one_of(st.just(CLIENT), st.text(max_size=150)),
        PREFIX + "tenant-id": st.sampled_from(["", "9" * 8, "t"]),
        PREFIX + "service-account-token-expiration": _expirations,
        PREFIX + "identity-resource-id": st.sampled_from(["", "", "", "/subscriptions/s"]),
    }
)
