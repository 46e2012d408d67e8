"""Property tests judge results, not this machine's speed today."""

from hypothesis import HealthCheck, settings

settings.register_profile("seedproof", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seedproof")
