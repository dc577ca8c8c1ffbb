from __future__ import annotations

from typing import ClassVar, cast

import pytest

from fairway.adapters.kube.kinds import EVENT, KINDS, LEASE, MODEL
from fairway.api.spec import EngineType
from fairway.render.kube.router import RouterSettings, router_objects
from fairway.render.protocols import Engine
from fairway.render.rbac import engine_rights, lease_rights, merged, operator_rights
from fairway.render.rights import Right, rules

RIGHTS = operator_rights()
ALL = (*RIGHTS, *lease_rights("fairway-operator"))


def test_no_right_is_wider_than_its_reason() -> None:
    """A wildcard covers what is invented tomorrow; Secrets are the users' own."""
    for right in ALL:
        assert "*" not in (right.group, right.resource, *right.verbs, *right.names)
        assert right.resource.partition("/")[0] != "secrets"
        assert not {"bind", "escalate", "impersonate"} & set(right.verbs)
        assert right.resource not in {"pods/exec", "pods/attach", "serviceaccounts/token", "nodes"}


def test_every_right_says_why() -> None:
    assert all(right.why for right in ALL)


def test_each_kind_of_object_stands_in_one_rule() -> None:
    places = [(right.group, right.resource) for right in RIGHTS]
    assert len(set(places)) == len(places)


def test_every_kind_that_the_operator_knows_has_a_right() -> None:
    engines = (right for rights in engine_rights().values() for right in rights)
    places = {(right.group, right.resource) for right in (*ALL, *engines)}
    assert {(kind.group, kind.plural) for kind in KINDS} <= places


def test_the_operator_may_do_itself_what_it_hands_on_to_routers() -> None:
    """Else the API server refuses the Role: that is what stands instead of `escalate`."""
    mine = {(right.group, right.resource): set(right.verbs) for right in RIGHTS}
    roles = [
        obj for obj in router_objects("payments", RouterSettings(image="r"), []) if obj["kind"] == "Role"
    ]
    assert len(roles) == 1
    for rule in roles[0]["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                assert set(rule["verbs"]) <= mine[group, resource]


def test_users_objects_are_never_written() -> None:
    """The spec is the user's; only the status and the mark on owner references are ours."""
    found = [right for right in RIGHTS if (right.group, right.resource) == (MODEL.group, MODEL.plural)]
    assert [right.verbs for right in found] == [("get", "list", "watch")]


@pytest.mark.parametrize("kind", [LEASE, EVENT], ids=str)
def test_what_is_only_told_or_held_is_not_read_everywhere(kind: object) -> None:
    found = [right for right in RIGHTS if (right.group, right.resource) == (kind.group, kind.plural)]  # type: ignore[attr-defined]
    assert not {"list", "watch"} & {verb for right in found for verb in right.verbs}


def test_two_needs_for_one_kind_become_one_right() -> None:
    one, other = (
        Right("apps", "deployments", ("get",), "a"),
        Right("apps", "deployments", ("get", "delete"), "b"),
    )
    assert merged([one, other]) == (Right("apps", "deployments", ("get", "delete"), "a; b"),)


def test_a_right_to_a_name_stays_apart() -> None:
    rights = lease_rights("mine")
    assert merged(rights) == rights
    assert rules(rights)[1] == {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": ["mine"],
        "verbs": ["get", "update"],
    }


class Elsewhere:
    """An engine whose objects are of another project's kind; no object of it is ever rendered here."""

    rights: ClassVar = (
        Right("serving.example.com", "servers", ("create", "patch"), "a server"),
        Right("batch", "jobs", ("create",), "a job"),
    )


def test_an_engine_brings_its_rights_along() -> None:
    """Nothing else has to be touched when one is added."""
    engine = cast(Engine, Elsewhere())
    assert Right("batch", "jobs", ("create",), "a job") in operator_rights([engine])
    assert not [right for right in operator_rights([engine]) if right.group == "serving.example.com"]
    assert engine_rights({EngineType.ONNX_RUNTIME: engine}) == {"OnnxRuntime": Elsewhere.rights[:1]}


def test_an_engine_of_built_in_kinds_needs_no_switch() -> None:
    assert "OnnxRuntime" not in engine_rights()
