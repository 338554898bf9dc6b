"""Certificates for tests, made in this process: the CAs' keys are slow, so there are a few only."""

from datetime import timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from webhook.certificates.errors import IssuingFailed
from webhook.certificates.issuer import KeyPair, Made, Order
from webhook.certificates.making import (
    Pair,
    make_authority,
    make_authority_key,
    make_serving,
    moment,
)

NAME = "azure-wi-webhook-webhook-service.azure-workload-identity-system.svc"
DAY = 86400.0
YEAR = 365 * DAY


@cache
def ca_key(number: int) -> rsa.RSAPrivateKey:
    return make_authority_key()


def authority(number: int, now: float, life: float = 10 * YEAR) -> Pair:
    return make_authority(ca_key(number), moment(now), timedelta(seconds=life))


def leaf(signer: Pair, now: float, life: float = YEAR, names: tuple[str, ...] = (NAME,)) -> Pair:
    return make_serving(signer, names, moment(now), timedelta(seconds=life))


class QuickIssuer:
    """Makes what is ordered in this process, with CA keys that were made before."""

    def __init__(self, first_key: int = 0, keys: int = 6) -> None:
        self.orders: list[Order] = []
        self.fails: IssuingFailed | None = None
        self._first = first_key
        self._keys = keys
        self._made = 0

    async def make(self, order: Order) -> Made:
        if self.fails is not None:
            raise self.fails
        self.orders.append(order)
        made, signer = None, order.signer
        if order.authority_lifetime is not None:
            key = self._first + self._made % self._keys
            self._made += 1
            made = KeyPair(*authority(key, order.now, order.authority_lifetime))
            signer = signer or made
        if order.serving_lifetime is None:
            return Made(made)
        assert signer is not None
        pair = Pair(signer.certificate, signer.key)
        return Made(made, KeyPair(*leaf(pair, order.now, order.serving_lifetime, order.names)))
