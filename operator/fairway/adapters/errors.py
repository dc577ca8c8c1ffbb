"""What can go wrong between Fairway and the outside world; the agent of an Envoy has a tree of its own.

AdapterError
└── EnvoyError
    ├── EnvoyMissing      no Envoy binary is installed
    ├── TelemetryError    an Envoy's counters could not be read
    └── AdminError        an Envoy did not do what its admin interface was asked for
"""

from __future__ import annotations


class AdapterError(Exception):
    """Anything that the outside world refuses."""


class EnvoyError(AdapterError):
    """Anything about an Envoy process."""


class EnvoyMissing(EnvoyError):
    """There is no Envoy to start."""


class TelemetryError(EnvoyError):
    """Counters could not be read: nothing is known, which is not the same as no traffic."""


class AdminError(EnvoyError):
    """The admin interface refused, or did not answer in time."""
