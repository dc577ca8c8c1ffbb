"""The whole CustomResourceDefinition of ModelDeployment, as the API server takes it."""

from __future__ import annotations

from typing import Any, Final

from fairway.api.errors import SchemaError
from fairway.api.spec import MAX_NAME_LENGTH, Spec
from fairway.api.status import Status
from fairway.api.structural import Schema, structural_schema
from fairway.api.v1alpha1 import GROUP, KIND, PLURAL, SHORT_NAME, VERSION, ModelDeployment

# What `kubectl get mdep -w` shows after NAME. Priority 1 is for `-o wide`: a message may be long.
PRINTER_COLUMNS: Final = (
    {
        "name": "Ready",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
        "description": "Whether what the spec asks for has all the traffic, and is healthy.",
    },
    {
        "name": "Reason",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
        "description": "Why it is ready or not, in one word.",
    },
    {
        "name": "Phase",
        "type": "string",
        "jsonPath": ".status.phase",
        "description": "Where the rollout stands.",
    },
    {
        "name": "Weight/1000",
        "type": "integer",
        "jsonPath": ".status.rollout.weight.declared",
        "description": "Requests out of 1000 that the newest rollout gives to its candidate.",
    },
    {
        "name": "Stable",
        "type": "string",
        "jsonPath": ".status.stable",
        "description": "The revision that is trusted.",
    },
    {
        "name": "Candidate",
        "type": "string",
        "jsonPath": ".status.candidate",
        "description": "The revision on its way.",
    },
    {
        "name": "Age",
        "type": "date",
        "jsonPath": ".metadata.creationTimestamp",
        "description": "Time since the resource was made.",
    },
    {
        "name": "URL",
        "type": "string",
        "jsonPath": ".status.url",
        "priority": 1,
        "description": "Where the model answers inside the cluster.",
    },
    {
        "name": "Message",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].message',
        "priority": 1,
        "description": "Why it is ready or not, in a sentence that says what to do.",
    },
)

# Lists whose items have a key: server-side apply then merges them item by item.
_LIST_MAP_KEYS: Final = {"conditions": "type", "revisions": "name"}

# The API server has seen to it that the name is made of DNS labels; derived names need one short label.
_NAME_RULES: Final = (
    {
        "rule": f"size(self.metadata.name) <= {MAX_NAME_LENGTH}",
        "message": f"metadata.name must have at most {MAX_NAME_LENGTH} characters: "
        "the names of pods and Services are derived from it",
    },
    {"rule": "!self.metadata.name.contains('.')", "message": "metadata.name must not contain a dot"},
)


def crd() -> dict[str, Any]:
    """The manifest, ready to be written as YAML.

    Raises:
        SchemaError: the models cannot be written as a structural schema.
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "annotations": {
                # Removing the chart must not remove every model with it.
                "helm.sh/resource-policy": "keep",
            },
            "labels": {"app.kubernetes.io/name": "fairway", "app.kubernetes.io/component": "crd"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": [SHORT_NAME],
                "categories": ["all", "fairway"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [dict(column) for column in PRINTER_COLUMNS],
                    "schema": {"openAPIV3Schema": resource_schema()},
                }
            ],
        },
    }


def resource_schema() -> Schema:
    """The structural schema of a whole ModelDeployment; the API server knows `metadata` itself."""
    return {
        "description": ModelDeployment.__doc__,
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": [dict(rule) for rule in _NAME_RULES],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural_schema(Spec),
            "status": status_schema(),
        },
    }


def status_schema() -> Schema:
    """The status as the operator writes it: no defaults, so that what is read back is what was written."""
    schema = structural_schema(Status)
    _drop_defaults(schema)
    for field, key in _LIST_MAP_KEYS.items():
        items = schema["properties"][field]["items"]
        if key not in items["required"]:
            raise SchemaError(f"status.{field}", f"the key {key} of the list must be required")
        schema["properties"][field] |= {
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": [key],
        }
    return schema


def _drop_defaults(schema: Schema) -> None:
    schema.pop("default", None)
    for child in schema.get("properties", {}).values():
        _drop_defaults(child)
    for key in ("items", "additionalProperties"):
        if key in schema:
            _drop_defaults(schema[key])
