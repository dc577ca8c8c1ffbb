"""What can be said about a model's content before anybody has fetched it. Pure.

The operator never fetches a model itself. Until a pod in the model's namespace resolves digests, only the
user's own pin names the content; the fetch in front of the server checks it.
"""

from __future__ import annotations

from fairway.core.model import ArtifactState

SCHEMES = frozenset({"https"})


def look_at(uri: str, pin: str | None) -> ArtifactState:
    """The digest that this URI stands for, or one sentence about why it is not known."""
    scheme = uri.partition(":")[0]
    if scheme not in SCHEMES:
        return ArtifactState(uri, error=f"{scheme}: is not served in a cluster yet; use https: with a sha256")
    if pin is None:
        return ArtifactState(
            uri, error="give spec.model.sha256: digests of remote models are not resolved yet"
        )
    return ArtifactState(uri, sha256=pin)
