"""A process that serves, for tests of its end: `python -m tests.webhook.server.child SETTINGS`.

SETTINGS is JSON: `folder` with `tls.pem`, and fields of ServerConfig. The ports are written to
standard output as JSON, logs go to standard error; the ServiceAccount `slow` is found once a line
comes on standard input.
"""

import asyncio
import json
import ssl
import sys
from pathlib import Path

import uvloop

from identity.account import Account
from tests.builders import an_account
from tests.webhook.server.doubles import FakeAccounts, an_app
from webhook import logs
from webhook.config.settings import Address, ServerConfig
from webhook.metrics import Metrics
from webhook.server.server import Server
from webhook.server.signals import Signals


async def read_slowly(_: str, __: str) -> Account:
    print("asked", file=sys.stderr, flush=True)
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
        server = Server(config, {}, metrics, app)
        await server.start()
        print(json.dumps(server.ports.health), flush=True)
        await server.admit(tls)
        print(json.dumps(server.ports.webhook), flush=True)
        await signals.stop.wait()
        return 0 if await server.stop(signals.at_once) else 1


if __name__ == "__main__":
    logs.set_up("info")
    sys.exit(uvloop.run(run(**json.loads(sys.argv[1]))))
