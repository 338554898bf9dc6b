"""How long the properties are looked for.

`AZWI_HYPOTHESIS_PROFILE=long` takes minutes; the default, `ci`, some twenty seconds in all. Both
are random: what fails prints the smallest example and a `reproduce_failure` blob, the seed of it.
"""

import os

from hypothesis import HealthCheck, settings

_ALWAYS = settings(
    deadline=None,  # a busy machine is no bug
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("ci", _ALWAYS, max_examples=100)
settings.register_profile("long", _ALWAYS, max_examples=2_000)
settings.load_profile(os.environ.get("AZWI_HYPOTHESIS_PROFILE", "ci"))
