"""How many examples property tests try: the same few each time, or with WEBPROV_LONG=1 many with a fresh seed."""

import os

from hypothesis import HealthCheck, settings

LONG = bool(os.environ.get("WEBPROV_LONG"))


def examples(few: int, many: int) -> settings:
    """Settings for a property: `few` examples in the suite, `many` on demand (security R12)."""
    return settings(
        max_examples=many if LONG else few,
        derandomize=not LONG,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
