"""Protocol-free serving of one model: is it ready, what does it take, infer.

Every front (REST now, gRPC later) calls this; none of them knows the runtime.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from fairway_onnx.datatypes import Array
from fairway_onnx.errors import NotReadyError, StoppingError
from fairway_onnx.scheduler import Job, Scheduler
from fairway_onnx.signature import RequestCheck, Signature


class State(Enum):
    LOADING = "the model is loading"
    READY = "ready"
    STOPPING = "the server is stopping"


class Model(Protocol):
    """A loaded model, as `session.OnnxSession` is one."""

    signature: Signature

    def prepare(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Job: ...


@dataclass(frozen=True, slots=True)
class InferRequest:
    """Named arrays; `outputs` empty means all of them; `deadline` is loop time in seconds."""

    inputs: Mapping[str, Array]
    outputs: Sequence[str]
    deadline: float


@dataclass(frozen=True, slots=True)
class InferResponse:
    outputs: Mapping[str, Array]


class DataPlane:
    """Serves one model once `attach` has been called."""

    def __init__(self, scheduler: Scheduler, max_batch_size: int) -> None:
        self._scheduler = scheduler
        self._max_batch_size = max_batch_size
        self._model: tuple[Model, RequestCheck] | None = None
        self._state = State.LOADING

    @property
    def state(self) -> State:
        return self._state

    def attach(self, model: Model) -> None:
        """The model is loaded: from now on requests are served."""
        self._model = (model, RequestCheck(model.signature, self._max_batch_size))
        if self._state is State.LOADING:
            self._state = State.READY

    def stop(self) -> None:
        """Not ready from now on; requests that still come are served until the transport closes."""
        self._state = State.STOPPING

    def abort(self) -> int:
        """Give up on every request; returns how many there were."""
        return self._scheduler.abort(lambda: StoppingError(State.STOPPING.value))

    def check_ready(self) -> None:
        """Whether the router should send requests here.

        Raises:
            NotReadyError: still loading, or stopping.
        """
        if self._state is not State.READY:
            raise NotReadyError(self._state.value)

    def check_room(self) -> None:
        """Refuse a request before its body is read.

        Raises:
            NotReadyError: no model yet.
            QueueFullError: too many requests wait.
        """
        self._loaded()
        self._scheduler.check_room()

    def metadata(self) -> Signature:
        """What the model takes and gives.

        Raises:
            NotReadyError: no model yet.
        """
        return self._loaded()[0].signature

    async def infer(self, request: InferRequest) -> InferResponse:
        """Check a request against the model and run it.

        Raises:
            RequestError: each way in which one request can fail; see errors.py.
        """
        model, check = self._loaded()
        check.inputs(request.inputs)
        outputs = check.outputs(request.outputs)
        job = model.prepare(request.inputs, outputs)
        return InferResponse(await self._scheduler.run(job, request.deadline))

    def _loaded(self) -> tuple[Model, RequestCheck]:
        if self._model is None:
            raise NotReadyError(self._state.value)
        return self._model
