"""The optional admission policies, as they are rendered."""

import re
from typing import Any

import pytest

from identity.names import ACCOUNT_ANNOTATIONS, DEFAULT_AUDIENCE, POD_ANNOTATIONS, PREFIX
from tests.chart.helm import NAMESPACE, template

Json = dict[str, Any]

ID = "7d2f4a5e-3c1b-4f0e-9a67-5b8c2d1e0f34"
PROBING: Json = {"controller": {"enabled": True, "clientId": ID, "probe": {"namespaces": ["shop"]}}}
ALL: Json = {
    **PROBING,
    "policies": {
        "annotationNeedsGrant": {"enabled": True},
        "misspeltAnnotations": {"enabled": True},
    },
}
MISSPELT = ("azwi-misspelt-annotations", "azwi-misspelt-account-annotations")


def of_kind(kind: str, namespace: str = NAMESPACE, **values: Any) -> dict[str, Json]:
    rendered = template(values={"azureTenantID": ID, **values}, namespace=namespace)
    return {one["metadata"]["name"]: one["spec"] for one in rendered if one["kind"] == kind}


def policies(namespace: str = NAMESPACE, **values: Any) -> dict[str, Json]:
    return of_kind("ValidatingAdmissionPolicy", namespace, **values)


@pytest.mark.parametrize("policy", MISSPELT)
def test_the_policy_knows_the_names_that_the_webhook_and_the_controller_know(policy: str) -> None:
    """Or it would warn of a good one, and be silent about another."""
    variables = {one["name"]: one["expression"] for one in policies(**ALL)[policy]["variables"]}
    for variable, names in (("ofPods", POD_ANNOTATIONS), ("ofAccounts", ACCOUNT_ANNOTATIONS)):
        listed = re.findall(r"'([^']+)'", variables[variable])
        assert listed == sorted(name.removeprefix(PREFIX) for name in names)


def test_what_is_cut_off_is_the_prefix() -> None:
    for policy in MISSPELT:
        text = str(policies(**ALL)[policy])
        assert set(re.findall(r"key\.substring\((\d+)\)", text)) == {str(len(PREFIX))}


def test_none_is_there_unless_asked_for() -> None:
    assert policies() == {}
    assert set(policies(**PROBING)) == {"azwi-controller-probe"}
    assert set(policies(policies=ALL["policies"])) == {"azwi-annotation-needs-grant", *MISSPELT}


def test_only_those_that_guard_something_refuse() -> None:
    actions = {
        name: spec["validationActions"]
        for name, spec in of_kind("ValidatingAdmissionPolicyBinding", **ALL).items()
    }
    assert actions == {
        "azwi-controller-probe": ["Deny"],
        "azwi-annotation-needs-grant": ["Deny"],
        **{name: ["Warn", "Audit"] for name in MISSPELT},
    }
    failing = {name: spec["failurePolicy"] for name, spec in policies(**ALL).items()}
    assert failing == {
        "azwi-controller-probe": "Fail",
        "azwi-annotation-needs-grant": "Ignore",
        **dict.fromkeys(MISSPELT, "Ignore"),
    }


@pytest.mark.parametrize(
    ("audience", "expected"), [("", DEFAULT_AUDIENCE), ("api://Other", "api://Other")]
)
def test_the_probes_policy_lets_the_controllers_audience_pass(audience: str, expected: str) -> None:
    spec = policies(audience=audience, **PROBING)["azwi-controller-probe"]
    (rule,) = [one for one in spec["validations"] if "audiences" in one["expression"]]
    assert rule["expression"].endswith(f"object.spec.audiences == ['{expected}']")
    (controller,) = [
        one
        for one in template(values={"azureTenantID": ID, "audience": audience, **PROBING})
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "azwi-controller"
    ]
    assert (
        f"--audience={expected}" in controller["spec"]["template"]["spec"]["containers"][0]["args"]
    )


@pytest.mark.parametrize("namespace", [NAMESPACE, "elsewhere"])
def test_the_probes_policy_is_about_the_releases_own_controller(namespace: str) -> None:
    """Another one, in another namespace, goes by its own."""
    spec = policies(namespace, **PROBING)["azwi-controller-probe"]
    (condition,) = spec["matchConditions"]
    user = f"system:serviceaccount:{namespace}:azwi-controller"
    assert condition["expression"] == f"request.userInfo.username == '{user}'"
