"""What lies behind a `file:` URI is known by its content, and its copy never changes."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from fairway.adapters import artifacts, content
from fairway.adapters.artifacts import FileArtifacts, digest_of


@pytest.fixture
def woken() -> asyncio.Event:
    return asyncio.Event()


@pytest_asyncio.fixture
async def cache(tmp_path: Path, woken: asyncio.Event) -> AsyncIterator[FileArtifacts]:
    made = FileArtifacts(tmp_path / "cache", woken.set)
    yield made
    await made.close()


def _file(folder: Path, content: bytes = b"weights", name: str = "m.onnx") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


async def test_a_file_is_named_by_its_sha256_and_copied(cache: FileArtifacts, tmp_path: Path) -> None:
    file = _file(tmp_path)
    digest = hashlib.sha256(b"weights").hexdigest()
    for uri in (f"file://{file}", f"file:{file}", f"file://localhost{file}"):
        assert (await cache.look(uri)).sha256 == digest
    assert (cache.path(digest) / "model.onnx").read_bytes() == b"weights"
    assert digest_of(f"file:{file}") == digest


async def test_a_folder_is_named_by_the_list_that_sha256sum_prints(
    cache: FileArtifacts, tmp_path: Path
) -> None:
    _file(tmp_path, b"a", "model/a.onnx")
    _file(tmp_path, b"b", "model/deep/b.bin")
    lines = f"{hashlib.sha256(b'a').hexdigest()}  a.onnx\n{hashlib.sha256(b'b').hexdigest()}  deep/b.bin\n"
    digest = (await cache.look(f"file:{tmp_path}/model")).sha256
    assert digest == hashlib.sha256(lines.encode()).hexdigest()
    assert (cache.path(digest) / "deep" / "b.bin").read_bytes() == b"b"


async def test_the_order_of_the_list_is_that_of_bytes(tmp_path: Path) -> None:
    """So that a pin made with `sort` and `sha256sum` is the one that Fairway computes."""
    for name in ("a/b", "a-b", "B", "ä"):
        _file(tmp_path, name.encode(), f"model/{name}")
    command = "find * -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    printed = await asyncio.create_subprocess_shell(
        command, cwd=tmp_path / "model", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await printed.communicate()
    assert digest_of(f"file:{tmp_path}/model") == out.decode().split()[0]


@pytest.mark.parametrize("name", ["a\nb", "a\\b"])
def test_a_name_that_could_forge_the_list_is_refused(tmp_path: Path, name: str) -> None:
    _file(tmp_path, name=f"model/{name}")
    with pytest.raises(content.Unreadable, match="rename the file"):
        digest_of(f"file:{tmp_path}/model")


async def test_a_percent_in_a_uri_is_read_as_a_uri_says(cache: FileArtifacts, tmp_path: Path) -> None:
    _file(tmp_path, name="my model.onnx")
    assert (await cache.look(f"file://{tmp_path}/my%20model.onnx")).sha256


async def test_content_that_is_overwritten_gets_another_name_and_the_old_copy_stays(
    cache: FileArtifacts, tmp_path: Path
) -> None:
    file = _file(tmp_path)
    before = (await cache.look(f"file:{file}")).sha256
    _file(tmp_path, b"other weights")
    after = (await cache.look(f"file:{file}")).sha256
    assert before
    assert before != after
    assert (cache.path(before) / "model.onnx").read_bytes() == b"weights"


async def test_a_pinned_copy_will_do_when_the_source_is_gone(cache: FileArtifacts, tmp_path: Path) -> None:
    file = _file(tmp_path)
    digest = (await cache.look(f"file:{file}")).sha256
    file.unlink()
    assert (await cache.look(f"file:{file}", digest)).sha256 == digest
    assert (await cache.look(f"file:{file}")).error == f"there is no file or folder {file}"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        pytest.param("s3://bucket/m", "local mode reads file: URIs only, not s3:", id="scheme"),
        pytest.param("file://server/m", "names another host; write file:///absolute/path", id="host"),
        pytest.param("file:{0}/nowhere", "there is no file or folder {0}/nowhere", id="missing"),
        pytest.param("file:{0}/empty", "the folder {0}/empty is empty", id="empty"),
        pytest.param("file:{0}/pipe", "{0}/pipe is neither a file nor a folder", id="pipe"),
        pytest.param("file:{0}/pipes", "{0}/pipes/p is neither a file nor a folder", id="pipe inside"),
        pytest.param(
            "file:{0}/links", "{0}/links/l is a link that leads out of the model's folder", id="link"
        ),
        pytest.param("file:{0}/loop", "neither a file nor a folder", id="loop"),
    ],
)
async def test_what_cannot_be_taken_is_one_sentence(
    cache: FileArtifacts, tmp_path: Path, uri: str, words: str
) -> None:
    for name in ("empty", "pipes", "links", "loop"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipes" / "p")
    (tmp_path / "links" / "l").symlink_to("/etc/passwd")
    (tmp_path / "loop" / "l").symlink_to("l")
    found = await cache.look(uri.format(tmp_path))
    assert found.sha256 is None
    assert found.error
    assert words.format(tmp_path) in found.error
    assert not list((tmp_path / "cache").glob("*"))


async def test_others_do_not_wait_for_a_big_model(
    cache: FileArtifacts, tmp_path: Path, woken: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is read nothing is known of it, and whoever asked is woken then."""
    monkeypatch.setattr(artifacts, "PATIENCE_SECONDS", 0.01)
    read, go_on = content.read_file, threading.Event()

    def slowly(*arguments: object) -> str:
        go_on.wait(10)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(content, "read_file", slowly)
    uri = f"file:{_file(tmp_path)}"
    assert await cache.look(uri) == await cache.look(uri)
    assert (await cache.look(uri)).error is None
    assert not woken.is_set()
    go_on.set()
    await asyncio.wait_for(woken.wait(), 10)
    assert (await cache.look(uri)).sha256


async def test_what_is_being_written_has_no_content_yet(
    cache: FileArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, read = _file(tmp_path), content.read_file

    def while_it_grows(*arguments: object) -> str:
        digest = read(*arguments)  # type: ignore[arg-type]
        with file.open("ab") as more:
            more.write(b"more")
        return digest

    monkeypatch.setattr(content, "read_file", while_it_grows)
    found = await cache.look(f"file:{file}")
    assert (found.sha256, found.error) == (None, None)


async def test_a_full_disk_is_not_blamed_on_the_model(
    cache: FileArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    file = _file(tmp_path)
    found = await cache.look(f"file:{file}")
    assert found.error == f"no copy of {file} can be kept in {tmp_path}/cache: No space left on device"
    assert not list((tmp_path / "cache").iterdir()), "half a copy is no use"


async def test_copies_that_nobody_can_ask_for_are_removed(cache: FileArtifacts, tmp_path: Path) -> None:
    kept = (await cache.look(f"file:{_file(tmp_path, b'a', 'a')}")).sha256
    gone = (await cache.look(f"file:{_file(tmp_path, b'b', 'b')}")).sha256
    assert kept
    assert gone
    (tmp_path / "cache" / ".incoming-x").mkdir()
    cache.tidy({kept})
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [kept]
    assert (await cache.look(f"file:{tmp_path}/b")).sha256 == gone, "it is copied again"
    assert cache.path(gone).exists()


async def test_closing_gives_up_what_is_being_read(
    cache: FileArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(content, "CHUNK", 1)
    await cache.look(f"file:{_file(tmp_path, bytes(1 << 22))}")
    await asyncio.wait_for(cache.close(), 2)
    assert not list((tmp_path / "cache").glob("*"))
