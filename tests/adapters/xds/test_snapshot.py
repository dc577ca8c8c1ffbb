"""What an agent remembers over its own death."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairway.adapters.xds.descriptors import encode_model
from fairway.adapters.xds.resources import Endpoint, ModelConfig, Resource
from fairway.adapters.xds.snapshot import Snapshot, load, save
from fairway.core.route import Backend, Route
from fairway.render.envoy import render_model


def make_snapshot() -> Snapshot:
    route = Route("shop", "fraud", 9001, (Backend("v2", 50), Backend("v1", 950)), request_timeout_seconds=2.5)
    model = encode_model(ModelConfig(route, render_model(route)))
    clusters = {one.name: one for one in (*model.clusters, Resource("shop/fraud/v0", b"old"))}
    endpoints = {"shop/fraud/v1": (Endpoint("127.0.0.1", 8080),), "shop/fraud/v0": ()}
    return Snapshot({"shop/fraud": model}, clusters, endpoints)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """To the byte: Envoy takes a cluster that differs for a new one, and its counters start again."""
    save(tmp_path / "snapshot", make_snapshot())
    assert load(tmp_path / "snapshot") == make_snapshot()


def test_no_file_is_no_snapshot(tmp_path: Path) -> None:
    assert load(tmp_path / "snapshot") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "acknowledged": 5}'])
def test_a_damaged_file_is_a_value_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "snapshot").write_text(text)
    with pytest.raises(ValueError, match=r"."):
        load(tmp_path / "snapshot")


def test_a_failed_save_leaves_the_old_snapshot(tmp_path: Path) -> None:
    """A full disk must not cost what is known."""
    path = tmp_path / "snapshot"
    save(path, make_snapshot())
    path.with_name(".snapshot.tmp").mkdir()
    with pytest.raises(OSError, match=r"."):
        save(path, Snapshot())
    assert load(path) == make_snapshot()


def test_half_a_file_is_a_value_error(tmp_path: Path) -> None:
    """Half of a world would make Envoy drop the other half."""
    path = tmp_path / "snapshot"
    save(path, make_snapshot())
    lines = path.read_text().splitlines(keepends=True)
    for count in range(len(lines)):
        path.write_text("".join(lines[:count]))
        with pytest.raises(ValueError, match=r"."):
            load(path)


def test_the_file_names_its_format(tmp_path: Path) -> None:
    """A later release must be able to tell."""
    save(tmp_path / "snapshot", Snapshot())
    assert json.loads((tmp_path / "snapshot").read_text().splitlines()[0])["format"] == 1
