"""What the providers say and write; no cluster is started here."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from e2e.cluster.apiserver import Apiserver
from e2e.cluster.errors import NotPossibleHere
from e2e.cluster.existing import Kubeconfig
from e2e.cluster.images import RECIPES, recipe
from e2e.cluster.kind import KindFromPackages, KindUpstream, kind_settings
from e2e.cluster.provider import Cluster, Provider


def providers(folder: Path) -> list[Provider]:
    return [Apiserver(folder), KindFromPackages(), KindUpstream(), Kubeconfig(folder / "config")]


@pytest.mark.parametrize("number", range(4))
def test_a_machine_without_anything_is_told_so(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FAIRWAY_CACHE", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    assert providers(tmp_path)[number].missing()


def test_a_cluster_of_somebody_else_is_used_and_left(tmp_path: Path) -> None:
    file = tmp_path / "config"
    provider = Kubeconfig(file)
    with pytest.raises(NotPossibleHere, match=r"there is no .*config"):
        provider.up()
    file.write_text("apiVersion: v1")
    assert provider.up() == Cluster(file, runs_pods=True)
    provider.down()
    assert file.exists()
    with pytest.raises(NotPossibleHere, match="push web to a registry"):
        provider.load("web")


def test_containerd_asks_for_no_favours_it_cannot_get() -> None:
    assert "containerdConfigPatches" not in kind_settings(frozenset())
    (patch,) = kind_settings(frozenset({"CAP_SYS_RESOURCE"}))["containerdConfigPatches"]
    assert "restrict_oom_score_adj = true" in patch


def test_the_pods_of_the_node_are_inside_the_network_of_the_cluster() -> None:
    node = yaml.safe_load((RECIPES / "node/files/etc/cni/net.d/10-bridge.conflist").read_text())
    subnet = node["plugins"][0]["ipam"]["ranges"][0][0]["subnet"]
    assert subnet == "10.244.0.0/24"
    assert kind_settings(frozenset())["networking"]["podSubnet"] == "10.244.0.0/16"


def test_every_file_of_a_recipe_counts() -> None:
    assert set(recipe("node")) >= {"Dockerfile", "import-images.sh", "files/kind/bin/prepare-node.sh"}
