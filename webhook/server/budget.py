"""How long a request may take: the API server says it in `?timeout=`, and gives up then."""

from typing import Final

from identity.durations import parse_go_duration
from webhook.server.ports import Scope

DEFAULT_TIMEOUT: Final = 10.0
"""What the API server waits when a registration does not say."""
LONGEST_TIMEOUT: Final = 30.0
"""What a registration may ask for at most."""
_SHARE: Final = 0.1
_MOST: Final = 0.5


def seconds_given(scope: Scope) -> float:
    """Return how long the whole handling may take, from the request's head to the answer.

    A tenth of the API server's time, half a second at most, is left for the way back.
    """
    timeout = DEFAULT_TIMEOUT
    for pair in scope["query_string"].split(b"&"):
        key, _, value = pair.partition(b"=")
        if key == b"timeout":
            given = parse_go_duration(value.decode("ascii", "replace").replace("%C2%B5", "µ"))
            timeout = given if given is not None and given > 0 else timeout
            break
    timeout = min(timeout, LONGEST_TIMEOUT)
    return timeout - min(timeout * _SHARE, _MOST)
