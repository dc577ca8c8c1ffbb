"""Which path means what. One model of one version is served, so every valid path is known at the start."""

import re
from enum import Enum, auto

from fairway_onnx.errors import MethodNotAllowedError, UnknownModelError, UnknownPathError, shown


class Endpoint(Enum):
    SERVER_METADATA = auto()
    LIVE = auto()
    READY = auto()
    MODEL_METADATA = auto()
    MODEL_READY = auto()
    INFER = auto()
    METRICS = auto()


_MODEL_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?(/ready|/infer)?")


class Routes:
    def __init__(self, model: str, version: str) -> None:
        self._model = model
        self._version = version
        self._paths = {
            "/v2": Endpoint.SERVER_METADATA,
            "/v2/health/live": Endpoint.LIVE,
            "/v2/health/ready": Endpoint.READY,
            "/metrics": Endpoint.METRICS,
        }
        for base in (f"/v2/models/{model}", f"/v2/models/{model}/versions/{version}"):
            self._paths[base] = Endpoint.MODEL_METADATA
            self._paths[f"{base}/ready"] = Endpoint.MODEL_READY
            self._paths[f"{base}/infer"] = Endpoint.INFER

    def match(self, method: str, path: str) -> Endpoint:
        """The endpoint of a request.

        Raises:
            UnknownModelError, UnknownPathError: no such path.
            MethodNotAllowedError: the path exists, for another method.
        """
        endpoint = self._paths.get(path)
        if endpoint is None:
            raise self._unknown(path)
        allowed = "POST" if endpoint is Endpoint.INFER else "GET"
        if method != allowed:
            raise MethodNotAllowedError(allowed)
        return endpoint

    def _unknown(self, path: str) -> UnknownModelError | UnknownPathError:
        found = _MODEL_PATH.fullmatch(path)
        if found is None:
            return UnknownPathError("there is nothing at this path")
        if found[1] != self._model:
            return UnknownModelError(f"there is no model {shown(found[1])} here")
        return UnknownModelError(f"model {shown(self._model)} has no version {shown(found[2])} here")
