"""`python -m fairway.controller.check URL`: is this installation one that serves? What `helm test` runs.

It asks the operator at URL whether it is ready, and has the API server try a ModelDeployment as a dry run.
Exit codes: 0 all is well, 1 something is not, and the last line says what.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from contextlib import closing
from copy import deepcopy
from typing import Any

import httpx2
from lightkube import Client
from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ApiError

from fairway.adapters.kube.kinds import MODEL, Obj, resource
from fairway.controller.connection import load_connection
from fairway.controller.errors import NotServing, SettingsWrong

SECONDS = 10.0
GOOD: Obj = {
    "apiVersion": MODEL.api_version,
    "kind": MODEL.name,
    "metadata": {"name": "fairway-check"},
    "spec": {
        "model": {"uri": "https://models.invalid/check.onnx", "format": "onnx", "sha256": "0" * 64},
        "engine": {"type": "OnnxRuntime"},
    },
}


def ask_readiness(url: str) -> None:
    """Ask the operator.

    Raises:
        NotServing: it is not ready, or does not answer.
    """
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=SECONDS):  # noqa: S310  from the chart
            return
    except urllib.error.HTTPError as error:
        words = error.read(200).decode(errors="replace")
        raise NotServing(f"the operator is not ready: {words}; look at its log") from error
    except OSError as error:
        raise NotServing(f"the operator does not answer at {url}: {error}; is it running?") from error


def try_models(config: SingleConfig) -> None:
    """Let the API server try a good and a bad ModelDeployment; none is made.

    Raises:
        NotServing: the good one is refused, or the bad one is not.
    """
    bad = deepcopy(GOOD)
    bad["spec"]["engine"]["type"] = "Typewriter"
    with closing(Client(config, trust_env=False)) as client:
        words, refused = _refusal(client, GOOD), _refusal(client, bad)
    if words is not None:
        raise NotServing(f"the API server refuses a good ModelDeployment: {words}")
    if refused is None:
        raise NotServing("the API server takes a bad ModelDeployment: is the CRD this version's?")


def _refusal(client: Any, obj: Obj) -> str | None:
    kind: Any = resource(MODEL)
    try:
        client.create(kind(obj), dry_run=True)
    except ApiError as error:
        return str(error.status.message)
    except httpx2.HTTPStatusError as error:  # not in Kubernetes' words: it has no such kind
        return f"{error.response.status_code}: is the CRD installed?"
    except httpx2.HTTPError as error:
        raise NotServing(f"the API server does not answer: {error!r}") from error
    return None


def main() -> int:
    """Check, and say how it went."""
    try:
        ask_readiness(sys.argv[1].rstrip("/"))
        try_models(load_connection(""))
    except (NotServing, SettingsWrong) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        "the operator is ready, and the API server knows a good ModelDeployment from a bad one\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
