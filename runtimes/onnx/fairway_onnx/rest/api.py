"""The REST endpoints: each turns a request into a reply by the data plane. Any transport can call it."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairway_onnx.dataplane import DataPlane, InferRequest
from fairway_onnx.errors import InvalidRequestError, UnsupportedEncodingError, shown
from fairway_onnx.metrics import CONTENT_TYPE, Metrics
from fairway_onnx.rest.reply import Reply
from fairway_onnx.rest.routes import Endpoint
from fairway_onnx.v2.request import decode_request
from fairway_onnx.v2.response import encode_model_metadata, encode_response, encode_server_metadata

HeaderMap = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class RestApi:
    """`model` is name and version."""

    model: tuple[str, str]
    plane: DataPlane
    metrics: Metrics
    max_body_bytes: int

    def read(self, endpoint: Endpoint) -> Reply:
        """Answer a GET.

        Raises:
            NotReadyError: the endpoint needs the model, and it is not loaded or the server is stopping.
        """
        match endpoint:
            case Endpoint.LIVE:
                return Reply(200, b'{"live":true}')
            case Endpoint.READY:
                self.plane.check_ready()
                return Reply(200, b'{"ready":true}')
            case Endpoint.MODEL_READY:
                self.plane.check_ready()
                return Reply(200, b'{"name":"%s","ready":true}' % self.model[0].encode())
            case Endpoint.MODEL_METADATA:
                return Reply(200, encode_model_metadata(self.model, self.plane.metadata()))
            case Endpoint.METRICS:
                return Reply(200, self.metrics.exposition(), ((b"content-type", CONTENT_TYPE.encode()),))
            case _:
                return Reply(200, encode_server_metadata())

    def check_before_body(self, headers: HeaderMap) -> None:
        """Refuse what needs no body to be refused.

        Raises:
            UnsupportedEncodingError, InvalidRequestError: the body is not plain JSON.
            NotReadyError, QueueFullError: it would not be served now.
        """
        encoding = headers.get(b"content-encoding", b"identity")
        if encoding != b"identity":
            raise UnsupportedEncodingError(
                f"content-encoding {shown(encoding.decode('latin-1'), 40)} is not supported, send plain JSON"
            )
        if b"inference-header-content-length" in headers:
            raise InvalidRequestError("binary tensor data is not supported, send the tensors as JSON")
        self.plane.check_room()

    async def infer(self, body: bytes, deadline: float) -> Reply:
        """Answer an infer request.

        Args:
            body: the JSON text.
            deadline: loop time in seconds.

        Raises:
            RequestError: every way in which it can fail.
        """
        request = decode_request(body, self.max_body_bytes)
        response = await self.plane.infer(InferRequest(request.inputs, request.outputs, deadline))
        return Reply(200, encode_response(self.model, response.outputs, request.id, request.parameters))
