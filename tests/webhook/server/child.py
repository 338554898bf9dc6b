"""A process that serves, for tests of its end: `python -m tests.webhook.server.child SETTINGS`.

SETTINGS is JSON: `folder` with `tls.pem`, and fields of ServerConfig. The ports of health and
webhook are written to standard output, logs to standard error; the ServiceAccount `slow` is found
once a line comes on standard input.
"""

import asyncio
import json
import ssl
import sys
from pathlib import Path
from typing import TextIO

import uvloop

from identity.account import Account
from tests.builders import an_account
from tests.webhook.server.doubles import FakeAccounts, an_app
from webhook import logs
from webhook.config.settings import Address, ServerConfig
from webhook.metrics import Metrics
from webhook.server.server import Server
from webhook.server.signals import Signals


def say(word: object, stream: TextIO) -> None:
    stream.write(f"{word}\n")
    stream.flush()


async def read_slowly(_: str, __: str) -> Account:
    say("asked", sys.stderr)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return an_account()


async def run(folder: str, **settings: float) -> int:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(Path(folder) / "tls.pem")
    here = Address("127.0.0.1", 0)
    config = ServerConfig(port=0, health=here, metrics=here, **settings)  # type: ignore[arg-type]
    metrics = Metrics()
    app = an_app(FakeAccounts(an_account(), live=read_slowly), metrics=metrics)
    with Signals() as signals:
        server = Server(config, {}, metrics)
        await server.start()
        say(server.ports.health, sys.stdout)
        await server.admit(app, tls)
        say(server.ports.webhook, sys.stdout)
        await signals.stop.wait()
        return 0 if await server.stop(signals.at_once) else 1


if __name__ == "__main__":
    logs.set_up("info")
    sys.exit(uvloop.run(run(**json.loads(sys.argv[1]))))
