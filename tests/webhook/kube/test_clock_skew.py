import time
from email.utils import formatdate

import pytest

from tests.fakes.kube_api import Answer, FakeKubeApi
from webhook.kube import SECRETS, Forbidden, KubeClient
from webhook.kube.clock_skew import skew_of

PLACE = SECRETS.named("s", "azwi")
NOW = 1_800_000_000.0


def test_it_is_our_time_without_the_servers() -> None:
    assert skew_of("Fri, 15 Jan 2027 08:00:00 GMT", None, lambda: NOW) == 0.0
    assert skew_of("Fri, 15 Jan 2027 07:50:00 GMT", None, lambda: NOW) == 600.0
    assert skew_of("Fri, 15 Jan 2027 08:10:00 -0000", 7.0, lambda: NOW) == -600.0


@pytest.mark.parametrize(
    "date", [None, "", "soon", "Fri, 99 Jan 2027 08:00:00 GMT", "Fri, 15 Jan 2027 25:00:00 GMT"]
)
def test_without_a_date_what_was_known_stands(date: str | None) -> None:
    assert skew_of(date, None, lambda: NOW) is None
    assert skew_of(date, 7.0, lambda: NOW) == 7.0


async def test_a_client_takes_it_from_every_answer(api: FakeKubeApi, client: KubeClient) -> None:
    api.put("secrets", {"metadata": {"name": "s", "namespace": "azwi"}})
    await client.get(PLACE)
    assert client.clock_skew is None  # the fake says no date
    early = {"Date": formatdate(time.time() - 1000, usegmt=True)}
    api.fail(Answer(403, b"{}", headers=early))
    with pytest.raises(Forbidden):
        await client.get(PLACE)
    assert client.clock_skew == pytest.approx(1000, abs=100)
    await client.get(PLACE)
    assert client.clock_skew == pytest.approx(1000, abs=100)
