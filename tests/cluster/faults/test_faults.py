"""Whatever happens to the webhook and around it, no creation fails that it could have saved.

Not here: `kill -9` of a replica. What it was answering is lost, and until its endpoint is taken out
new connections are refused: nothing in the webhook can prevent that, its process being gone.
"""

import ssl

import pytest

from tests.cluster.faults.conftest import Tell
from tests.cluster.faults.installation import Installation, Replica, Setting
from tests.cluster.faults.scenario import Scene, compare, played

pytestmark = pytest.mark.cluster


def certificate_of(replica: Replica) -> str | None:
    """What a replica presents; none while it takes no connection."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", replica.webhook.port), timeout=5)
    except OSError:
        return None


def test_the_serving_certificate_is_rotated(installation: Installation, tell: Tell) -> None:
    def rotate_twice(scene: Scene) -> None:
        for _ in range(2):
            before = certificate_of(scene.replicas[0])
            installation.ask_to_rotate("serving")
            scene.stream.until(
                lambda: all(
                    certificate_of(replica) not in (None, before) for replica in scene.replicas
                ),
                "the new certificate on both replicas",
            )
            scene.stream.burst(40)

    compare(
        tell,
        "rotate the serving certificate",
        played(rotate_twice, installation, Setting()),
        "the swap in the running process",
        played(rotate_twice, installation, Setting(without="swap")),
    )


def test_the_certificate_authority_is_rotated(installation: Installation, tell: Tell) -> None:
    def rotate(scene: Scene) -> None:
        before = installation.authorities()
        late = scene.replicas[1].to_api_server
        late.hold()  # this replica hears of everything late, as others do in a large cluster
        installation.ask_to_rotate("ca")
        scene.stream.until(lambda: installation.authorities() != before, "the new CA in caBundle")
        scene.stream.passes(40)
        late.release()
        scene.stream.until(
            lambda: len(installation.authorities()) == 1 and installation.authorities() != before,
            "the old CA out of caBundle",
        )
        scene.stream.burst(40)

    compare(
        tell,
        "rotate the CA",
        played(rotate, installation, Setting()),
        "make before break",
        played(
            rotate,
            installation,
            Setting(["--ca-trust-delay=0s"], without="make-before-break"),
        ),
    )


def test_replicas_are_drained_and_restarted(installation: Installation, tell: Tell) -> None:
    def restart_both(scene: Scene) -> None:
        for replica in scene.replicas:
            assert replica.restart(scene.stream.until) == 0
            installation.await_traffic(scene.replicas)

    lag = 1.0
    compare(
        tell,
        "drain and restart each replica",
        played(restart_both, installation, Setting(["--shutdown-delay=4s"], lag=lag)),
        "--shutdown-delay",
        played(restart_both, installation, Setting(["--shutdown-delay=0s"], lag=lag)),
    )
