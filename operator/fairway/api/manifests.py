"""Manifests ↔ ModelDeployments, for the CLI and local mode, and for what the API server hands out.

The API server drops unknown fields and fields that are null, or refuses them; what a person wrote into a
file is treated as strictly as `kubectl apply` does, with more to say about it.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from fairway.api.errors import ManifestError, Problem
from fairway.api.faults import Fault, faults_of, schema_at, unknown_field
from fairway.api.v1alpha1 import API_VERSION, KIND, Metadata, ModelDeployment
from fairway.api.yaml_text import Document, dotted, read_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fairway.api.structural import Schema

# apimachinery's ObjectMeta: what a user may write there and what the API server adds.
_METADATA_FIELDS = (
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
# The API server's copy of the manifest inside the object.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Text that PyYAML writes bare but another YAML reader takes for a number or a boolean.
_AMBIGUOUS = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|[yYnN]")


def load_manifests(
    text: str, source: str, on_note: Callable[[Problem], None] | None = None
) -> list[ModelDeployment]:
    """Read all ModelDeployments of one YAML text.

    Args:
        text: YAML, one document or more.
        source: what to call the text in errors, usually the file's name.
        on_note: told of what was left out without being an error (a written `status`).

    Raises:
        ManifestError: every problem of every document, each with field, file and line.
    """
    return load_all([(source, text)], on_note)


def load_all(
    sources: Iterable[tuple[str, str]], on_note: Callable[[Problem], None] | None = None
) -> list[ModelDeployment]:
    """Read the ModelDeployments of several texts (name, YAML) together: one name may be used only once.

    Raises:
        ManifestError: every problem of every text.
    """
    models: list[tuple[ModelDeployment, Problem]] = []
    problems: list[Problem] = []
    for source, text in sources:
        try:
            documents = read_documents(text, source)
        except ManifestError as error:
            problems += error.errors
            continue
        if not documents:
            problems.append(Problem(f"holds no {KIND}", source=source))
        for document in documents:
            checked = _checked(_without_status(document, source, on_note), strict=True)
            if isinstance(checked, ModelDeployment):
                name_place = _located((("metadata", "name"), ""), document, source)
                models.append((checked, name_place))
            else:
                found = (_located(fault, document, source) for fault in checked)
                problems += sorted(found, key=lambda problem: problem.line or 0)
    problems += _twins(models)
    if problems:
        raise ManifestError(tuple(problems))
    return [md for md, _ in models]


def load_object(obj: Any, *, strict: bool = True) -> ModelDeployment:
    """Read one ModelDeployment from its JSON form, as the API server hands it out or a file holds it.

    Args:
        obj: the decoded object; not changed.
        strict: refuse unknown fields. The operator reads with False: the CRD may be newer than it.

    Raises:
        ManifestError: every problem, with its field.
    """
    checked = _checked(obj, strict=strict)
    if isinstance(checked, ModelDeployment):
        return checked
    raise ManifestError(tuple(Problem(message, dotted(path)) for path, message in checked))


def to_manifest(md: ModelDeployment) -> str:
    """Write the part of a ModelDeployment that its user owns, as YAML that `load_manifests` reads back.

    Only what was set: no defaults that nobody wrote, no nulls, no empty blocks, no status.
    """
    written = md.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    written["metadata"].get("annotations", {}).pop(_LAST_APPLIED, None)
    metadata = {
        key: written["metadata"][key]
        for key in ("name", "namespace", "labels", "annotations")
        if written["metadata"].get(key)
    }
    spec = _without_empty(written["spec"], schema_at(("spec",)))
    manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _checked(obj: Any, *, strict: bool) -> ModelDeployment | tuple[Fault, ...]:
    if not isinstance(obj, dict):
        return (((), f"a manifest is a mapping that starts with apiVersion: {API_VERSION}"),)
    if wrong := tuple(
        (
            (field,),
            f"must be {expected}, not {json.dumps(obj[field])}"
            if obj.get(field)
            else f"is missing: {expected}",
        )
        for field, expected in (("apiVersion", API_VERSION), ("kind", KIND))
        if obj.get(field) != expected
    ):
        return wrong
    obj = _without_nulls(obj)
    unknown = _unknown_metadata(obj) if strict else ()
    try:
        # As JSON, because pydantic's strict mode takes enums and lists there, and still refuses "5" for 5.
        md = ModelDeployment.model_validate_json(
            json.dumps(obj), strict=True, by_alias=True, by_name=False, extra=None if strict else "ignore"
        )
    except ValidationError as error:
        return (*faults_of(error), *unknown)
    if unknown:
        return unknown
    if strict:
        return md
    # `extra="ignore"` reaches the metadata too, whose other fields are carried along.
    return md.model_copy(update={"metadata": Metadata.model_validate(obj["metadata"])})


def _twins(models: Iterable[tuple[ModelDeployment, Problem]]) -> Iterator[Problem]:
    """A problem for every model whose name stands already further up."""
    first: dict[tuple[str, str], Problem] = {}
    for md, place in models:
        name = md.metadata.name
        earlier = first.setdefault((md.metadata.namespace, name), place)
        if earlier is not place:
            where = f"{earlier.source}:{earlier.line}"
            yield replace(place, message=f"{name} is written twice; the first is at {where}")


def _unknown_metadata(obj: dict[str, Any]) -> tuple[Fault, ...]:
    metadata = obj.get("metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    return tuple(
        (("metadata", field), unknown_field(("metadata", field), _METADATA_FIELDS))
        for field in fields
        if field not in _METADATA_FIELDS
    )


def _without_status(document: Document, source: str, on_note: Callable[[Problem], None] | None) -> Any:
    if not isinstance(document.value, dict) or "status" not in document.value:
        return document.value
    if on_note:
        on_note(_located((("status",), "left out: Fairway alone writes it"), document, source))
    return {key: value for key, value in document.value.items() if key != "status"}


def _located(fault: Fault, document: Document, source: str) -> Problem:
    path, message = fault
    return Problem(message, dotted(path), source, document.line_of(path))


def _without_nulls(value: Any) -> Any:
    """As the API server does: a field that is null is a field that is not there."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _without_empty(block: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Leave out the blocks that are empty and would be there anyway."""
    fields = schema.get("properties", {})
    slim = {k: _without_empty(v, fields.get(k, {})) if isinstance(v, dict) else v for k, v in block.items()}
    return {k: v for k, v in slim.items() if v != {} or fields.get(k, {}).get("default") != {}}


class _Dumper(yaml.SafeDumper):
    """Quotes text that any common YAML reader could take for something else."""


def _write_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "'" if _AMBIGUOUS.fullmatch(text) else None
    if not text.replace("\n", "").isprintable():
        style = '"'  # with escapes: a bare U+0085 comes back as a line break
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)
