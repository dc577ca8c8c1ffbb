"""The errors of local mode.

FairwayError
└── LocalError
    ├── AlreadyUp               another Fairway runs on the same state folder
    └── StateFolderUnusable     the state folder cannot be made or written
"""

from __future__ import annotations

from fairway.api.errors import FairwayError


class LocalError(FairwayError):
    """Local mode cannot do what was asked."""


class AlreadyUp(LocalError):
    """Another Fairway runs on the same state folder."""


class StateFolderUnusable(LocalError):
    """The state folder cannot be made or written."""
