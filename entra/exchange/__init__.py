"""Exchange of a ServiceAccount's token for an access token, as a pod's SDK does it."""

from entra.client_credentials import Application
from entra.exchange.claims import Claims, claims_of
from entra.exchange.exchanger import Assertion, Exchanged, Exchanger

__all__ = ["Application", "Assertion", "Claims", "Exchanged", "Exchanger", "claims_of"]
