"""Models on a mounted volume; here the volume is a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairway.adapters.artifacts import digest_of
from fairway.fetch import errors
from fairway.fetch.protocols import Access, Entry
from fairway.fetch.stores.pvc import PvcStore
from fetch.world import get, resolve, sha, tree


@pytest.fixture
def claim(tmp_path: Path) -> Path:
    folder = tmp_path / "claim"
    (folder / "fraud/7/data").mkdir(parents=True)
    (folder / "fraud/7/model.onnx").write_bytes(b"m")
    (folder / "fraud/7/data/w.bin").write_bytes(b"w")
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "out").symlink_to("/etc")
    (folder / "links").mkdir()
    (folder / "links/passwd").symlink_to("/etc/passwd")
    return folder


async def test_a_file_is_copied(claim: Path, tmp_path: Path) -> None:
    await get("pvc://models/fraud/7/model.onnx", tmp_path / "m", Access(claim=claim), sha(b"m"))
    assert tree(tmp_path / "m") == {"model.onnx": b"m"}


async def test_a_folder_is_copied(claim: Path, tmp_path: Path) -> None:
    digest = digest_of(f"file:{claim}/fraud/7")
    await get("pvc://models/fraud/7", tmp_path / "m", Access(claim=claim), digest)
    assert tree(tmp_path / "m") == {"data/w.bin": b"w", "model.onnx": b"m"}


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("nowhere", errors.NotFound, "there is no file or folder pvc://models/nowhere"),
        ("empty", errors.NotReadable, "the folder pvc://models/empty is empty"),
        ("pipe", errors.NotReadable, "neither a file nor a folder"),
        ("out", errors.NotReadable, "a link that leads out of the volume"),
        ("links", errors.NotReadable, "a link that leads out of the model's folder"),
        ("../other", errors.WrongUri, "leads out of the volume"),
        ("%2e%2e/other", errors.WrongUri, "leads out of the volume"),
    ],
)
async def test_what_cannot_be_taken_is_one_sentence(
    claim: Path, path: str, kind: type[errors.FetchError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        await resolve(f"pvc://models/{path}", Access(claim=claim))
    assert words in str(caught.value)


async def test_a_volume_that_is_not_mounted_is_said() -> None:
    with pytest.raises(errors.WrongUri, match="a volume that is not mounted here"):
        await resolve("pvc://models/m", Access())


async def test_a_file_that_was_replaced_is_read_anew(claim: Path) -> None:
    store = PvcStore("pvc://models/fraud/7/model.onnx", Access(claim=claim))
    async with store.open(Entry(""), 0, None) as opened:
        tag = opened.tag
    async with store.open(Entry(""), 1, tag) as opened:
        assert opened.start == 1
    (claim / "fraud/7/model.onnx").write_bytes(b"other")
    async with store.open(Entry(""), 1, tag) as opened:
        assert opened.start == 0
