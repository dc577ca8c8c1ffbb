from __future__ import annotations

from dataclasses import replace

from builders import CAPS, START, artifact, make_deployment
from fairway.api.status import Status
from fairway.core.model import Capabilities, Health, Observed, WorkloadHealth
from fairway.core.reconcile import reconcile


def url_with(caps: Capabilities) -> str | None:
    """The URL once the first revision is ready."""
    md = make_deployment()
    seen = Observed(artifact=artifact(md.spec.model.uri), free_port=10007)
    status = Status()
    for _ in range(3):
        status = reconcile(md.model_copy(update={"status": status}), seen, caps, START).status
        ready = {name: WorkloadHealth(Health.READY) for name in (status.candidate, status.stable) if name}
        seen = replace(seen, workloads=ready)
    return status.url


def test_the_url_names_the_port_that_clients_use() -> None:
    """In a cluster a Service stands before the routers, and its port is not theirs."""
    assert url_with(replace(CAPS, host="fraud.payments.svc", port=80)) == "http://fraud.payments.svc:80"


def test_without_anything_before_the_routers_the_url_names_their_port() -> None:
    assert url_with(CAPS) == "http://127.0.0.1:10007"
