"""A model that cannot be served costs nobody anything and is explained in one sentence."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import external_data_helper

from fairway.cli.exits import Exit
from laptop import models
from laptop.fairway import Laptop, eventually
from laptop.manifests import deployment
from laptop.story import Story
from laptop.users import complaints


def _missing(folder: Path) -> Path:
    return folder / "nowhere.onnx"


def _text(folder: Path) -> Path:
    file = folder / "text.onnx"
    file.write_text("hello, I am no model")
    return file


def _truncated(folder: Path) -> Path:
    file = models.save(models.good(77), folder / "truncated.onnx")
    file.write_bytes(file.read_bytes()[:60])
    return file


def _too_new(folder: Path) -> Path:
    return models.save(models.too_new(), folder / "new.onnx")


def _outside(folder: Path) -> Path:
    """Its weights lie beside its folder and not in it."""
    inside = folder / "outside"
    inside.mkdir()
    model = models.good(78)
    external_data_helper.set_external_data(model.graph.initializer[1], location="../weights.bin")
    model.graph.initializer[1].data_location = onnx.TensorProto.EXTERNAL
    (folder / "weights.bin").write_bytes(model.graph.initializer[1].raw_data)
    model.graph.initializer[1].ClearField("raw_data")
    models.save(model, inside / "model.onnx")
    return inside


def _link(folder: Path) -> Path:
    inside = folder / "link"
    inside.mkdir()
    (inside / "model.onnx").symlink_to("/etc/passwd")
    return inside


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(_missing, "there is no file or folder", id="missing"),
        pytest.param(_text, "is not an ONNX model or is truncated", id="not ONNX"),
        pytest.param(_truncated, "is not an ONNX model or is truncated", id="truncated"),
        pytest.param(_too_new, "export it for an older opset", id="opset too new"),
        pytest.param(_outside, "lies outside the model's folder", id="external data outside"),
        pytest.param(_link, "is a link that leads out of the model's folder", id="link to outside"),
        pytest.param(_empty, "is empty", id="empty folder"),
    ],
)
async def test_what_cannot_be_served_is_explained_and_stable_serves_on(
    shared: Laptop, make: Callable[[Path], Path], words: str
) -> None:
    story = Story(shared, "steady")
    stable = story.status.stable or await story.begin()
    async with story.users(clients=1) as load:
        story.apply(make(shared.folder))
        end = await shared.end(ref=story.ref)
        assert end.code is Exit.NEVER_READY
        assert words in end.message
        assert story.status.stable == stable
        before = load.snapshot().requests
        await eventually(lambda: load.snapshot().requests > before + 20, why="stable serves on")
        assert complaints(load.snapshot()) == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_a_first_model_that_cannot_be_served_says_so_at_once_and_goes_live_when_it_is_put_right(
    shared: Laptop,
) -> None:
    story = Story(shared, "late")
    file = shared.folder / "late.onnx"
    story.apply(file)
    said = await shared.run("status", "late", "-w", "--timeout", "15s")
    assert said.code == Exit.NEVER_READY
    assert f"there is no file or folder {file}" in said.err
    words = f"ModelNotReadable  there is no file or folder {file}"
    await eventually(lambda: words in shared.said(), why="`up` says it")
    models.save(models.good(1), file)
    await shared.live(story.ref)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pin_that_does_not_fit_is_said_with_both_digests(shared: Laptop) -> None:
    story = Story(shared, "pinned")
    file = story.good()
    md = deployment(file, name=story.name)
    pinned = md.spec.model.model_copy(update={"sha256": "0" * 64})
    shared.put(md.model_copy(update={"spec": md.spec.model_copy(update={"model": pinned})}))
    end = await shared.end(ref=story.ref)
    assert end.code is Exit.NEVER_READY
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert end.message == f"file://{file} has sha256 {digest}, the spec pins {'0' * 64}"
