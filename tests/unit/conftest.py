"""Settings of the property tests."""

from hypothesis import HealthCheck, settings

# The same examples in every run, so that a red check is always the change's fault; and no stop-watch, because the
# machine may be busy with a lab.
settings.register_profile(
    "toybox", deadline=None, derandomize=True, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("toybox")
