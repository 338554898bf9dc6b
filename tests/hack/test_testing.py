"""What a test sees that wants a cluster where there is none."""

import pytest

from hack.cluster.testing import cluster_or_skip

NOWHERE = {"AZWI_CLUSTER_WAY": "assets", "AZWI_CACHE": "/nowhere"}


def test_it_is_skipped_and_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZWI_REQUIRE_CLUSTER", raising=False)
    with (
        pytest.raises(pytest.skip.Exception, match="KUBEBUILDER_ASSETS is not set"),
        cluster_or_skip(environment=NOWHERE),
    ):
        pass


def test_where_a_cluster_is_required_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZWI_REQUIRE_CLUSTER", "1")
    with (
        pytest.raises(pytest.fail.Exception, match=r"^AZWI_REQUIRE_CLUSTER=1, but no way to a"),
        cluster_or_skip(environment=NOWHERE),
    ):
        pass
