"""What can go wrong between Fairway and the API server.

FairwayError
└── AdapterError
    └── KubeError
        ├── NotFound            there is no such object
        │   └── NoSuchKind      the cluster does not know the kind: whoever defines it is not installed
        ├── Denied              the API server refuses for good: rights, quota, an invalid object
        ├── Unavailable         it could not be asked, or is too busy; nobody knows whether a write was done
        ├── Foreign             an object of that name belongs to somebody else and is left alone
        ├── NotLeader           this process may not write now; another one may
        └── BadObject           an object is not what its kind promises

A write to an outdated version is `fairway.driver.errors.Conflict`.
"""

from __future__ import annotations

from fairway.adapters.errors import AdapterError


class KubeError(AdapterError):
    """The API server did not do what was asked."""


class NotFound(KubeError):
    """There is no such object."""


class NoSuchKind(NotFound):
    """No object of this kind can be made until its definition is installed."""


class Denied(KubeError):
    """Asking again changes nothing until somebody changes rights, quota or the object."""


class Unavailable(KubeError):
    """No answer, or one that says to come back later."""


class Foreign(KubeError):
    """The object exists, and Fairway did not make it for this owner."""


class NotLeader(KubeError):
    """Only the holder of the lease writes."""


class BadObject(KubeError):
    """An object lacks what its kind always has."""
