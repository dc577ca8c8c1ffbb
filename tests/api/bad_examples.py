"""Manifests that must be refused, one fault each: for our own validation and for an API server's dry run.

An example is a patch on the smallest manifest: mappings are merged, null takes a field away.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from enum import Enum
from typing import Any

import yaml

SMALLEST = yaml.safe_load(
    """
    apiVersion: fairway.dev/v1alpha1
    kind: ModelDeployment
    metadata: {name: fraud}
    spec:
      model: {uri: "file:models/fraud-1", format: onnx}
      engine: {type: OnnxRuntime}
    """
)


class By(Enum):
    """What makes an API server refuse the example."""

    SCHEMA = "a keyword of the structural schema"
    RULE = "a CEL rule"
    STRICT = "strict field validation, as kubectl asks for"
    METADATA = "its own checks of metadata"
    KIND = "there is no such kind"


@dataclass(frozen=True)
class BadExample:
    """One refused manifest.

    Attributes:
        name: what is wrong, for the test's name.
        patch: YAML.
        path: where our validation finds it.
        words: what our message must contain.
        by: what on the API server refuses it.
        rule: for By.RULE the message of the rule.
    """

    name: str
    patch: str
    path: str
    words: str
    by: By = By.SCHEMA
    rule: str = ""

    @property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = merged(SMALLEST, yaml.safe_load(self.patch))
        return manifest


def merged(value: Any, patch: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(patch, dict):
        return copy.deepcopy(patch)
    both = value | {key: merged(value.get(key), item) for key, item in patch.items()}
    return {key: item for key, item in both.items() if item is not None}


HALF = "must be above 0 and at most 0.5"
RISE = "the weights of the steps must rise"
ODDS = "tolerate must be at least 1 and safeMargin greater than tolerate"
MIN_MAX = "minDuration must not be longer than maxDuration"
YEAR = "must not be more than a year"

BAD_EXAMPLES = (
    BadExample("no spec", "{spec: null}", "spec", "is missing"),
    BadExample("no model", "{spec: {model: null}}", "spec.model", "is missing"),
    BadExample("no uri", "{spec: {model: {uri: null}}}", "spec.model.uri", "is missing"),
    BadExample("no format", "{spec: {model: {format: null}}}", "spec.model.format", "is missing"),
    BadExample("no engine", "{spec: {engine: null}}", "spec.engine", "is missing"),
    BadExample("no engine type", "{spec: {engine: {type: null}}}", "spec.engine.type", "is missing"),
    BadExample("spec is text", "{spec: fraud}", "spec", 'must be a mapping (key: value), not "fraud"'),
    BadExample(
        "uri without scheme", "{spec: {model: {uri: models/fraud}}}", "spec.model.uri", "URI like file:"
    ),
    BadExample(
        "empty uri", "{spec: {model: {uri: ''}}}", "spec.model.uri", 'URI like file:models/fraud-7, not ""'
    ),
    BadExample(
        "endless uri",
        f"{{spec: {{model: {{uri: 'file:{'x' * 2048}'}}}}}}",
        "spec.model.uri",
        "must have at most 2048 characters, not 2053",
    ),
    BadExample(
        "uri of two lines", '{spec: {model: {uri: "file:a\\nb"}}}', "spec.model.uri", "URI like file:"
    ),
    BadExample(
        "format nobody serves",
        "{spec: {model: {format: pickle}}}",
        "spec.model.format",
        'must be onnx, not "pickle"',
    ),
    BadExample("number as name", "{spec: {model: {name: 7}}}", "spec.model.name", "must be text, not 7"),
    BadExample("slash in name", "{spec: {model: {name: a/b}}}", "spec.model.name", "letters, digits"),
    BadExample(
        "long name",
        f"{{spec: {{model: {{name: {'x' * 64}}}}}}}",
        "spec.model.name",
        "at most 63 characters, not 64",
    ),
    BadExample("short pin", "{spec: {model: {sha256: abc}}}", "spec.model.sha256", "64 hexadecimal digits"),
    BadExample(
        "pin in capitals",
        f"{{spec: {{model: {{sha256: {'A' * 64}}}}}}}",
        "spec.model.sha256",
        "in lower case",
    ),
    BadExample(
        "engine in another case",
        "{spec: {engine: {type: onnxruntime}}}",
        "spec.engine.type",
        "must be OnnxRuntime",
    ),
    BadExample(
        "settings of another engine",
        "{spec: {engine: {type: Triton, onnxRuntime: {threads: 2}}}}",
        "spec.engine",
        "onnxRuntime is for type OnnxRuntime",
        By.RULE,
        "onnxRuntime is for type OnnxRuntime",
    ),
    BadExample(
        "settings of Triton for another engine",
        "{spec: {engine: {triton: {threads: 2}}}}",
        "spec.engine",
        "triton is for type Triton",
        By.RULE,
        "triton is for type Triton",
    ),
    BadExample(
        "settings of KServe for another engine",
        "{spec: {engine: {kserve: {runtime: onnx}}}}",
        "spec.engine",
        "kserve is for type KServe",
        By.RULE,
        "kserve is for type KServe",
    ),
    BadExample(
        "KServe without a runtime's name",
        "{spec: {engine: {type: KServe}}}",
        "spec.engine",
        "needs kserve.runtime",
        By.RULE,
        "type KServe needs kserve.runtime: the name of the runtime that serves the model",
    ),
    BadExample(
        "settings of KServe without a runtime",
        "{spec: {engine: {type: KServe, kserve: {}}}}",
        "spec.engine.kserve.runtime",
        "is missing",
    ),
    BadExample(
        "no threads",
        "{spec: {engine: {onnxRuntime: {threads: 0}}}}",
        "spec.engine.onnxRuntime.threads",
        "at least 1, not 0",
    ),
    BadExample(
        "too many threads",
        "{spec: {engine: {onnxRuntime: {threads: 257}}}}",
        "spec.engine.onnxRuntime.threads",
        "must be at most 256, not 257",
    ),
    BadExample(
        "threads as text",
        "{spec: {engine: {onnxRuntime: {threads: '4'}}}}",
        "spec.engine.onnxRuntime.threads",
        'must be a whole number, not "4"',
    ),
    BadExample(
        "half a thread",
        "{spec: {engine: {onnxRuntime: {threads: 1.5}}}}",
        "spec.engine.onnxRuntime.threads",
        "must be a whole number, not 1.5",
    ),
    BadExample(
        "threads as truth",
        "{spec: {engine: {onnxRuntime: {threads: true}}}}",
        "spec.engine.onnxRuntime.threads",
        "must be a whole number, not true",
    ),
    BadExample(
        "router nobody has",
        "{spec: {traffic: {router: {type: Nginx}}}}",
        "spec.traffic.router.type",
        "must be Envoy",
    ),
    BadExample(
        "timeout without unit",
        "{spec: {traffic: {timeouts: {request: '30'}}}}",
        "spec.traffic.timeouts.request",
        "write a duration like 30s, 5m or 1h30m, not '30'",
    ),
    BadExample(
        "timeout of nothing",
        "{spec: {traffic: {timeouts: {request: 0s}}}}",
        "spec.traffic.timeouts",
        "at least 10ms",
        By.RULE,
        "request must be at least 10ms",
    ),
    BadExample(
        "timeout as number",
        "{spec: {traffic: {timeouts: {request: 30}}}}",
        "spec.traffic.timeouts.request",
        "write a duration like 30s, 5m or 1h30m, not 30",
    ),
    BadExample(
        "timeout with a line end",
        '{spec: {traffic: {timeouts: {request: "30s\\n"}}}}',
        "spec.traffic.timeouts.request",
        "write a duration",
    ),
    BadExample(
        "long-winded timeout",
        f"{{spec: {{traffic: {{timeouts: {{request: {'1s' * 17}}}}}}}}}",
        "spec.traffic.timeouts.request",
        "at most 32 characters",
    ),
    BadExample(
        "timeout of many years",
        "{spec: {traffic: {timeouts: {request: 9000h}}}}",
        "spec.traffic.timeouts.request",
        "more than a year",
        By.RULE,
        YEAR,
    ),
    BadExample(
        "strategy nobody has",
        "{spec: {rollout: {strategy: BigBang}}}",
        "spec.rollout.strategy",
        'must be Canary, not "BigBang"',
    ),
    BadExample("no steps", "{spec: {rollout: {steps: []}}}", "spec.rollout.steps", "at least 1 item, not 0"),
    BadExample(
        "too many steps",
        f"{{spec: {{rollout: {{steps: [{', '.join(f'{{weight: {n}}}' for n in range(1, 22))}]}}}}}}",
        "spec.rollout.steps",
        "at most 20 items, not 21",
    ),
    BadExample(
        "one step without a list",
        "{spec: {rollout: {steps: {weight: 5}}}}",
        "spec.rollout.steps",
        "must be a list, not a mapping",
    ),
    BadExample(
        "step is a number", "{spec: {rollout: {steps: [5]}}}", "spec.rollout.steps[0]", "must be a mapping"
    ),
    BadExample(
        "step without weight",
        "{spec: {rollout: {steps: [{weight: 1}, {minDuration: 1m}]}}}",
        "spec.rollout.steps[1].weight",
        "is missing",
    ),
    BadExample(
        "step of nothing",
        "{spec: {rollout: {steps: [{weight: 0}]}}}",
        "spec.rollout.steps[0].weight",
        "at least 1, not 0",
    ),
    BadExample(
        "step of everything",
        "{spec: {rollout: {steps: [{weight: 100}]}}}",
        "spec.rollout.steps[0].weight",
        "must be at most 99, not 100",
    ),
    BadExample(
        "weights that fall",
        "{spec: {rollout: {steps: [{weight: 10}, {weight: 5}]}}}",
        "spec.rollout",
        RISE,
        By.RULE,
        RISE,
    ),
    BadExample(
        "weight twice",
        "{spec: {rollout: {steps: [{weight: 5}, {weight: 5}]}}}",
        "spec.rollout",
        RISE,
        By.RULE,
        RISE,
    ),
    BadExample(
        "step that ends before it may",
        "{spec: {rollout: {steps: [{weight: 5, minDuration: 10m, maxDuration: 5m}]}}}",
        "spec.rollout.steps[0]",
        "minDuration 10m is longer than maxDuration 5m",
        By.RULE,
        MIN_MAX,
    ),
    BadExample(
        "step longer than the default allows",
        "{spec: {rollout: {steps: [{weight: 5, minDuration: 2h}]}}}",
        "spec.rollout.steps[0]",
        "minDuration 2h is longer than maxDuration 1h",
        By.RULE,
        MIN_MAX,
    ),
    BadExample(
        "alpha as number",
        "{spec: {rollout: {analysis: {alpha: 0.05}}}}",
        "spec.rollout.analysis.alpha",
        'write this number as a string: "0.05"',
    ),
    BadExample(
        "alpha in percent",
        "{spec: {rollout: {analysis: {alpha: 5%}}}}",
        "spec.rollout.analysis.alpha",
        'write a decimal string like "0.05"',
    ),
    BadExample(
        "alpha with too many digits",
        "{spec: {rollout: {analysis: {alpha: '0.123456789012345'}}}}",
        "spec.rollout.analysis.alpha",
        "at most 16 characters",
    ),
    *(
        BadExample(
            f"{name} {value}",
            f"{{spec: {{rollout: {{analysis: {{{name}: '{value}'}}}}}}}}",
            "spec.rollout.analysis",
            f"{name} {HALF}",
            By.RULE,
            f"{name} {HALF}",
        )
        for name, value in (("alpha", "0"), ("alpha", "0.51"), ("beta", "0.0"), ("negligible", "1"))
    ),
    BadExample(
        "tolerating less than nothing",
        "{spec: {rollout: {analysis: {tolerate: '0.9'}}}}",
        "spec.rollout.analysis",
        ODDS,
        By.RULE,
        ODDS,
    ),
    BadExample(
        "safe margin inside the tolerance",
        "{spec: {rollout: {analysis: {safeMargin: '1.1'}}}}",
        "spec.rollout.analysis",
        ODDS,
        By.RULE,
        ODDS,
    ),
    BadExample(
        "tolerance beyond the default margin",
        "{spec: {rollout: {analysis: {tolerate: '1.5'}}}}",
        "spec.rollout.analysis",
        ODDS,
        By.RULE,
        ODDS,
    ),
    BadExample(
        "interval too short to count in",
        "{spec: {rollout: {analysis: {interval: 50ms}}}}",
        "spec.rollout.analysis",
        "interval must be at least 100ms",
        By.RULE,
        "interval must be at least 100ms",
    ),
    BadExample(
        "choice in another case",
        "{spec: {rollout: {analysis: {onInconclusive: hold}}}}",
        "spec.rollout.analysis.onInconclusive",
        'must be Advance, Hold or Rollback, not "hold"; did you mean Hold?',
    ),
    BadExample(
        "choice with a slip",
        "{spec: {rollout: {analysis: {onNoTraffic: Advence}}}}",
        "spec.rollout.analysis.onNoTraffic",
        "did you mean Advance?",
    ),
    BadExample("bake is a list", "{spec: {rollout: {bake: []}}}", "spec.rollout.bake", "must be a mapping"),
    BadExample(
        "field with a slip",
        "{spec: {rollout: {analysis: {intervall: 5s}}}}",
        "spec.rollout.analysis.intervall",
        "unknown field; did you mean interval?",
        By.STRICT,
    ),
    BadExample(
        "field with underscores",
        "{spec: {engine: {onnxRuntime: {max_batch_size: 4}}}}",
        "spec.engine.onnxRuntime.max_batch_size",
        "unknown field; did you mean maxBatchSize?",
        By.STRICT,
    ),
    BadExample(
        "field in the wrong block",
        "{spec: {steps: [{weight: 5}]}}",
        "spec.steps",
        "unknown field here; did you mean spec.rollout.steps?",
        By.STRICT,
    ),
    BadExample(
        "field nobody knows",
        "{spec: {traffic: {colour: red}}}",
        "spec.traffic.colour",
        "unknown field; known here: router, timeouts",
        By.STRICT,
    ),
    BadExample("block with a slip", "{sepc: {}}", "sepc", "unknown field; did you mean spec?", By.STRICT),
    BadExample(
        "label block with a slip",
        "{metadata: {lables: {a: b}}}",
        "metadata.lables",
        "did you mean labels?",
        By.STRICT,
    ),
    BadExample("no name", "{metadata: {name: null}}", "metadata.name", "is missing", By.METADATA),
    BadExample("no metadata", "{metadata: null}", "metadata", "is missing", By.METADATA),
    BadExample(
        "name in capitals",
        "{metadata: {name: Fraud}}",
        "metadata.name",
        "must be lower-case letters",
        By.METADATA,
    ),
    BadExample(
        "number as label",
        "{metadata: {labels: {tier: 1}}}",
        "metadata.labels.tier",
        "must be text, not 1",
        By.METADATA,
    ),
    BadExample(
        "name too long for what is derived from it",
        f"{{metadata: {{name: {'x' * 41}}}}}",
        "metadata.name",
        "at most 40 characters, not 41",
        By.RULE,
        "metadata.name must have at most 40 characters: the names of pods and Services are derived from it",
    ),
    BadExample(
        "dot in the name",
        "{metadata: {name: fraud.v2}}",
        "metadata.name",
        "must be lower-case letters",
        By.RULE,
        "metadata.name must not contain a dot",
    ),
    BadExample(
        "no server at all",
        "{spec: {scaling: {min: 0}}}",
        "spec.scaling.min",
        "must be at least 1, not 0",
    ),
    BadExample(
        "more at least than at most",
        "{spec: {scaling: {min: 3, max: 2}}}",
        "spec.scaling",
        "max must be at least min",
        By.RULE,
        "max must be at least min",
    ),
    BadExample(
        "GPUs among the resources",
        "{spec: {resources: {limits: {nvidia.com/gpu: '1'}}}}",
        "spec.resources",
        "GPUs are asked for in spec.gpu",
        By.RULE,
        "GPUs are asked for in spec.gpu",
    ),
    BadExample(
        "memory that is no quantity",
        "{spec: {resources: {limits: {memory: lots}}}}",
        "spec.resources.limits.memory",
        'must be a quantity like 500m, 2 or 4Gi, not "lots"',
    ),
    BadExample(
        "slices of no size",
        "{spec: {gpu: {count: 1, mig: half}}}",
        "spec.gpu.mig",
        'must be a MIG profile like 1g.10gb, not "half"',
    ),
    BadExample(
        "label of ours",
        "{spec: {podTemplate: {labels: {fairway.dev/revision: x}}}}",
        "spec.podTemplate",
        "are Fairway's own",
        By.RULE,
        "keys that start with fairway.dev/ or app.kubernetes.io/managed-by are Fairway's own",
    ),
    BadExample(
        "a variable twice",
        "{spec: {podTemplate: {env: [{name: A}, {name: A}]}}}",
        "spec.podTemplate.env",
        "may be named once",
    ),
    BadExample(
        "Secret of another namespace",
        "{spec: {model: {secretRef: {name: a/b}}}}",
        "spec.model.secretRef.name",
        "must be the name of an object in the same namespace",
    ),
    BadExample(
        "another kind", "{kind: Deployment}", "kind", 'must be ModelDeployment, not "Deployment"', By.KIND
    ),
    BadExample("no kind", "{kind: null}", "kind", "is missing: ModelDeployment", By.KIND),
    BadExample(
        "version to come",
        "{apiVersion: fairway.dev/v1}",
        "apiVersion",
        'must be fairway.dev/v1alpha1, not "fairway.dev/v1"',
        By.KIND,
    ),
)
