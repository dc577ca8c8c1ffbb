"""Answers as a transport writes them."""

from dataclasses import dataclass
from typing import Any

import orjson

from fairway_onnx.errors import MethodNotAllowedError, RequestError

Headers = tuple[tuple[bytes, bytes], ...]

JSON: Headers = ((b"content-type", b"application/json"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """`reason` is the error's label in the metrics, None for a success."""

    status: int
    body: bytes
    headers: Headers = JSON
    reason: str | None = None


def error_reply(error: RequestError, request_id: str) -> Reply:
    """The protocol's error body; a failure of ours also carries the id under which the log tells more."""
    content: dict[str, Any] = {"error": str(error)}
    if error.status >= 500:
        content["request_id"] = request_id
    headers = JSON
    if error.retry_after_seconds is not None:
        headers = (*headers, (b"retry-after", str(error.retry_after_seconds).encode()))
    if isinstance(error, MethodNotAllowedError):
        headers = (*headers, (b"allow", error.allowed.encode()))
    return Reply(error.status, orjson.dumps(content), headers, error.reason)
