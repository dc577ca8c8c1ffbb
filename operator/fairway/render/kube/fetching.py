"""What the containers that fetch have in common; no other container gets a store's credentials.

The keys of a Secret are mounted as files and not set as variables: a key can then be named LD_PRELOAD and do
nothing. A Secret that is missing does not stop the pod from starting: the fetch then says what is missing.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from fairway.core.model import Source
from fairway.render.kube.labels import Manifest
from fairway.render.kube.restricted import container_security, mount
from fairway.render.kube.server_settings import ServerSettings

SCHEMES = frozenset({"s3", "https", "pvc"})
"""Those that a fetch knows; file: is for local mode."""
SECRET = PurePosixPath("/var/run/secrets/fairway-store")
CLAIM = PurePosixPath("/var/run/fairway-claim")
TMP = PurePosixPath("/tmp")  # noqa: S108  a volume of the pod's own
USER = 10001
_CLAIM = re.compile(r"pvc://([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)(?:/|$)")


def scheme_of(uri: str) -> str:
    """What stands before the colon."""
    return uri.partition(":")[0]


def fetch_container(
    name: str, command: tuple[str, ...], source: Source, settings: ServerSettings, mounts: list[Manifest]
) -> Manifest:
    """A container that runs `fairway-fetch`.

    Args:
        name: of the container.
        command: the sub-command and its own words; the source's are added.
        source: what is read, and with whose rights.
        settings: of the administrator.
        mounts: further places that it may write to.
    """
    words = ["fairway-fetch", *command, "--uri", source.uri]
    if source.secret is not None:
        words += ["--secret", str(SECRET)]
    if _claim(source) is not None:
        words += ["--claim", str(CLAIM)]
    return {
        "name": name,
        "image": settings.fetch_image,
        "imagePullPolicy": settings.image_pull_policy,
        # A list of words: nothing of a URI ever reaches a shell.
        "command": words,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        "volumeMounts": [*mounts, mount("tmp", TMP), *_mounts(source)],
    }


def fetch_volumes(source: Source) -> list[Manifest]:
    """The volumes of a pod that has such a container."""
    found: list[Manifest] = [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]
    if source.secret is not None:
        secret = {"secretName": source.secret, "optional": True, "defaultMode": 0o440}
        found.append({"name": "store-secret", "secret": secret})
    if (claim := _claim(source)) is not None:
        found.append({"name": "store-claim", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}})
    return found


def fetch_account(source: Source) -> dict[str, Any]:
    """Of the pod: whose identity a cloud trusts. No pod of ours gets the cluster's own token for it."""
    account = {"serviceAccountName": source.account} if source.account is not None else {}
    return {"automountServiceAccountToken": False, "enableServiceLinks": False, **account}


def _mounts(source: Source) -> list[Manifest]:
    found = []
    if source.secret is not None:
        found.append(mount("store-secret", SECRET) | {"readOnly": True})
    if _claim(source) is not None:
        found.append(mount("store-claim", CLAIM) | {"readOnly": True})
    return found


def _claim(source: Source) -> str | None:
    """The name of the volume claim that a pvc: URI is about."""
    match = _CLAIM.match(source.uri)
    return match[1] if match else None
