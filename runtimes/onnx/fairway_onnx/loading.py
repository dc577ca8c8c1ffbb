"""Finds, checks, loads and warms up the model. Blocks as long as that takes: run it off the event loop."""

import importlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from fairway_onnx.errors import RequestError
from fairway_onnx.model_files import check_model, find_model
from fairway_onnx.warmup import made_up_inputs

if TYPE_CHECKING:
    from fairway_onnx.dataplane import Model

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Loaded:
    model: "Model"
    seconds: float


def load_model(path: Path, threads: int, device: str) -> Loaded:
    """Make the model ready to run.

    Args:
        path: what `--model` says.
        threads: threads within one operator.
        device: cpu or cuda.

    Raises:
        FatalError: this model can never be served here; the reason says why.
    """
    started = time.perf_counter()
    file = find_model(path)
    facts = check_model(file)
    # Importing the runtime takes a quarter of a second; the event loop answers probes meanwhile.
    session = importlib.import_module("fairway_onnx.session")
    model: Model = session.load(file, threads, device)
    _warm_up(model)
    seconds = time.perf_counter() - started
    log.info(
        "model_loaded",
        file=file.name,
        seconds=round(seconds, 3),
        ir_version=facts.ir_version,
        opsets=dict(facts.opsets),
        runtime=session.RUNTIME,
    )
    return Loaded(model, seconds)


def _warm_up(model: "Model") -> None:
    outputs = [spec.name for spec in model.signature.outputs]
    try:
        model.prepare(made_up_inputs(model.signature), outputs).execute()
    except RequestError as error:
        # Zeros may be senseless to this model; real inputs need not fail.
        log.warning("warm_up_failed", cause=repr(error.__cause__))
