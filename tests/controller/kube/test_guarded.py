"""Who may not change anything any more sends nothing that does."""

import pytest

from controller.kube import Kube, paths
from controller.lease import NotLeading
from tests.controller.kube.server import Server

FIC = paths.fic("shop", "payments")
TOKEN = paths.token_request("shop", "payments")


def no_longer() -> None:
    raise NotLeading("nothing is written: the Lease is over")


async def test_nothing_is_changed(kube: Kube, server: Server) -> None:
    guarded = kube.guarded(no_longer)
    for change in (
        guarded.create(paths.fics("shop"), {}),
        guarded.replace(FIC, {}),
        guarded.merge(FIC, {}),
        guarded.json_patch(FIC, []),
        guarded.delete(FIC),
    ):
        with pytest.raises(NotLeading):
            await change
    assert not server.asked


async def test_reading_and_asking_go_on(kube: Kube, server: Server) -> None:
    guarded = kube.guarded(no_longer)
    await guarded.get(FIC)
    await guarded.create(paths.SUBJECT_ACCESS_REVIEWS, {})
    await guarded.create(TOKEN, {})
    assert len(server.asked) == 3


async def test_the_other_one_goes_on(kube: Kube, server: Server) -> None:
    kube.guarded(no_longer)
    await kube.merge(FIC, {})
    assert len(server.asked) == 1
