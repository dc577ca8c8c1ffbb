"""The errors of local mode.

FairwayError
└── LocalError
    └── AlreadyUp       another Fairway runs on the same state folder
"""

from __future__ import annotations

from fairway.api.errors import FairwayError


class LocalError(FairwayError):
    """Local mode cannot do what was asked."""


class AlreadyUp(LocalError):
    """Another Fairway runs on the same state folder."""
