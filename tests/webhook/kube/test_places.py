import pytest

from webhook.kube import MUTATING_WEBHOOKS, SECRETS, SERVICE_ACCOUNTS, VERSION, Resource


def test_paths_are_those_of_the_api() -> None:
    assert SECRETS.all("a").path == "/api/v1/namespaces/a/secrets"
    assert SECRETS.named("s", "a").path == "/api/v1/namespaces/a/secrets/s"
    assert SERVICE_ACCOUNTS.all().path == "/api/v1/serviceaccounts"
    assert (
        SERVICE_ACCOUNTS.named("b", "a", "token").path
        == "/api/v1/namespaces/a/serviceaccounts/b/token"
    )
    assert (
        MUTATING_WEBHOOKS.named("w").path
        == "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/w"
    )


def test_a_name_can_not_lead_elsewhere() -> None:
    assert SECRETS.named("../x?a=b#c", "a/b").path == (
        "/api/v1/namespaces/a%2Fb/secrets/..%2Fx%3Fa%3Db%23c"
    )


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_is_a_step_in_the_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no object is named"):
        SECRETS.named(name, "a")


def test_a_rule_says_what_grants_a_verb_and_where() -> None:
    assert SERVICE_ACCOUNTS.all().rule("list") == (
        '{apiGroups: [""], resources: ["serviceaccounts"], verbs: ["list"]} in a ClusterRole'
    )
    assert SECRETS.named("s", "azwi").rule("update") == (
        '{apiGroups: [""], resources: ["secrets"], resourceNames: ["s"], verbs: ["update"]}'
        " in a ClusterRole, or in a Role of namespace azwi"
    )
    assert "resourceNames" not in SERVICE_ACCOUNTS.named("b", "a").rule("get")
    assert 'resources: ["serviceaccounts/token"]' in SERVICE_ACCOUNTS.named("b", "a", "token").rule(
        "create"
    )
    assert 'apiGroups: ["apps"]' in Resource("deployments", "apps").all().rule("watch")
    assert VERSION.rule("get") == '{nonResourceURLs: ["/version"], verbs: ["get"]} in a ClusterRole'


def test_a_rule_for_one_object_is_limited_to_its_name_where_that_can_be() -> None:
    watch = MUTATING_WEBHOOKS.watched("w")
    assert watch.path == MUTATING_WEBHOOKS.all().path
    assert 'resourceNames: ["w"], verbs: ["watch"]' in watch.rule("watch")
    assert "resourceNames" not in SECRETS.all("a").rule("create")
    assert "resourceNames" not in SECRETS.named("s", "a").rule("create")
