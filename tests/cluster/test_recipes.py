"""Recipes of the binaries, without building one."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.cluster import binaries
from e2e.cluster.cache import Cache
from e2e.cluster.commands import run
from e2e.cluster.errors import CannotMake, NotPossibleHere
from e2e.cluster.gobuild import Go, module_file
from e2e.cluster.versions import GoModule, versions

KUBERNETES = versions().modules["kubernetes"]


def test_every_binary_comes_from_one_module() -> None:
    names = versions().binaries
    assert len(names) == len(set(names))
    assert {"etcd", "kube-apiserver", "kubectl", "kwok", "kind", "coredns", "helm"} <= set(names)


def test_a_replacement_by_a_folder_becomes_the_published_module() -> None:
    theirs = {
        "Go": "1.24.0",
        "Require": [
            {"Path": "k8s.io/api", "Version": "v0.0.0"},
            {"Path": "example.org/forked", "Version": "v1.0.0"},
            {"Path": "example.org/sister", "Version": "v3.1.0"},
        ],
        "Replace": [
            {"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/api"}},
            {"Old": {"Path": "example.org/forked"}, "New": {"Path": "example.org/fork", "Version": "v1.0.1"}},
            {"Old": {"Path": "example.org/sister"}, "New": {"Path": "../sister"}},
        ],
    }
    module = GoModule("example.org/it", "v2.0.0", {}, "v0.34.4", (), ())
    assert list(module_file(module, theirs))[2:] == [
        "require example.org/it v2.0.0",
        "require k8s.io/api v0.0.0",
        "replace k8s.io/api => k8s.io/api v0.34.4",
        "require example.org/forked v1.0.0",
        "require example.org/sister v3.1.0",
        "replace example.org/forked => example.org/fork v1.0.1",
    ]


def test_the_version_is_part_of_what_a_binary_depends_on(tmp_path: Path) -> None:
    inputs = Go("1.26.8", tmp_path).inputs(KUBERNETES, "cmd/kubectl")
    assert inputs["module"] == f"k8s.io/kubernetes@{KUBERNETES.version}"
    assert f"gitVersion={KUBERNETES.version}" in inputs["linker"]


def test_binaries_of_kubebuilder_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kube-apiserver").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    monkeypatch.setenv("FAIRWAY_CACHE", str(tmp_path / "empty"))
    assert binaries.find("kube-apiserver") == tmp_path / "kube-apiserver"
    assert binaries.missing(["kube-apiserver", "etcd"]) == ["etcd"]


def test_only_our_own_builds_go_into_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kube-apiserver").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert binaries.made("kube-apiserver", Cache(tmp_path)) is None


def test_a_machine_without_go_is_told_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("FAIRWAY_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotPossibleHere, match="etcd has to be built, and go is not installed"):
        binaries.find_or_make("etcd")


def test_a_failed_step_says_which_and_why_and_leaves_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(CannotMake, match=r"(?s)compiling it: sh ended with exit code 3.*no such thing"):
        run("compiling it", ["sh", "-c", "echo no such thing >&2; exit 3"], log)
    assert log.read_text().startswith("$ sh -c")
