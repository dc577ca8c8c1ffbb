"""The settings of one server process: flags, each also an environment variable FAIRWAY_ONNX_<NAME>."""

import argparse
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairway_onnx.cpus import usable_cpus

ENV_PREFIX = "FAIRWAY_ONNX_"

_PATH_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


@dataclass(frozen=True, slots=True)
class Settings:
    """`workers` is how many runs of the model go on at once; the times are in seconds."""

    model: Path
    name: str
    version: str
    host: str
    port: int
    address_file: Path | None
    termination_log: Path | None
    device: str
    threads: int
    workers: int
    max_batch_size: int
    max_body_bytes: int
    max_queue: int
    request_timeout: float
    drain_seconds: float
    log_format: str


def parse_settings(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Settings:
    """Read the flags; a flag wins over its environment variable.

    Args:
        arguments: the command line without the program; None reads that of this process.
        environment: the variables.

    Raises:
        SystemExit: with code 2 and a sentence on stderr when a setting is missing or wrong, 0 after `--help`.
    """
    parser = argparse.ArgumentParser(
        prog="fairway-onnx",
        description="Serve one ONNX model over the Open Inference Protocol v2.",
        epilog=f"Each flag is also an environment variable, e.g. {ENV_PREFIX}MAX_QUEUE for --max-queue.",
    )
    _add_flags(parser, environment)
    options = parser.parse_args(arguments)
    name = options.name if options.name is not None else _default_name(options.model)
    if not _PATH_SAFE.fullmatch(name):
        parser.error(f"the model name {name!r} must be letters, digits, '.', '_' or '-': set one by --name")
    workers = options.workers or max(1, usable_cpus() // options.threads)
    return Settings(**{**vars(options), "name": name, "workers": workers})


def _add_flags(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    def flag(name: str, kind: Callable[[str], object], default: object, text: str) -> None:
        value = environment.get(ENV_PREFIX + name.replace("-", "_").upper()) or default
        required = value is None and default is None and name == "model"
        parser.add_argument(f"--{name}", type=kind, default=value, required=required, help=text)

    flag("model", Path, None, "an .onnx file, or a folder that holds model.onnx or exactly one .onnx file")
    flag("name", str, None, "name in the protocol (default: the file's or folder's name)")
    flag("version", _version, "1", "version in the protocol (default: 1)")
    flag("host", str, "127.0.0.1", "address to listen on (default: 127.0.0.1)")
    flag("port", _port, 8080, "port to listen on, 0 lets the kernel choose (default: 8080)")
    flag("address-file", Path, None, 'write {"host", "port", "pid"} here once the address is bound')
    flag("termination-log", Path, None, 'write {"reason", "message"} here on a fatal error')
    flag("device", _device, "cpu", "cpu, or cuda: then it never makes do with the CPU (default: cpu)")
    flag("threads", _at_least(1), 1, "threads within one operator (default: 1)")
    flag("workers", _at_least(0), 0, "runs at the same time, 0 means usable CPUs / threads (default: 0)")
    flag("max-batch-size", _at_least(1), 1024, "bound on the first dynamic size of an input (default: 1024)")
    flag(
        "max-body-bytes",
        _at_least(1),
        64 * 2**20,
        "bound on a body, as sent and as decoded (default: 64 MiB)",
    )
    flag("max-queue", _at_least(0), 100, "requests that may wait for a run (default: 100)")
    flag("request-timeout", _seconds, 30.0, "seconds from a request's headers to its answer (default: 30)")
    flag("drain-seconds", _seconds, 30.0, "seconds that a stop waits for requests (default: 30)")
    flag("log-format", _log_format, "json", "json or text (default: json)")


def _default_name(model: Path) -> str:
    return model.absolute().stem if model.suffix == ".onnx" else model.absolute().name


def _at_least(minimum: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        number = int(text)
        if number < minimum:
            raise argparse.ArgumentTypeError(f"{number} is less than {minimum}")
        return number

    return whole_number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not in 0 to 65535")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return number


def _version(text: str) -> str:
    if not _PATH_SAFE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} must be letters, digits, '.', '_' or '-'")
    return text


def _device(text: str) -> str:
    if text not in ("cpu", "cuda"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither cpu nor cuda")
    return text


def _log_format(text: str) -> str:
    if text not in ("json", "text"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither json nor text")
    return text
