"""The model file is found, and what must not reach the runtime is refused before it does."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fairway_onnx.errors import (
    ExternalDataMissingError,
    ExternalDataOutsideFolderError,
    ModelInvalidError,
    ModelNotFoundError,
)
from fairway_onnx.model_files import check_model, find_model

from . import onnx_models as models


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = models.save(models.doubler(), tmp_path / "fraud.onnx")
    assert find_model(file) == file


def test_a_folder_means_its_only_onnx_file(tmp_path: Path) -> None:
    file = models.save(models.doubler(), tmp_path / "fraud.onnx")
    (tmp_path / "README.md").touch()
    assert find_model(tmp_path) == file


def test_model_onnx_wins_in_a_folder_of_several(tmp_path: Path) -> None:
    models.save(models.doubler(), tmp_path / "a.onnx")
    file = models.save(models.doubler(), tmp_path / "model.onnx")
    assert find_model(tmp_path) == file


@pytest.mark.parametrize(
    ("names", "says"),
    [([], "holds no .onnx file"), (["a.onnx", "b.onnx"], "holds 2 .onnx files and none is named model.onnx")],
)
def test_a_folder_without_one_model_is_refused(tmp_path: Path, names: list[str], says: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(ModelNotFoundError, match=says):
        find_model(tmp_path)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="there is no model at"):
        find_model(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"hello, this is no model", "not an ONNX model or is truncated"),
        (b"\x08\x0a", "it has no graph"),
        (models.doubler().SerializeToString()[:-10], "truncated"),
    ],
    ids=["empty", "git lfs", "text", "no graph", "truncated"],
)
def test_says_what_is_wrong_with_the_file(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(content)
    with pytest.raises(ModelInvalidError, match=says):
        check_model(file)


def test_does_not_wait_on_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(ModelInvalidError, match="not a regular file"):
        check_model(tmp_path / "m.onnx")


def external(folder: Path, location: str) -> Path:
    return models.save(models.with_external_weights(location), folder / "model" / "m.onnx")


def test_external_data_inside_the_folder_is_fine(tmp_path: Path) -> None:
    file = external(tmp_path, "parts/w.bin")
    (file.parent / "parts").mkdir()
    (file.parent / "parts" / "w.bin").write_bytes(bytes(16))
    assert check_model(file).external_locations == (b"parts/w.bin",)


def test_a_mounted_config_map_is_fine(tmp_path: Path) -> None:
    """Kubernetes mounts every file as a link into a folder beside it."""
    folder = tmp_path / "model"
    models.save(models.with_external_weights("w.bin"), folder / "..data_1" / "m.onnx")
    (folder / "..data_1" / "w.bin").write_bytes(bytes(16))
    (folder / "..data").symlink_to("..data_1")
    for name in ("m.onnx", "w.bin"):
        (folder / name).symlink_to(Path("..data") / name)
    assert check_model(find_model(folder)).external_locations == (b"w.bin",)


@pytest.mark.parametrize(
    "location",
    ["/etc/passwd", "../secret", "a/../../secret", "a/..", "..", "*/_ORT_MEM_ADDR_/*", "//etc/passwd"],
)
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    with pytest.raises(ExternalDataOutsideFolderError, match="outside the model's folder"):
        check_model(external(tmp_path, location))


def link_to_file(folder: Path, secret: Path) -> None:
    (folder / "w.bin").symlink_to(secret)


def link_by_folder(folder: Path, secret: Path) -> None:
    (folder / "parts").symlink_to(secret.parent)
    (folder / "w.bin").symlink_to(Path("parts") / secret.name)


def link_to_nothing(folder: Path, secret: Path) -> None:
    (folder / "w.bin").symlink_to(secret.with_name("not there"))


@pytest.mark.parametrize("make_link", [link_to_file, link_by_folder, link_to_nothing])
def test_a_link_that_leads_outside_is_refused(
    tmp_path: Path, make_link: Callable[[Path, Path], None]
) -> None:
    file = external(tmp_path, "w.bin")
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(16))
    make_link(file.parent, secret)
    with pytest.raises(ExternalDataOutsideFolderError, match="leads outside"):
        check_model(file)


def test_a_folder_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    file = external(tmp_path, "w.bin")
    (tmp_path / "model2").mkdir()
    (tmp_path / "model2" / "w.bin").touch()
    (file.parent / "w.bin").symlink_to(tmp_path / "model2" / "w.bin")
    with pytest.raises(ExternalDataOutsideFolderError):
        check_model(file)


def test_missing_external_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExternalDataMissingError, match=r"'w\.bin' is missing"):
        check_model(external(tmp_path, "w.bin"))


def test_external_data_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    file = external(tmp_path, "w.bin")
    (file.parent / "w.bin").mkdir()
    with pytest.raises(ExternalDataMissingError, match="not a regular file"):
        check_model(file)


@pytest.mark.parametrize("location", ["", "a\0b"])
def test_a_location_that_is_no_file_name_is_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(ModelInvalidError, match="no file name"):
        check_model(external(tmp_path, location))
