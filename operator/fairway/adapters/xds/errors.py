"""What can go wrong with the Envoy agent.

XdsError
├── SocketPathTooLong      the kernel would refuse the Unix socket
├── AgentAlreadyRunning    another agent holds the same socket
├── DescriptorsMissing     Fairway was not installed, or not whole
└── InvalidResource        a resource that the xDS API has no such field or value for
"""

from __future__ import annotations

from fairway.adapters.errors import AdapterError


class XdsError(AdapterError):
    """Anything that the agent of an Envoy refuses to do."""


class SocketPathTooLong(XdsError):
    """A Unix socket path must fit the kernel's address structure."""


class AgentAlreadyRunning(XdsError):
    """Two agents on one socket would take turns in telling Envoy different worlds."""


class InvalidResource(XdsError):
    """A resource that Envoy could not even read."""


class DescriptorsMissing(XdsError):
    """The xDS descriptors are a build product; a source tree does not have them before it is installed."""
