"""What can go wrong with a fetch. Each error has a reason in one word and a sentence that says what to do.

FairwayError
└── FetchError
    ├── WrongUri             the URI cannot be used as it is written
    ├── NotFound             nothing lies there
    ├── AccessDenied         the store lets this account or secret not read it
    ├── NotReadable          it is there, and is no model: empty, too many files, refused names
    ├── ArchiveRefused       the archive is broken, hostile or too large
    ├── ContentChanged       what lies there is not what was resolved or pinned
    ├── Unsettled            it changes while it is read, so it cannot be named
    ├── DiskTrouble          the volume for models is full, or cannot be written to
    ├── Interrupted          asked to end; what is here already is used by the next try
    └── Unsteady             another try may help
        ├── HostUnknown      the name of the store's host is not known
        ├── TimedOut         the store did not answer in time
        └── Unreachable      the store refused the connection, cut it, or is overloaded
"""

from __future__ import annotations

from typing import ClassVar

from fairway.api.errors import FairwayError


class FetchError(FairwayError):
    """Why there is no model.

    Attributes:
        reason: one word for programs.
    """

    reason: ClassVar[str] = "FetchFailed"


class WrongUri(FetchError):
    """The URI cannot be used as it is written."""

    reason = "ModelUriInvalid"


class NotFound(FetchError):
    """Nothing lies there."""

    reason = "ModelNotFound"


class AccessDenied(FetchError):
    """The store does not let us read it."""

    reason = "ModelAccessDenied"


class NotReadable(FetchError):
    """It is no model that can be taken."""

    reason = "ModelNotReadable"


class ArchiveRefused(FetchError):
    """The archive is broken, hostile or too large."""

    reason = "ModelArchiveRefused"


class ContentChanged(FetchError):
    """What lies there is not what was resolved or pinned."""

    reason = "ModelContentChanged"


class Unsettled(FetchError):
    """It changes while it is read, or looks like it."""

    reason = "ModelUnsettled"


class DiskTrouble(FetchError):
    """The volume for models cannot take it."""

    reason = "DiskTrouble"


class Interrupted(FetchError):
    """Asked to end."""

    reason = "Interrupted"


class Unsteady(FetchError):
    """Another try may help."""

    reason = "StoreUnreachable"


class HostUnknown(Unsteady):
    """The name of the store's host is not known."""

    reason = "StoreHostUnknown"


class TimedOut(Unsteady):
    """The store did not answer in time."""

    reason = "StoreTimedOut"


class Unreachable(Unsteady):
    """The store refused the connection, cut it, or is overloaded."""
