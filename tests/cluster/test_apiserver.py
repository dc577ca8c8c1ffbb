"""The control plane itself: quick to come, sure to go."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.cluster.apiserver import CONTROLLERS, KWOK, SCHEDULER, Apiserver
from e2e.cluster.errors import CannotStart, NotPossibleHere
from e2e.cluster.fixtures import running
from e2e.cluster.rest import Api

from cluster.waiting import children, eventually, gone

Record = Callable[[str, object], None]
REPOSITORY = Path(__file__).parents[2]
ASKS_FOR_ONE = """
import sys, time
from pathlib import Path
from e2e.cluster.apiserver import Apiserver
cluster = Apiserver(Path(sys.argv[1]))
cluster.up()
print(*(process.keeper.pid for process in cluster.processes.values()), flush=True)
time.sleep(600)
"""


def test_rights_are_checked(apiserver: Apiserver, api: Api) -> None:
    assert api.get("/api/v1/namespaces/default/secrets").status == 200
    scheduler = Api.of(apiserver.kubeconfig("system:kube-scheduler"))
    assert scheduler.get("/api/v1/namespaces/default/secrets").status == 403
    scheduler.close()


def test_what_is_stored_outlives_a_crash_of_all(tmp_path: Path, record_property: Record) -> None:
    begin = time.monotonic()
    with running(tmp_path) as cluster:
        record_property("start_seconds", time.monotonic() - begin)
        api = Api.of(cluster.kubeconfig("admin"))
        assert api.post("/api/v1/namespaces", {"metadata": {"name": "kept"}}).status == 201
        for name in ("kube-apiserver", "etcd"):
            cluster.stop(name)
        with pytest.raises(OSError):
            api.get("/readyz")
        for name in ("etcd", "kube-apiserver"):
            cluster.restart(name)
        assert api.get("/api/v1/namespaces/kept").status == 200
        api.close()


def test_a_deployment_becomes_available_on_a_node_of_paper(tmp_path: Path) -> None:
    with running(tmp_path, CONTROLLERS, SCHEDULER, KWOK) as cluster:
        api = Api.of(cluster.kubeconfig("admin"))
        here = "/api/v1/namespaces/default"
        eventually(lambda: api.get(f"{here}/serviceaccounts/default").status == 200, "there is an account")
        assert api.post("/api/v1/nodes", {"metadata": {"name": "paper"}}).status == 201
        labels = {"app": "web"}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web"}]}}
        deployments = "/apis/apps/v1/namespaces/default/deployments"
        web = {
            "metadata": {"name": "web"},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod},
        }
        assert api.post(deployments, web).status == 201

        def available() -> int:
            count: int = api.get(f"{deployments}/web").body["status"].get("availableReplicas", 0)
            return count

        eventually(lambda: available() == 2, "both pods are ready")
        assert {pod["spec"]["nodeName"] for pod in api.get(f"{here}/pods").body["items"]} == {"paper"}
        api.close()


def test_nothing_is_left_when_the_test_process_is_killed(apiserver: Apiserver, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASKS_FOR_ONE, tmp_path], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as asker:
        assert asker.stdout is not None
        started = children(*map(int, asker.stdout.readline().split()))
        assert {process.name() for process in started} == {"etcd", "kube-apiserver"}
        asker.kill()
    eventually(lambda: gone(started), "etcd and kube-apiserver are gone")


def test_a_part_that_does_not_start_says_why(tmp_path: Path) -> None:
    cluster = Apiserver(tmp_path)
    if cluster.missing():
        pytest.skip(cluster.missing())
    (tmp_path / "etcd").write_text("a file where the data should be")
    with pytest.raises(
        CannotStart, match=r"(?s)etcd ended with exit code 1; its log is .*etcd.log.*not a dir"
    ):
        cluster.up()
    assert not cluster.processes


def test_no_image_can_be_loaded(apiserver: Apiserver) -> None:
    with pytest.raises(NotPossibleHere, match="without nodes"):
        apiserver.load("web")
