import pytest, collections
from tests.cluster.faults.silence import *
def test_short(cluster, tmp_path, tell):
    for n in range(1):
        with silence_begun(cluster, tmp_path, AROUND_A_SHORT_LIMIT) as short:
            o = short.outcome()
        tell(str(o)); 
        for f in o.failures: tell(f[:200])
