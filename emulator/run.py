"""Puts an emulator together from its options and serves it."""

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TextIO

from emulator.app import application, imds_application, recorded
from emulator.calls.faults import Settings, merged
from emulator.calls.refusal import Surface
from emulator.certificates import CA_FILE, serving_certificate
from emulator.clock import Clock
from emulator.directory import ALWAYS, Directory
from emulator.imds.node import attach_node
from emulator.options import Options
from emulator.seed.issuers import reaches
from emulator.seed.plant import begin
from emulator.seed.schema import Seed
from emulator.serve import Listeners, listen, serve
from emulator.state import StateError, StateFolder
from emulator.storage import FILE, Committing, Database, InMemory, Storage
from emulator.tokens.issuers import HttpFetch, Reach
from emulator.tokens.signer import Signer
from emulator.world import Parts, Place, World, made_of

_ALWAYS_OURS: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_log = logging.getLogger("azwi.emulator")


@dataclass(frozen=True, slots=True)
class Kept:
    """What an earlier life left, and where this one is kept."""

    storage: Storage
    directory: Directory
    planted: frozenset[str] = frozenset()
    issuers: tuple[Reach, ...] = ()


async def run(options: Options, seed: Seed) -> None:
    """Serve until a signal. Raises ServeError, StorageError, StateError if it can't start."""
    state = StateFolder(options.state)
    with (
        _kept(options, state) as kept,
        contextlib.closing(listen(options.host, options.port, options.imds_port)) as listeners,
    ):
        with _readable(state):
            world = _world(options, seed, state, kept, listeners)
            tls = serving_certificate(state, sorted(world.place.hosts | _ALWAYS_OURS))
        await serve(
            listeners,
            Committing(recorded(application(world)), kept.storage),
            Committing(recorded(imds_application(world), Surface.IMDS), kept.storage),
            tls,
            ready=lambda: _tell(world, str(options.state / CA_FILE), sys.stdout),
        )
    _log.info("ended")


@contextlib.contextmanager
def _readable(state: StateFolder) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError) as error:
        raise StateError(
            f"--state: a key or certificate in {state.path} is not as the emulator wrote it;"
            " remove the folder, or choose another"
        ) from error


@contextlib.contextmanager
def _kept(options: Options, state: StateFolder) -> Iterator[Kept]:
    if not options.persist:
        yield Kept(InMemory(), Directory())
        return
    with Database.opened(state.path / FILE) as database:
        directory = Directory(database.keep)
        database.load(directory)
        yield Kept(database, directory, frozenset(database.planted()), tuple(database.issuers()))


def _world(
    options: Options, seed: Seed, state: StateFolder, kept: Kept, listeners: Listeners
) -> World:
    faults = begin(seed, kept.directory, kept.storage, kept.planted)
    attach_node(kept.directory, ALWAYS)
    kept.storage.commit()
    for fault in faults:
        _log.warning("the seed: %s; this entry was left out, what was there stays", fault)
    folder = options.seed.parent if options.seed else state.path
    host = _bracketed(_reachable(options.host))
    parts = Parts(
        origin=options.public_url or f"https://{host}:{listeners.https.getsockname()[1]}",
        clock=Clock(),
        directory=kept.directory,
        settings=_settings(seed, options),
        signer=Signer(state),
        reaches=reaches(seed.issuers, folder),
        fetch=HttpFetch(options.issuer_ca),
        enforce_role_assignments=seed.enforce_role_assignments,
        seed=seed,
        place=Place(
            imds=f"http://{host}:{listeners.imds.getsockname()[1]}",
            ca=str((state.path / CA_FILE).absolute()),
            hosts=frozenset(map(str.lower, (*options.tls_names, _reachable(options.host)))),
        ),
        storage=kept.storage,
    )
    world = made_of(parts)
    for reach in kept.issuers:
        world.issuers.add(reach)
    return world


def _settings(seed: Seed, options: Options) -> Settings:
    """Return the seed's faults with those of the flags over them; rules to fail by add up."""
    found = merged(seed.faults, options.faults)
    rules = [*seed.faults.failures, *options.faults.failures]
    return found.model_copy(update={"failures": rules}, deep=True)


def _tell(world: World, ca: str, output: TextIO | None) -> None:
    _log.info(
        "serving %s; the page is at %s/, the metadata service at %s, the CA in %s",
        *(world.origin, world.origin, world.place.imds, world.place.ca),
    )
    addresses = {
        "authority": world.origin,
        "graph": world.origin,
        "arm": world.origin,
        "imds": world.place.imds,
        "admin": f"{world.origin}/_admin",
        "ca": ca,
    }
    if output is None:  # closed by whoever started it
        return
    try:
        output.write(json.dumps(addresses) + "\n")
        output.flush()
    except OSError as error:
        _log.warning("nobody reads the addresses on standard output: %s", error.strerror)


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - is translated


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
