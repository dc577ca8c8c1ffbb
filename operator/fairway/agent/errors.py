"""What can go wrong with the agent of a router pod.

FairwayError
└── AgentError
    ├── MalformedRoute     a ConfigMap that does not carry a route of its model
    ├── ApiError           the cluster's API did not answer as it should; asked again later
    │   └── Expired        what was watched is too old: only a new list helps
    └── SettingsError      the environment does not say what the agent needs
"""

from __future__ import annotations

from fairway.api.errors import FairwayError


class AgentError(FairwayError):
    """Anything that the agent refuses, or cannot get."""


class MalformedRoute(AgentError):
    """A ConfigMap that does not carry a route of its model; the words are for the model's status."""


class ApiError(AgentError):
    """The cluster's API is away, refuses or talks nonsense."""


class Expired(ApiError):
    """The version that a watch started from is gone (410)."""


class SettingsError(AgentError):
    """The environment does not say what the agent needs to know."""
