"""Whatever happens to the webhook and around it, no creation fails that it could have saved.

Not here: `kill -9` of a replica. What it was answering is lost, and until its endpoint is taken out
new connections are refused: nothing in the webhook can prevent that, its process being gone.
"""

import ssl
import uuid
from functools import partial
from pathlib import Path

import pytest

from hack.cluster import Cluster
from tests.cluster.faults.conftest import Tell
from tests.cluster.faults.installation import CLIENT, Installation, Replica, Setting
from tests.cluster.faults.scenario import Scene, compare, played
from tests.cluster.faults.silence import AROUND_A_SHORT_LIMIT, LIMITS, Silence, silence_begun

pytestmark = pytest.mark.cluster

OTHER_CLIENT = "8d7e3f0c-4b6a-4c21-9c21-5e4d3c2b1a09"


def certificate_of(replica: Replica) -> str | None:
    """What a replica presents; none while it takes no connection."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", replica.webhook.port), timeout=5)
    except OSError:
        return None


def presents_another(replica: Replica, old: set[str | None]) -> bool:
    return certificate_of(replica) not in old


def test_the_serving_certificate_is_rotated(installation: Installation, tell: Tell) -> None:
    def rotate_twice(scene: Scene) -> None:
        for _ in range(2):
            old = {None, certificate_of(scene.replicas[0])}
            installation.ask_to_rotate("serving")
            for replica in scene.replicas:
                scene.stream.until(partial(presents_another, replica, old), "the new certificate")
            scene.stream.burst(40)

    compare(
        tell,
        "rotate the serving certificate",
        played(rotate_twice, installation, Setting()),
        "the swap in the running process",
        played(rotate_twice, installation, Setting(without="swap")),
    )


def has_changed(installation: Installation, before: tuple[str, ...]) -> bool:
    return installation.authorities() != before


def is_replaced(installation: Installation, before: tuple[str, ...]) -> bool:
    now = installation.authorities()
    return len(now) == 1 and now != before


def test_the_certificate_authority_is_rotated(installation: Installation, tell: Tell) -> None:
    def rotate_twice(scene: Scene) -> None:
        late = scene.replicas[1].to_api_server
        for _ in range(2):
            before = installation.authorities()
            late.hold()  # this replica hears of everything late, as others do in a large cluster
            installation.ask_to_rotate("ca")
            scene.stream.until(partial(has_changed, installation, before), "the new CA in caBundle")
            scene.stream.burst(80)  # so many that API servers open connections to both replicas
            late.release()
            scene.stream.until(
                partial(is_replaced, installation, before), "the old CA out of caBundle"
            )
            scene.stream.burst(40)

    compare(
        tell,
        "rotate the CA",
        played(rotate_twice, installation, Setting()),
        "make before break",
        played(
            rotate_twice,
            installation,
            Setting(["--ca-trust-delay=0s"], without="make-before-break"),
        ),
    )


def test_replicas_are_drained_and_restarted(installation: Installation, tell: Tell) -> None:
    def restart_both(scene: Scene) -> None:
        for replica in scene.replicas:
            replica.webhook.terminate()
            scene.stream.burst(40)  # its endpoint is still there
            assert replica.end_of(scene.stream.until) == 0
            replica.start()
            installation.await_traffic(scene.replicas)

    lag = 1.0
    compare(
        tell,
        "drain and restart each replica",
        played(restart_both, installation, Setting(["--shutdown-delay=4s"], lag=lag)),
        "--shutdown-delay",
        played(restart_both, installation, Setting(["--shutdown-delay=0s"], lag=lag)),
    )


def test_the_watch_breaks(installation: Installation, tell: Tell) -> None:
    def break_it(scene: Scene) -> None:
        links = [replica.to_api_server for replica in scene.replicas]
        for link in links:
            assert link.cut() > 0
        create_with_fresh_accounts(scene, 8)
        bare = [installation.add_account(f"bare-{uuid.uuid4().hex[:6]}", None) for _ in range(20)]
        scene.stream.burst(len(bare), bare)  # reads live, and leaves connections behind
        for link in links:  # as a firewall does that forgets its connections
            assert link.hold(new_ones=False) > 0
        create_with_fresh_accounts(scene, 8)
        for link in links:
            link.release()
            link.hold()
        scene.stream.passes(80)  # those that are known need no API server
        for link in links:
            link.release()
            link.cut()
        changed = installation.add_account(f"moved-{uuid.uuid4().hex[:6]}", OTHER_CLIENT)
        installation.await_identity(changed)
        changed = installation.annotate_account(changed.account, CLIENT)
        installation.await_identity(changed)  # which only the watch can tell

    compare(
        tell,
        "break the watch",
        played(break_it, installation, Setting()),
        "live reads",
        played(break_it, installation, Setting(without="live-reads")),
    )


def create_with_fresh_accounts(scene: Scene, count: int) -> None:
    """Create pods whose ServiceAccounts were made, or annotated, just before them."""
    for _ in range(count):
        name = f"fresh-{uuid.uuid4().hex[:6]}"
        scene.stream.create(scene.installation.add_account(name, CLIENT))
        scene.installation.add_account(f"{name}-late", None)
        scene.stream.create(scene.installation.annotate_account(f"{name}-late", CLIENT))


def test_nothing_is_created_for_a_while(
    cluster: Cluster, silence: Silence, tmp_path: Path, tell: Tell
) -> None:
    """The API server never tries a review again: a connection that ends under it is a failed pod.

    Without the safeguard the webhook's limit is half a second, to have it over soon.
    """
    with silence_begun(cluster, tmp_path, AROUND_A_SHORT_LIMIT) as short:
        without = short.outcome()
    compare(
        tell,
        f"create after silences of about {', '.join(f'{limit:g}' for limit in LIMITS)} s",
        silence.outcome(),
        "an idle limit beyond the API server's",
        without,
    )


def test_the_api_server_is_restarted(
    own_cluster: Cluster, installation: Installation, tell: Tell
) -> None:
    def restart(scene: Scene) -> None:
        for kill in (False, True):
            own_cluster.restart_api_server(kill=kill)
            scene.stream.passes(40)
            scene.stream.burst(40)

    compare(
        tell,
        "restart the API server, and kill it",
        played(restart, installation, Setting()),
        "readiness that stands",
        played(restart, installation, Setting(without="standing-readiness")),
    )
