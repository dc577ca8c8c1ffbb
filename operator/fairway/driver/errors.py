"""The errors of the driver.

FairwayError
└── DriverError
    └── Conflict        the resource changed since it was read: start over with a fresh read
"""

from __future__ import annotations

from fairway.api.errors import FairwayError


class DriverError(FairwayError):
    """One tick could not be finished; a later one will."""


class Conflict(DriverError):
    """The resource changed since it was read."""
