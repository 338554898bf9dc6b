"""One field of the MutatingWebhookConfiguration is ours; whatever else others do there stays."""

import asyncio
import base64
import copy
from typing import Any

import pytest

from tests.webhook.certificates.replicas import Replicas, annotated
from tests.webhook.certificates.virtual_time import in_virtual_time
from webhook.certificates.configuration import bundle_in, with_bundle
from webhook.certificates.secret import ROTATE

Json = dict[str, Any]
OURS = "mutation.azure-workload-identity.io"
SELECTOR = {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}
"""What the Admissions Enforcer of AKS puts into the namespaceSelector of every webhook."""


def a_webhook(name: str, **more: Any) -> Json:
    return {"name": name, "clientConfig": {"caBundle": "b3RoZXI=", "url": "https://x"}, **more}


def drifted() -> Json:
    """A configuration that several hands were at."""
    webhooks = [
        a_webhook("before.example", namespaceSelector=SELECTOR),
        a_webhook(OURS, namespaceSelector=SELECTOR, fieldOfTomorrow={"a": [1]}),
        a_webhook("rev.namespace.sidecar-injector.istio.io", failurePolicy="Ignore"),
        a_webhook(f"x.{OURS}"),
        a_webhook(OURS.upper()),
    ]
    labels = {"admissions.enforcer/disabled": "true"}
    return {
        "metadata": {"name": "n", "labels": labels, "resourceVersion": "7"},
        "webhooks": webhooks,
    }


def test_only_the_bundle_of_the_webhook_of_our_name_is_written() -> None:
    before = drifted()
    sent = copy.deepcopy(before)
    after = with_bundle(before, OURS, b"new")
    assert before == sent, "the object that was read is not changed"
    expected = drifted()
    expected["webhooks"][1]["clientConfig"]["caBundle"] = base64.b64encode(b"new").decode()
    assert after == expected
    assert bundle_in(after, OURS) == b"new"


@pytest.mark.parametrize("webhooks", [None, [], [a_webhook("other.example")]])
def test_where_there_is_no_webhook_of_our_name_nothing_is_written(webhooks: Any) -> None:
    found = {"metadata": {"name": "n"}, "webhooks": webhooks}
    assert bundle_in(found, OURS) is None
    assert with_bundle(found, OURS, b"new")["webhooks"] == (webhooks or [])


@in_virtual_time
async def test_selectors_that_others_change_are_not_fought_and_outlive_a_rotation() -> None:
    async with Replicas() as replicas:
        replicas.api.add_configuration()
        await replicas.started("one")
        await replicas.started("two")
        await asyncio.sleep(100)

        def enforced(configuration: Json) -> Json:
            webhooks = [
                {**webhook, "namespaceSelector": SELECTOR} for webhook in configuration["webhooks"]
            ]
            return {**configuration, "webhooks": [*webhooks, a_webhook("istio.example")]}

        replicas.api.change(replicas.api.configuration_place, enforced)
        written = copy.deepcopy(replicas.api.configuration)
        await asyncio.sleep(3600)
        assert replicas.api.configuration == written, "nobody has touched it since"

        (old,) = replicas.published
        annotated(replicas, ROTATE, "ca")
        await asyncio.sleep(2 * 3600)
        assert old not in replicas.published
        after = replicas.api.configuration["webhooks"]
        for before, now in zip(written["webhooks"], after, strict=True):
            if now["name"] == OURS:
                assert now["clientConfig"].pop("caBundle") != before["clientConfig"].pop("caBundle")
            assert now == before
