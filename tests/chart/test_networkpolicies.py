"""The policies for namespaces with models, which are the users' own."""

from __future__ import annotations

import yaml

from chart.cluster_side import Cluster
from chart.helm import REPOSITORY
from fairway.render.kube.labels import labels
from fairway.render.kube.revision_meta import COMPONENT, PORT
from fairway.render.kube.route_config import ROUTER_COMPONENT
from fairway.render.kube.router import AGENT_PORT

ROUTERS, SERVERS = yaml.safe_load_all((REPOSITORY / "manifests/networkpolicies/models.yaml").read_text())


def test_they_are_about_the_pods_and_ports_that_there_are() -> None:
    router, server = labels(component=ROUTER_COMPONENT), labels(component=COMPONENT)
    assert ROUTERS["spec"]["podSelector"]["matchLabels"] == router
    assert SERVERS["spec"]["podSelector"]["matchLabels"] == server
    (to_servers,) = SERVERS["spec"]["ingress"]
    assert to_servers["from"] == [{"podSelector": {"matchLabels": router}}]
    assert [one["port"] for one in to_servers["ports"]] == [PORT]
    assert [one["port"] for one in ROUTERS["spec"]["ingress"][1]["ports"]] == [AGENT_PORT]


def test_they_are_accepted(cluster: Cluster) -> None:
    cluster.apply(
        [{**one, "metadata": {**one["metadata"], "namespace": "payments"}} for one in (ROUTERS, SERVERS)]
    )
