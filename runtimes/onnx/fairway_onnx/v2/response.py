"""The answers of the protocol as JSON bytes."""

from collections.abc import Mapping
from typing import Any

import orjson

from fairway_onnx import __version__
from fairway_onnx.datatypes import Array, datatype_of
from fairway_onnx.signature import Dimension, Signature, TensorSpec
from fairway_onnx.v2 import tensor_json
from fairway_onnx.v2.request import Parameters

SERVER_NAME = "fairway-onnx"
PLATFORM = "onnxruntime_onnx"


def encode_response(
    model: tuple[str, str],
    outputs: Mapping[str, Array],
    request_id: str | None,
    parameters: Parameters | None,
) -> bytes:
    """The answer to one infer request.

    Args:
        model: name and version.
        outputs: named arrays, in the order in which they were asked for.
        request_id: the request's `id`, echoed.
        parameters: the request's `parameters`, echoed.
    """
    answer: dict[str, Any] = {"model_name": model[0], "model_version": model[1]}
    if request_id is not None:
        answer["id"] = request_id
    if parameters is not None:
        answer["parameters"] = parameters
    answer["outputs"] = [_tensor(name, array) for name, array in outputs.items()]
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_server_metadata() -> bytes:
    return orjson.dumps({"name": SERVER_NAME, "version": __version__, "extensions": []})


def encode_model_metadata(model: tuple[str, str], signature: Signature) -> bytes:
    return orjson.dumps(
        {
            "name": model[0],
            "versions": [model[1]],
            "platform": PLATFORM,
            "inputs": [_spec(spec) for spec in signature.inputs],
            "outputs": [_spec(spec) for spec in signature.outputs],
        }
    )


def _tensor(name: str, array: Array) -> dict[str, Any]:
    datatype = datatype_of(array)
    data, non_finite = tensor_json.encode(array, datatype)
    tensor: dict[str, Any] = {"name": name, "shape": array.shape, "datatype": datatype.name}
    if non_finite:
        tensor["parameters"] = {"non_finite": True}
    tensor["data"] = data
    return tensor


def _spec(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": [_size(size) for size in spec.shape]}


def _size(size: Dimension) -> int:
    return size if isinstance(size, int) else -1
