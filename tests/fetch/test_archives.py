"""Archives are unpacked when they are harmless, and refused with a sentence when they are not."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from fairway.fetch import errors
from fairway.fetch.archive import Limits
from fairway.fetch.archives import kind_of
from fetch.hostile import ARCHIVES, NOISE, special, tar, zipped
from fetch.web_server import WebServer
from fetch.world import get, resolve, sha, tree

FILES = {"model.onnx": b"m", "data/w.bin": NOISE, "data/exactly": bytes(512), "z": bytes(10_240)}


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "zip", "TGZ"])
async def test_an_archive_becomes_the_folder_that_was_packed(
    web: WebServer, tmp_path: Path, suffix: str
) -> None:
    members = tuple(FILES.items())
    packed = {"tar": lambda: tar(*members, mode="w"), "zip": lambda: zipped(*members)}
    web.files[f"/m.{suffix}"] = packed.get(suffix, lambda: tar(*members))()
    await get(f"{web.url}/m.{suffix}", tmp_path / "m", web.access)
    assert tree(tmp_path) == {f"m/{name}": content for name, content in FILES.items()}


async def test_its_digest_is_that_of_its_bytes(web: WebServer, tmp_path: Path) -> None:
    """So that `sha256sum model.tgz` prints the pin."""
    web.files["/m.tgz"] = content = tar(("m", b"1"))
    assert (await resolve(f"{web.url}/m.tgz", web.access)).sha256 == sha(content)
    found = await get(f"{web.url}/m.tgz", tmp_path / "m", web.access, sha(content))
    assert found
    assert (found.bytes, found.files) == (len(content), 1)


@pytest.mark.parametrize("wrong", ARCHIVES)
async def test_a_hostile_archive_is_refused_and_leaves_nothing(
    web: WebServer, tmp_path: Path, wrong: str
) -> None:
    suffix, pack, words = ARCHIVES[wrong]
    web.files[f"/m.{suffix}"] = content = pack()
    target = tmp_path / "models" / "m"
    with pytest.raises(errors.ArchiveRefused) as caught:
        await get(f"{web.url}/m.{suffix}", target, web.access, sha(content), Limits(files=20))
    assert words in str(caught.value)
    assert not tree(tmp_path)


async def test_what_tar_adds_by_itself_is_harmless(web: WebServer, tmp_path: Path) -> None:
    """`tar -C model -czf m.tgz .` names the folder itself, all else with `./`; long names have headers."""
    long = "d/" + "n" * 180
    web.files["/m.tgz"] = tar(
        special("./", tarfile.DIRTYPE), special("./d", tarfile.DIRTYPE), ("./d/x", b"1"), (f"./{long}", b"2")
    )
    await get(f"{web.url}/m.tgz", tmp_path / "m", web.access)
    assert tree(tmp_path / "m") == {"d/x": b"1", long: b"2"}


async def test_permissions_of_the_archive_are_not_taken_over(web: WebServer, tmp_path: Path) -> None:
    member = tarfile.TarInfo("m")
    member.mode, member.size = 0o6777, 1
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(member, io.BytesIO(b"1"))
    web.files["/m.tar"] = out.getvalue()
    await get(f"{web.url}/m.tar", tmp_path / "m", web.access)
    assert (tmp_path / "m" / "m").stat().st_mode & 0o7111 == 0


async def test_a_page_instead_of_an_archive_is_said_when_it_is_resolved(web: WebServer) -> None:
    web.files["/m.tgz"] = b"<html>log in</html>"
    with pytest.raises(errors.ArchiveRefused, match="named like an archive and is none"):
        await resolve(f"{web.url}/m.tgz", web.access)


def test_a_name_tells_what_is_an_archive() -> None:
    assert kind_of("s3://b/m.tar.gz")
    assert kind_of("https://h/m.zip?X-Signature=x")
    assert kind_of("s3://b/m.tar.gz.onnx") is None
    assert kind_of("s3://b/m.gz") is None
