"""What of a spec a laptop does not act on: it places nothing, and runs one server of each revision. Pure."""

from __future__ import annotations

from fairway.api.pod import PodInputs
from fairway.api.spec import Scaling, Spec

CLUSTER_ONLY = (*PodInputs.model_fields, "scaling")


def unheeded(spec: Spec) -> str:
    """One sentence that names such fields; "" when the spec has none.

    Args:
        spec: what the user asks for.
    """
    default = {
        **{name: field.default for name, field in PodInputs.model_fields.items()},
        "scaling": Scaling(),
    }
    found = [
        Spec.model_fields[name].alias or name for name in CLUSTER_ONLY if getattr(spec, name) != default[name]
    ]
    if not found:
        return ""
    return f"on this machine one server runs on its own CPUs: spec.{', spec.'.join(found)} count in a cluster"
