"""Every error of the server, in one tree.

FairwayOnnxError
├── RequestError              one request fails; knows its HTTP status and its metrics label
│   ├── InvalidRequestError       400  ├── InvalidTensorError 400 (names the tensor)
│   ├── UnknownPathError          404  ├── UnknownModelError 404
│   ├── MethodNotAllowedError     405
│   ├── BodyTimeoutError          408
│   ├── BodyTooLargeError         413
│   ├── UnsupportedEncodingError  415
│   ├── QueueFullError            429
│   ├── ClientGoneError           499 (nobody is left to read it)
│   ├── InternalError             500  ├── ModelRunError 500  └── OutputNotTextError 500
│   ├── NotReadyError             503  └── StoppingError 503
│   └── DeadlineError             504
└── FatalError                the process cannot serve; knows its exit code and its reason
    ├── ModelNotFoundError, ModelInvalidError, ModelTooNewError, ExternalDataOutsideFolderError,
    │   ExternalDataMissingError, CustomOpUnknownError          exit code 3
    ├── AddressFileError                                        exit code 2
    ├── AddressUnavailableError                                 exit code 4
    └── DeviceUnavailableError                                  exit code 5
"""

from typing import ClassVar


class FairwayOnnxError(Exception):
    """Anything this package raises on purpose."""


class RequestError(FairwayOnnxError):
    """One request fails; the text is written for the client and shows no internals."""

    status: ClassVar[int]
    reason: ClassVar[str]
    retry_after_seconds: ClassVar[int | None] = None


class InvalidRequestError(RequestError):
    status = 400
    reason = "invalid_request"


class InvalidTensorError(InvalidRequestError):
    reason = "invalid_tensor"

    def __init__(self, tensor: str, problem: str, role: str = "input") -> None:
        super().__init__(f"{role} {shown(tensor)}: {problem}")
        self.problem = problem


class UnknownPathError(RequestError):
    status = 404
    reason = "unknown_path"


class UnknownModelError(RequestError):
    status = 404
    reason = "unknown_model"


class MethodNotAllowedError(RequestError):
    status = 405
    reason = "method_not_allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"method not allowed, use {allowed}")
        self.allowed = allowed


class BodyTimeoutError(RequestError):
    status = 408
    reason = "body_timeout"


class BodyTooLargeError(RequestError):
    status = 413
    reason = "body_too_large"


class UnsupportedEncodingError(RequestError):
    status = 415
    reason = "unsupported_encoding"


class QueueFullError(RequestError):
    status = 429
    reason = "queue_full"
    retry_after_seconds = 1


class ClientGoneError(RequestError):
    status = 499
    reason = "client_gone"


class InternalError(RequestError):
    status = 500
    reason = "internal"


class ModelRunError(RequestError):
    """The model itself failed; what the runtime said is the cause and goes to the log only."""

    status = 500
    reason = "model_run_failed"


class OutputNotTextError(ModelRunError):
    reason = "output_not_text"


class NotReadyError(RequestError):
    status = 503
    reason = "not_ready"
    retry_after_seconds = 1


class StoppingError(NotReadyError):
    reason = "stopping"


class DeadlineError(RequestError):
    status = 504
    reason = "deadline_exceeded"


class FatalError(FairwayOnnxError):
    """The process cannot serve; the text is one sentence for the person who deploys the model."""

    exit_code: ClassVar[int] = 3
    reason: ClassVar[str]


class ModelNotFoundError(FatalError):
    reason = "ModelNotFound"


class ModelInvalidError(FatalError):
    reason = "ModelInvalid"


class ModelTooNewError(FatalError):
    reason = "ModelTooNew"


class ExternalDataOutsideFolderError(FatalError):
    reason = "ExternalDataOutsideFolder"


class ExternalDataMissingError(FatalError):
    reason = "ExternalDataMissing"


class CustomOpUnknownError(FatalError):
    reason = "CustomOpUnknown"


class AddressUnavailableError(FatalError):
    exit_code = 4
    reason = "AddressUnavailable"


class DeviceUnavailableError(FatalError):
    """Another node may have what this one lacks: it is worth to be started again."""

    exit_code = 5
    reason = "DeviceUnavailable"


class AddressFileError(FatalError):
    exit_code = 2
    reason = "AddressFileNotWritten"


def shown(name: str, limit: int = 100) -> str:
    """A name as an error message quotes it: one line, printable, at most `limit` characters."""
    quoted = ascii(name)
    return quoted if len(quoted) <= limit else quoted[: limit - 4] + "...'"
