"""What an agent must remember to come back without harm: the world that Envoy acknowledged last.

An agent that came back with nothing would make Envoy drop everything it serves. Clusters that were offered
besides are kept too: if the agent dies before an acknowledgement, Envoy may be using them already.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from fairway.adapters.xds.resources import Endpoint, Model, Resource
from fairway.core.route import Backend, Route

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Models by key, clusters and endpoints by cluster name."""

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
        json.dump(_to_json(snapshot), file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load(path: Path) -> Snapshot | None:
    """The last snapshot; None when there is none.

    Raises:
        ValueError: the file is not a snapshot of this format.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    try:
        return _from_json(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a snapshot: {error!r}") from error


def _to_json(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "acknowledged": {key: _model_to_json(model) for key, model in snapshot.acknowledged.items()},
        "in_use": [_resource_to_json(cluster) for cluster in snapshot.in_use.values()],
        "endpoints": {
            name: [[one.host, one.port] for one in ends] for name, ends in snapshot.endpoints.items()
        },
    }


def _from_json(content: dict[str, Any]) -> Snapshot:
    if content["format"] != FORMAT:
        raise ValueError(f"snapshot format {content['format']}, expected {FORMAT}")
    return Snapshot(
        acknowledged={key: _model_from_json(model) for key, model in content["acknowledged"].items()},
        in_use={cluster.name: cluster for cluster in map(_resource_from_json, content["in_use"])},
        endpoints={
            name: tuple(Endpoint(host, port) for host, port in ends)
            for name, ends in content["endpoints"].items()
        },
    )


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
