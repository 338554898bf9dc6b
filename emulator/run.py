"""Puts an emulator together from its options and serves it."""

import json
import sys

from emulator.app import application, imds_application, recorded
from emulator.calls.faults import Settings
from emulator.calls.refusal import Surface
from emulator.certificates import CA_FILE, serving_certificate
from emulator.clock import Clock
from emulator.directory import ALWAYS, Directory
from emulator.imds.node import attach_node
from emulator.options import Options
from emulator.seed.plant import plant, reaches
from emulator.seed.read import default_seed, load_seed
from emulator.serve import listen, serve
from emulator.state import StateFolder
from emulator.tokens.issuers import HttpFetch
from emulator.tokens.signer import Signer
from emulator.world import Parts, World, made_of


async def run(options: Options) -> None:
    """Serve until a signal. Raises SeedError, ServeError or OSError if it can't start."""
    seed = default_seed() if options.seed is None else load_seed(options.seed)
    listeners = listen(options.host, options.port, options.imds_port)
    port = listeners.https.getsockname()[1]
    imds_port = listeners.imds.getsockname()[1]
    state = StateFolder(options.state)
    tls = serving_certificate(state, _names(options))
    directory = Directory()
    plant(seed, directory, ALWAYS)
    attach_node(directory, ALWAYS)
    given = options.faults.model_dump(exclude_unset=True)
    parts = Parts(
        origin=options.public_url or f"https://{_bracketed(_reachable(options.host))}:{port}",
        clock=Clock(),
        directory=directory,
        settings=Settings.model_validate(seed.faults.model_dump() | given),
        signer=Signer(state),
        reaches=reaches(seed, options.seed.parent if options.seed else state.path),
        fetch=HttpFetch(options.issuer_ca),
        enforce_role_assignments=seed.enforce_role_assignments,
    )
    world = made_of(parts)
    imds = f"http://{_bracketed(_reachable(options.host))}:{imds_port}"
    await serve(
        listeners,
        recorded(application(world)),
        recorded(imds_application(world), Surface.IMDS),
        tls,
        ready=lambda: _tell(world, imds, str(state.path / CA_FILE)),
    )


def _tell(world: World, imds: str, authority: str) -> None:
    addresses = {
        "authority": world.origin,
        "graph": world.origin,
        "arm": world.origin,
        "imds": imds,
        "admin": f"{world.origin}/_admin",
        "ca": authority,
    }
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()


def _names(options: Options) -> list[str]:
    names = ["localhost", "127.0.0.1", "::1", _reachable(options.host), *options.tls_names]
    if options.public_url is not None:
        names.append(options.public_url.removeprefix("https://").rpartition(":")[0])
    return list(dict.fromkeys(name for name in names if name))


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - is translated


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
