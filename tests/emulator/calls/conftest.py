import pytest

from tests.emulator.calls.desk import Desk
from tests.emulator.conftest import Hands


@pytest.fixture
def desk(hands: Hands) -> Desk:
    return Desk(hands)
