"""What can go wrong between Fairway and the outside world; the agent of an Envoy has a branch of its own.

FairwayError
└── AdapterError
    ├── StoreError              the stored resources cannot be read or written
    │   └── StoreTooNew         they were written by a newer Fairway
    └── EnvoyError
        ├── EnvoyMissing        no Envoy binary is installed
        ├── TelemetryError      an Envoy's counters could not be read
        └── AdminError          an Envoy did not do what its admin interface was asked for
"""

from __future__ import annotations

from fairway.api.errors import FairwayError


class AdapterError(FairwayError):
    """The outside world did not do what was asked of it."""


class StoreError(AdapterError):
    """The stored resources cannot be read or written."""


class StoreTooNew(StoreError):
    """The store was written by a newer Fairway, whose words this one might misread."""


class EnvoyError(AdapterError):
    """Anything about an Envoy process."""


class EnvoyMissing(EnvoyError):
    """There is no Envoy to start."""


class TelemetryError(EnvoyError):
    """Counters could not be read: nothing is known, which is not the same as no traffic."""


class AdminError(EnvoyError):
    """The admin interface refused, or did not answer in time."""
