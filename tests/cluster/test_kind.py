"""When a cluster is made, kept and taken away, with tools that only write down what they were asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.cluster.errors import CannotMake
from e2e.cluster.kind import KindUpstream

TOOLS = {
    "docker": "echo Server Version: 1",
    "kind": 'echo "kind $*" >> calls; case "$1 $2" in "get clusters") cat clusters;; esac',
    "kubectl": 'echo "kubectl $*" >> calls; [ ! -e dead ] || case "$*" in *readyz*) exit 1;; esac',
}
Calls = Callable[[], list[str]]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What kind and kubectl were asked for so far, without flags."""
    for name, script in TOOLS.items():
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    (tmp_path / "clusters").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("FAIRWAY_CACHE", str(tmp_path / "cache"))

    def read() -> list[str]:
        return [re.sub(r" --\S+", "", line) for line in (tmp_path / "calls").read_text().splitlines()]

    return read


READY = ["kubectl rollout status deployment/coredns", "kubectl rollout status daemonset/kube-proxy"]


def test_a_cluster_is_made_where_there_is_none(calls: Calls) -> None:
    provider = KindUpstream("it")
    cluster = provider.up()
    assert cluster.kubeconfig == provider.kubeconfig
    assert calls() == ["kind get clusters", "kind create cluster", *READY]


def test_one_that_answers_is_kept(calls: Calls) -> None:
    Path("clusters").write_text("other\nit\n")
    KindUpstream("it").up()
    assert calls() == ["kind get clusters", "kubectl get", *READY]


def test_one_that_does_not_answer_is_made_anew(calls: Calls) -> None:
    Path("clusters").write_text("it\n")
    Path("dead").touch()
    KindUpstream("it").up()
    made = ["kind delete cluster", "kind create cluster"]
    assert calls() == ["kind get clusters", "kubectl get", *made, *READY]


def test_a_failure_names_the_step_and_keeps_the_log(calls: Calls) -> None:
    fails = "[ $1 = get ] || { echo no disk >&2; exit 1; }"
    Path("kind").write_text(f'#!/bin/sh\necho "kind $*" >> calls\n{fails}\n')
    with pytest.raises(CannotMake, match=r"(?s)creating the cluster: .*exit code 1; .*kind.log.*no disk"):
        KindUpstream("it").up()
    assert calls() == ["kind get clusters", "kind create cluster"]


def test_taking_it_away_leaves_the_others(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(KindUpstream, "after_the_last", lambda self: ended.append(self.name))
    for name, others in (("one", "two\n"), ("two", "")):
        provider = KindUpstream(name)
        provider.up()
        Path("clusters").write_text(others)
        provider.down()
        assert not provider.folder.exists()
    assert ended == ["two"]
    assert calls().count("kind delete cluster") == 2


def test_taking_away_what_is_not_there_does_nothing(calls: Calls) -> None:
    KindUpstream("it").down()
    assert not Path("calls").exists()
