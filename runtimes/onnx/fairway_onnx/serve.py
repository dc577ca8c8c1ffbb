"""The life of the process: listen, load, serve, stop."""

import asyncio
import gc
import os
import signal
import socket
import threading

import structlog

from fairway_onnx.dataplane import DataPlane
from fairway_onnx.loading import Loaded, load_model
from fairway_onnx.metrics import Metrics
from fairway_onnx.rest.api import RestApi
from fairway_onnx.rest.routes import Routes
from fairway_onnx.scheduler import Scheduler
from fairway_onnx.settings import Settings
from fairway_onnx.transport.activity import Activity
from fairway_onnx.transport.app import App
from fairway_onnx.transport.server import HttpServer

log = structlog.get_logger()


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: of this process.
        listener: bound and listening.

    Raises:
        FatalError: the model cannot be served.
    """
    loop = asyncio.get_running_loop()
    metrics = Metrics()
    scheduler = Scheduler(settings.workers, settings.max_queue)
    metrics.watch_queue(lambda: scheduler.waiting)
    plane = DataPlane(scheduler, settings.max_batch_size)
    api = RestApi((settings.name, settings.version), plane, metrics, settings.max_body_bytes)
    activity = Activity(loop.time)
    app = App(Routes(settings.name, settings.version), api, metrics, activity, settings.request_timeout)
    server = HttpServer(app, activity)

    stop = _stop_signal(loop)
    serving = asyncio.create_task(server.serve(listener))
    loading = asyncio.create_task(_load(settings, plane, metrics))
    try:
        await _until_stopped(stop, loading, serving)
        log.info("stopping")
        plane.stop()
        if not await server.drain(settings.drain_seconds):
            log.warning("requests_given_up", count=plane.abort())
    finally:
        server.close()
        await serving
    log.info("stopped")


async def _load(settings: Settings, plane: DataPlane, metrics: Metrics) -> None:
    loaded = await _in_thread(settings)
    # What exists now exists for good: the garbage collector need not visit it again.
    gc.collect()
    gc.freeze()
    metrics.model_loaded(loaded.seconds)
    plane.attach(loaded.model)


async def _in_thread(settings: Settings) -> Loaded:
    """Load on a daemon thread, so that a stop need not wait for a big model."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Loaded] = loop.create_future()

    def tell(result: Loaded | BaseException) -> None:
        if done.cancelled():
            return
        if isinstance(result, BaseException):
            done.set_exception(result)
        else:
            done.set_result(result)

    def work() -> None:
        try:
            result: Loaded | BaseException = load_model(settings.model, settings.threads, settings.device)
        except BaseException as error:  # noqa: BLE001 - it is raised where the load is awaited
            result = error
        loop.call_soon_threadsafe(tell, result)

    threading.Thread(target=work, name="load", daemon=True).start()
    return await done


async def _until_stopped(
    stop: asyncio.Event, loading: asyncio.Task[None], serving: asyncio.Task[None]
) -> None:
    """Return on a stop signal; raise what made loading or serving fail."""
    stopped = asyncio.create_task(stop.wait())
    waits: set[asyncio.Task[object]] = {stopped, loading, serving}
    try:
        while not stopped.done():
            done, waits = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        stopped.cancel()
        loading.cancel()


def _stop_signal(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second one ends the process at once."""
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop
