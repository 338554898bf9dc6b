"""A representation may end in a log or a traceback: none holds a key."""

import dataclasses
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import pytest

from tests.webhook.certificates.keys import authority
from tests.webhook.certificates.replicas import START
from webhook import certificates, kube
from webhook.certificates.files import _Files
from webhook.certificates.issuer import KeyPair, Made, Order
from webhook.certificates.objects import Found
from webhook.certificates.secret import Contents, Notes
from webhook.certificates.steps import Change
from webhook.kube.kubeconfig import _Entry, _File

KEY = authority(0, START).key
SECRET = {"data": {"tls.key": KEY.decode()}}
PAIR = KeyPair(b"", KEY)
HOLDING = [
    PAIR,
    Order(START, signer=PAIR),
    Made(PAIR, PAIR),
    Contents(signer=PAIR, upcoming_pair=PAIR),
    Change({"tls.key": KEY}, Notes()),
    Found(None, SECRET),
    _Files(b"", KEY, b""),
    _Entry(Path("config"), "the user", SECRET),
    _File(Path("config"), SECRET),
]
MAY_HOLD_KEYS = ("bytes", "Json", "Any", "dict[str, str]", "KeyPair", "Secret")
PUBLIC = {
    "KeyPair.certificate",
    "Contents.bundle_pem",
    "Contents.signer",
    "Contents.upcoming_pair",
    "Observed.published",
    "Order.signer",
    "Made.authority",
    "Made.serving",
    "Found.configuration",
    "_Files.certificate",
    "_Files.ca",
}
"""Certificates, and pairs, which hide their keys themselves."""


@pytest.mark.parametrize("holding", HOLDING, ids=lambda one: type(one).__name__)
def test_no_key_is_in_a_representation(holding: Any) -> None:
    line = KEY.decode().splitlines()[1]
    assert line not in repr(holding)
    assert line in str([getattr(holding, each.name) for each in dataclasses.fields(holding)]) or (
        PAIR in [getattr(holding, each.name) for each in dataclasses.fields(holding)]
    )


def test_every_field_that_may_hold_one_is_looked_at() -> None:
    """A new field of bytes or JSON is hidden, or listed here as public."""
    shown = set()
    for package in (certificates, kube):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for kind in vars(importlib.import_module(module.name)).values():
                if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                    shown |= {
                        f"{kind.__name__}.{each.name}"
                        for each in dataclasses.fields(kind)
                        if each.repr and any(word in str(each.type) for word in MAY_HOLD_KEYS)
                    }
    assert shown == PUBLIC
