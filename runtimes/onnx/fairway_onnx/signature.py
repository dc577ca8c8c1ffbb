"""What a model takes and gives, and the checks of one request against it. Pure.

Everything a client can get wrong about names, datatypes and shapes is found here, before the model runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairway_onnx.datatypes import Array, datatype_of
from fairway_onnx.errors import InvalidRequestError, InvalidTensorError, shown

Dimension = int | str | None
"""A fixed size, the name of a dynamic size, or a dynamic size without a name."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output; `datatype` is a name of the protocol such as FP32."""

    name: str
    datatype: str
    shape: tuple[Dimension, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class RequestCheck:
    """Checks the inputs and the wanted outputs of requests against one signature."""

    def __init__(self, signature: Signature, max_batch_size: int) -> None:
        self._inputs = {spec.name: spec for spec in signature.inputs}
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._max_batch_size = max_batch_size

    def inputs(self, given: Mapping[str, Array]) -> None:
        """Find what is wrong with the named arrays of a request.

        Raises:
            InvalidTensorError: an input is unknown, missing, or has the wrong datatype, rank or size.
        """
        for name in given:
            if name not in self._inputs:
                raise InvalidTensorError(
                    name, f"the model has no such input, its inputs are {_listed(self._inputs)}"
                )
        named_sizes: dict[str, tuple[str, int]] = {}
        for name, spec in self._inputs.items():
            array = given.get(name)
            if array is None:
                raise InvalidTensorError(
                    name, f"missing, expected {spec.datatype} of shape {written(spec.shape)}"
                )
            _check_datatype_and_rank(spec, array)
            self._check_batch(spec, array)
            for size, wanted in zip(array.shape, spec.shape, strict=True):
                _check_dimension(spec, array, size, wanted, named_sizes)

    def outputs(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The outputs to compute: all of them when `wanted` is empty.

        Raises:
            InvalidRequestError: more outputs are wanted than the model has.
            InvalidTensorError: an output is unknown.
        """
        if not wanted:
            return self._outputs
        if len(wanted) > len(self._outputs):
            raise InvalidRequestError(f"{len(wanted)} outputs requested, the model has {len(self._outputs)}")
        for name in wanted:
            if name not in self._outputs:
                problem = f"the model has no such output, its outputs are {_listed(self._outputs)}"
                raise InvalidTensorError(name, problem, role="output")
        return tuple(wanted)

    def _check_batch(self, spec: TensorSpec, array: Array) -> None:
        for size, wanted in zip(array.shape, spec.shape, strict=True):
            if not isinstance(wanted, int):
                if not 1 <= size <= self._max_batch_size:
                    raise InvalidTensorError(
                        spec.name,
                        f"batch size must be 1 to {self._max_batch_size}, got {size} in {list(array.shape)}",
                    )
                return


def written(shape: Sequence[Dimension]) -> str:
    """A shape as error messages show it, a dynamic size as its name or -1."""
    return "[" + ", ".join("-1" if size is None else str(size) for size in shape) + "]"


def _listed(names: Mapping[str, object] | Sequence[str], limit: int = 20) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(shown(name) for name in _first(names, limit)) + more


def _first(names: Mapping[str, object] | Sequence[str], limit: int) -> Iterator[str]:
    return (name for name, _ in zip(names, range(limit), strict=False))


def _check_datatype_and_rank(spec: TensorSpec, array: Array) -> None:
    datatype = datatype_of(array).name
    if datatype != spec.datatype:
        raise InvalidTensorError(spec.name, f"expected datatype {spec.datatype}, got {datatype}")
    if array.ndim != len(spec.shape):
        raise InvalidTensorError(
            spec.name,
            f"expected {len(spec.shape)} dimensions {written(spec.shape)}, "
            f"got {array.ndim} {list(array.shape)}",
        )


def _check_dimension(
    spec: TensorSpec, array: Array, size: int, wanted: Dimension, named_sizes: dict[str, tuple[str, int]]
) -> None:
    if isinstance(wanted, int):
        if size != wanted:
            raise InvalidTensorError(
                spec.name, f"expected shape {written(spec.shape)}, got {list(array.shape)}"
            )
    elif wanted is not None:
        first, first_size = named_sizes.setdefault(wanted, (spec.name, size))
        if size != first_size:
            raise InvalidTensorError(
                spec.name,
                f"dimension {shown(wanted)} is {size} here and {first_size} in input {shown(first)}, "
                "they must agree",
            )
