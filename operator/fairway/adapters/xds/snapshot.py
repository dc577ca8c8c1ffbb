"""What an agent must remember to come back without harm: the world that Envoy acknowledged last.

An agent that came back with nothing would make Envoy drop everything it serves. Clusters that were offered
besides are kept too: if the agent dies before an acknowledgement, Envoy may be using them already.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fairway.adapters.xds.resources import Endpoint, Model, Resource
from fairway.core.route import Backend, Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Models by key, clusters and endpoints by cluster name. `in_use` contains the clusters of the models."""

    acknowledged: Mapping[str, Model] = field(default_factory=dict)
    in_use: Mapping[str, Resource] = field(default_factory=dict)
    endpoints: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict)


def save(path: Path, snapshot: Snapshot) -> None:
    """Replace the file at once: whoever reads it sees the old one or the new one.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    scratch = path.with_name(f".{path.name}.tmp")
    with scratch.open("w") as file:
        file.writelines(_lines(snapshot))
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load(path: Path) -> Snapshot | None:
    """The last snapshot; None when there is none.

    Raises:
        OSError: the file is there but cannot be read.
        ValueError: it is not a snapshot of this format, or not a whole one.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return None
    try:
        return _from_lines([json.loads(line) for line in lines])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is not a snapshot: {error!r}") from error


def _lines(snapshot: Snapshot) -> Iterator[str]:
    """One line for each thing, so that what did not change need not be spelled again."""
    yield json.dumps({"format": FORMAT}) + "\n"
    spelled = {cluster for model in snapshot.acknowledged.values() for cluster in model.clusters}
    for key, model in snapshot.acknowledged.items():
        yield _model_line(key, model)
    for cluster in snapshot.in_use.values():
        if cluster not in spelled:
            yield _cluster_line(cluster)
    endpoints = {name: [[one.host, one.port] for one in ends] for name, ends in snapshot.endpoints.items()}
    yield json.dumps({"endpoints": endpoints}) + "\n"


def _from_lines(lines: list[dict[str, Any]]) -> Snapshot:
    first, *middle, last = lines
    if first["format"] != FORMAT:
        raise ValueError(f"snapshot format {first['format']}, expected {FORMAT}")
    models = {one["key"]: _model_from_json(one["model"]) for one in middle if "model" in one}
    clusters = [_resource_from_json(one["cluster"]) for one in middle if "cluster" in one]
    clusters += [cluster for model in models.values() for cluster in model.clusters]
    ends = {name: tuple(Endpoint(*one) for one in found) for name, found in last["endpoints"].items()}
    return Snapshot(models, {cluster.name: cluster for cluster in clusters}, ends)


@lru_cache(maxsize=4096)
def _model_line(key: str, model: Model) -> str:
    return json.dumps({"key": key, "model": _model_to_json(model)}) + "\n"


@lru_cache(maxsize=4096)
def _cluster_line(cluster: Resource) -> str:
    return json.dumps({"cluster": _resource_to_json(cluster)}) + "\n"


def _model_to_json(model: Model) -> dict[str, Any]:
    return {
        "route": asdict(model.route),
        "listener": _resource_to_json(model.listener),
        "routes": _resource_to_json(model.routes),
        "clusters": [_resource_to_json(cluster) for cluster in model.clusters],
    }


def _model_from_json(content: dict[str, Any]) -> Model:
    route = dict(content["route"])
    route["backends"] = tuple(Backend(**backend) for backend in route["backends"])
    return Model(
        route=Route(**route),
        listener=_resource_from_json(content["listener"]),
        routes=_resource_from_json(content["routes"]),
        clusters=tuple(_resource_from_json(cluster) for cluster in content["clusters"]),
    )


def _resource_to_json(resource: Resource) -> list[str]:
    return [resource.name, b64encode(resource.payload).decode()]


def _resource_from_json(content: list[str]) -> Resource:
    name, payload = content
    return Resource(name, b64decode(payload))
