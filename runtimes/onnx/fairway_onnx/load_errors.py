"""What the runtime says when it refuses a model, as one of our errors. Pure.

The runtime has few exception types and tells the reason in prose; the patterns below are held by tests that
run the real runtime, so that a new release that words it differently is noticed.
"""

import re

from fairway_onnx.errors import CustomOpUnknownError, FatalError, ModelInvalidError, ModelTooNewError, shown

_IR_VERSION = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_OPSET = re.compile(
    r"Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)", re.DOTALL
)
_NOT_REGISTERED = re.compile(r"Fatal error: ([^:\s]*):(\S+?)\(-?\d+\) is not a registered function/op")
_NO_SUCH_OP = re.compile(
    r'In Node, \("[^"]*", ([^,"]+), "([^"]*)", -?\d+\)'
    r".*Error No (?:opset import for domain|Op registered for)",
    re.DOTALL,
)
_NOISE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |/onnxruntime_src/\S+(?: .*\))? (?=[A-Z])")
_MAX_MESSAGE = 500


def load_error(message: str, runtime: str) -> FatalError:
    """Why a model cannot be served.

    Args:
        message: the text of the runtime's exception.
        runtime: name and version of the runtime, for the sentence.
    """
    if found := _IR_VERSION.search(message):
        return ModelTooNewError(
            f"the model has ONNX IR version {found[1]}, {runtime} reads up to {found[2]}: "
            "export it for an older one"
        )
    if found := _OPSET.search(message):
        return ModelTooNewError(
            f"the model needs opset {found[1]} of domain {found[2]}, {runtime} has up to {found[3]}: "
            "export it for an older opset"
        )
    if found := _NOT_REGISTERED.search(message):
        return _unknown_op(found[2], found[1], runtime)
    if found := _NO_SUCH_OP.search(message):
        return _unknown_op(found[1], found[2], runtime)
    plain = " ".join(_NOISE.sub("", message).split())
    return ModelInvalidError(f"{runtime} refuses the model: {plain[:_MAX_MESSAGE]}")


def _unknown_op(op: str, domain: str, runtime: str) -> CustomOpUnknownError:
    return CustomOpUnknownError(
        f"the model uses the operator {shown(op)} of domain {shown(domain or 'ai.onnx')}, "
        f"which {runtime} does not have"
    )
