"""A pod that says what a model's content is: short-lived, in the model's namespace, with the user's rights.

Its last words are the answer. It is made while the content has no name, taken away once the name is stored,
and goes with its model. A pod that lives is never changed: another source or image has another name.
"""

from __future__ import annotations

from fairway.core import names
from fairway.core.model import Source
from fairway.render.kube.fetching import USER, fetch_account, fetch_container, fetch_volumes
from fairway.render.kube.labels import Manifest, Owner, controller_reference, labels, metadata
from fairway.render.kube.restricted import pod_security
from fairway.render.kube.server_settings import ServerSettings

COMPONENT = "resolver"
CONTAINER = "resolve"
DEADLINE_SECONDS = 6 * 3600
"""Enough for terabytes; after it another pod begins anew."""


def resolver_name(model: str, source: Source, settings: ServerSettings) -> str:
    """Name of the pod: at most 40 + 9 + 10 characters."""
    inputs = {"uri": source.uri, "secret": source.secret, "account": source.account}
    return names.revision_name(f"{model}-resolve", {**inputs, "image": settings.fetch_image})


def resolver_labels(model: str) -> dict[str, str]:
    """What the resolvers of a model are found by."""
    return labels(model=model, component=COMPONENT)


def resolver_pod(owner: Owner, source: Source, settings: ServerSettings) -> Manifest:
    """The pod for one source."""
    optional: Manifest = {
        "imagePullSecrets": [{"name": one} for one in settings.image_pull_secrets],
        "nodeSelector": dict(settings.node_selector),
        "tolerations": [dict(one) for one in settings.tolerations],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(
            resolver_name(owner.name, source, settings),
            owner.namespace,
            owners=[controller_reference(owner)],
            model=owner.name,
            component=COMPONENT,
        ),
        "spec": {
            **fetch_account(source),
            # A store that is down, or a right that is given a moment later: it tries again by itself.
            "restartPolicy": "OnFailure",
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "terminationGracePeriodSeconds": 10,
            "securityContext": pod_security(USER),
            "containers": [fetch_container(CONTAINER, ("resolve",), source, settings, [])],
            "volumes": fetch_volumes(source),
            **{key: value for key, value in optional.items() if value},
        },
    }
