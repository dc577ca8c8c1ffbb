"""What service accounts asked of the API server, as its own audit log has it: the word of a third party."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

POLICY, LOG = "audit-policy.json", "audit.log"
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "None",
            "userGroups": ["system:serviceaccounts:kube-system"],
        },  # the controllers of Kubernetes
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True, order=True)
class Asked:
    """One kind of request.

    Attributes:
        verb: as RBAC names it.
        resource: plural; a subresource follows after a slash.
        code: of the answer.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    code: int

    @property
    def denied(self) -> bool:
        return self.code in {401, 403}

    @property
    def created(self) -> bool:
        return self.code == 201


def write_policy(folder: Path) -> None:
    """Tell an API server that runs in this folder what to write down."""
    (folder / POLICY).write_text(json.dumps(_POLICY))


def read_audit(folder: Path, namespace: str, account: str) -> list[Asked]:
    """What this service account asked about objects, in order; a watch is told of when it begins and ends."""
    user = f"system:serviceaccount:{namespace}:{account}"
    with (folder / LOG).open(encoding="utf-8") as log:
        events = [json.loads(line) for line in log if line.endswith("\n")]
    return [_asked(event) for event in events if event["user"]["username"] == user and "objectRef" in event]


def _asked(event: dict[str, object]) -> Asked:
    about, status = event["objectRef"], event.get("responseStatus") or {}
    assert isinstance(about, dict)
    assert isinstance(status, dict)
    resource, sub = about.get("resource", ""), about.get("subresource")
    return Asked(
        verb=str(event["verb"]),
        group=about.get("apiGroup", ""),
        resource=f"{resource}/{sub}" if sub else resource,
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=int(status.get("code", 0)),
    )
