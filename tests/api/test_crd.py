from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.schema_tools import fields, refused, values, with_defaults
from fairway.api.crd import crd, resource_schema, status_schema
from fairway.api.manifests import load_object
from fairway.api.status import Status
from fairway.api.v1alpha1 import API_VERSION, KIND

SCHEMA = resource_schema()
SPEC = SCHEMA["properties"]["spec"]
STATUS = SCHEMA["properties"]["status"]
VERSION = crd()["spec"]["versions"][0]
# The limits of the API server: apiextensions-apiserver, StaticEstimatedCostLimit and its total.
CEL_COST_OF_A_RULE = 10_000_000
ETCD_OBJECT_BYTES = 1_500_000


def _object(spec: Any, **more: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "fraud"}, "spec": spec, **more}


def _schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for child in (*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])):
        yield from _schemas(child)


def test_the_names_of_the_resource_are_the_documented_ones() -> None:
    manifest = crd()
    assert manifest["metadata"]["name"] == "modeldeployments.fairway.dev"
    assert manifest["spec"]["scope"] == "Namespaced"
    assert manifest["spec"]["names"] == {
        "kind": "ModelDeployment",
        "listKind": "ModelDeploymentList",
        "plural": "modeldeployments",
        "singular": "modeldeployment",
        "shortNames": ["mdep"],
        "categories": ["all", "fairway"],
    }


def test_uninstalling_the_chart_keeps_the_models() -> None:
    assert crd()["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_status_is_a_subresource() -> None:
    """Who may write a spec may not thereby write a status; and a status makes no new generation."""
    assert VERSION["subresources"] == {"status": {}}
    assert (VERSION["served"], VERSION["storage"]) == (True, True)


def test_every_printer_column_points_at_a_field_that_exists() -> None:
    known = {f".{path}" for path, _ in fields(SCHEMA)}
    for column in VERSION["additionalPrinterColumns"]:
        path = re.sub(r"\[\?\(.*?\)\]", "[]", column["jsonPath"])
        assert path in known | {".metadata.creationTimestamp"}


def test_the_columns_that_are_always_shown_tell_the_story_of_a_rollout() -> None:
    shown = [c["name"] for c in VERSION["additionalPrinterColumns"] if c.get("priority", 0) == 0]
    assert shown == ["Ready", "Reason", "Phase", "Weight/1000", "Stable", "Candidate", "Age"]


def test_a_long_name_is_refused_by_a_rule_at_the_root() -> None:
    """The API server lets rules see the name at the root only."""
    rules = {rule["rule"]: rule["message"] for rule in SCHEMA["x-kubernetes-validations"]}
    assert "40 characters" in rules["size(self.metadata.name) <= 40"]


def test_metadata_is_left_to_the_api_server() -> None:
    assert SCHEMA["properties"]["metadata"] == {"type": "object"}


@pytest.mark.parametrize(("field", "key"), [("conditions", "type"), ("revisions", "name")])
def test_lists_with_a_key_are_merged_by_it(field: str, key: str) -> None:
    schema = STATUS["properties"][field]
    assert schema["x-kubernetes-list-type"] == "map"
    assert schema["x-kubernetes-list-map-keys"] == [key]
    assert key in schema["items"]["required"]


def test_the_status_has_no_defaults() -> None:
    """A status that comes back with more than was written would look changed for ever."""
    assert not [path for path, field in fields(status_schema()) if "default" in field]


def test_every_rule_has_a_sentence_and_looks_before_it_reads() -> None:
    """A block's default is checked before the fields in it are filled in: an optional one may be absent."""
    rules = [rule for s in _schemas(SCHEMA) for rule in s.get("x-kubernetes-validations", ())]
    assert len(rules) > 10
    assert all(rule["message"].strip() and "\n" not in rule["message"] for rule in rules)
    for schema in _schemas(SPEC):
        optional = set(schema.get("properties", {})) - set(schema.get("required", ()))
        for rule in schema.get("x-kubernetes-validations", ()):
            used = set(re.findall(r"self\.(\w+)", rule["rule"]))
            guarded = set(re.findall(r"has\(self\.(\w+)\)", rule["rule"]))
            assert used & optional <= guarded


def test_every_default_is_admitted_where_it_stands() -> None:
    """The API server refuses a CRD with a default that its own schema refuses."""
    checked = 0
    for path, field in fields(SCHEMA):
        if "default" in field:
            assert not list(refused(field, field["default"], path))
            checked += 1
    assert checked > 20


def test_a_rule_over_a_list_stays_far_below_what_the_api_server_lets_it_cost() -> None:
    """Two nested loops over n steps cost about n² times a dozen units for what is in the inner loop."""
    longest = max(
        schema["properties"][name].get("maxItems") or schema["properties"][name]["maxProperties"]
        for schema in _schemas(SPEC)
        for rule in schema.get("x-kubernetes-validations", ())
        for name in re.findall(r"self\.(\w+)\.(?:all|map)\(", rule["rule"])
    )
    assert longest**2 * 12 < CEL_COST_OF_A_RULE / 100


def test_the_crd_is_small_enough_for_client_side_apply() -> None:
    """kubectl keeps the whole manifest in an annotation, and annotations end at 256 KiB."""
    assert len(json.dumps(crd())) < 100_000


def test_the_crd_survives_yaml_without_aliases() -> None:
    text = yaml.safe_dump(crd(), sort_keys=False)
    assert yaml.safe_load(text) == crd()
    assert "&id" not in text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values(SPEC, "spec"))
def test_what_the_schema_admits_the_operator_reads_and_writes_back_admissibly(spec: Any) -> None:
    md = load_object(_object(spec))
    again = md.model_dump(mode="json", by_alias=True, exclude_none=True)["spec"]
    assert not list(refused(SPEC, again))
    assert load_object(_object(again)) == md


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values(SPEC, "spec"))
def test_the_api_server_fills_in_the_same_defaults_as_the_models(spec: Any) -> None:
    stored = with_defaults(SPEC, spec)
    assert load_object(_object(stored)) == load_object(_object(spec))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values(STATUS, "status"))
def test_a_status_comes_back_as_it_was_written(status: Any) -> None:
    """Whatever way the operator writes it: with the fields that are null or without."""
    read = Status.model_validate_json(json.dumps(status), strict=True)
    for exclude_none in (True, False):
        written = json.loads(read.model_dump_json(by_alias=True, exclude_none=exclude_none))
        assert not list(refused(STATUS, written))
        assert Status.model_validate_json(json.dumps(written), strict=True) == read


@settings(deadline=None)
@given(st.sampled_from(["spec", "status"]), st.text(min_size=1, max_size=5))
def test_an_unknown_field_is_refused_by_the_checker_of_these_tests(block: str, name: str) -> None:
    """The checks above would mean little if it let everything pass."""
    schema = SCHEMA["properties"][block]
    assert f"{block}.{name}" in set(refused(schema, {name: 1}, block)) or name in schema["properties"]
