"""The real server with one fault built in, to see that the fuzzer finds just that.

    python -m hack.fuzz --break hangs --count 500 --patience 3

The fault shows in sound reviews whose uid begins with a certain digit: one in sixteen.
"""

import asyncio
import base64
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import orjson

from webhook import __main__ as program
from webhook import run
from webhook.server.admission import Admission
from webhook.server.ports import App, Message, Receive, Scope, Send
from webhook.server.rejection import send_json

_MARK: Final = "a"
_LEAK: Final = 4 * 1024 * 1024
_kept: Final[list[bytes]] = []

Json: TypeAlias = dict[str, Any]
Fault: TypeAlias = Callable[[Json, Send], Awaitable[bool]]
"""Is given a marked review; tells whether it has answered it."""


async def _answers_500(_: Json, send: Send) -> bool:
    await send_json(send, 500, b"oh no")
    return True


async def _shows_a_traceback(_: Json, send: Send) -> bool:
    words = b'Traceback (most recent call last): File "webhook/run.py", line 1, in <module>'
    await send_json(send, 400, words)
    return True


async def _hangs(*_: object) -> bool:
    await asyncio.Event().wait()
    return True


async def _mixes_up_uids(review: Json, send: Send) -> bool:
    await _allow(send, review, uid="another")
    return True


async def _takes_a_volume_away(review: Json, send: Send) -> bool:
    patch = [{"op": "replace", "path": "/spec/volumes", "value": [{"name": "ours"}]}]
    await _allow(send, review, patch=patch)
    return True


async def _gives_a_secret_away(review: Json, send: Send) -> bool:
    env = orjson.dumps(review["request"]["object"]["spec"]["containers"]).decode()
    await _allow(send, review, warnings=[env[env.find("PASSWORD") :][:100]])
    return True


async def _leaks_memory(*_: object) -> bool:
    _kept.append(b"x" * _LEAK)
    return False


async def _logs_secrets(review: Json, _: Send) -> bool:
    env = review["request"]["object"]["spec"]["containers"][0]["env"]
    line = {"timestamp": "", "level": "info", "message": "a pod", "env": env[-1]}
    sys.stderr.write(orjson.dumps(line).decode() + "\n")
    return False


async def _logs_text(*_: object) -> bool:
    sys.stderr.write("something happened\n")
    return False


FAULTS: Final[dict[str, Fault]] = {
    "answers-500": _answers_500,
    "shows-a-traceback": _shows_a_traceback,
    "hangs": _hangs,
    "mixes-up-uids": _mixes_up_uids,
    "takes-a-volume-away": _takes_a_volume_away,
    "gives-a-secret-away": _gives_a_secret_away,
    "leaks-memory": _leaks_memory,
    "logs-secrets": _logs_secrets,
    "logs-text": _logs_text,
}


async def _allow(send: Send, review: Json, **response: Any) -> None:
    if "patch" in response:
        response["patch"] = base64.b64encode(orjson.dumps(response["patch"])).decode()
        response["patchType"] = "JSONPatch"
    answer = {
        "apiVersion": review["apiVersion"],
        "kind": review["kind"],
        "response": {"uid": review["request"]["uid"], "allowed": True, **response},
    }
    await send_json(send, 200, orjson.dumps(answer))


def broken(admission: App, fault: Fault) -> App:
    """Put the fault in front of the real application."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        review = _marked(message)
        if review is None or not await fault(review, send):
            await admission(scope, _starting_with(message, receive), send)

    return app


def _starting_with(message: Message, receive: Receive) -> Receive:
    left = [message]

    async def next_message() -> Message:
        return left.pop() if left else await receive()

    return next_message


def _marked(message: Message) -> Json | None:
    """Return a review that is whole and has the mark, of a pod that has what the faults need."""
    if message["type"] != "http.request" or message.get("more_body"):
        return None
    try:
        review = orjson.loads(message["body"])
        spec = review["request"]["object"]["spec"]
        whole = bool(spec["volumes"]) and bool(spec["containers"][0]["env"])
        return review if whole and review["request"]["uid"].startswith(_MARK) else None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def main(name: str, arguments: list[str]) -> int:
    """Run the webhook with that fault."""

    def build(*args: Any, **kwargs: Any) -> App:
        return broken(Admission(*args, **kwargs), FAULTS[name])

    setattr(run, "Admission", build)  # noqa: B010 - the seam of this one experiment
    return program.main(arguments, os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
