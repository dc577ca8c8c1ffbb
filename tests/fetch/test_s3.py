"""Models in a bucket, on a real S3 server."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import obstore
import pytest

from fairway.adapters.artifacts import digest_of
from fairway.fetch import errors
from fairway.fetch.protocols import Access, Entry
from fairway.fetch.stores import s3
from fairway.fetch.stores.s3 import S3Store
from fetch.world import Bucket, get, resolve, sha, tree


async def test_an_object_arrives_as_the_model_of_its_folder(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("fraud/7/m.onnx", b"weights")
    found = await get(f"s3://{bucket.name}/fraud/7/m.onnx", tmp_path / "m", bucket.access(), sha(b"weights"))
    assert found
    assert (found.sha256, found.bytes, found.files) == (sha(b"weights"), 7, 1)
    assert tree(tmp_path) == {"m/model.onnx": b"weights"}


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_folder_has_the_digest_that_it_has_on_a_disk(
    bucket: Bucket, tmp_path: Path, slash: str
) -> None:
    """So a pin can be computed where the model was made."""
    files = {"model.onnx": b"m", "data/a b.bin": b"a", "data-b": b"b", "data/ü": b"u"}
    for name, content in files.items():
        bucket.put(f"fraud/7/{name}", content)
    bucket.put("fraud/77", b"a neighbour whose key begins alike")
    bucket.put("fraud/7/data/", b"")  # the marker that consoles make for a folder
    bucket.put("fraud/7/", b"")
    found = await get(f"s3://{bucket.name}/fraud/7{slash}", tmp_path / "m", bucket.access())
    assert tree(tmp_path / "m") == files
    assert found
    assert found.sha256 == digest_of(f"file:{tmp_path / 'm'}")
    assert (found.bytes, found.files) == (4, 4)


async def test_a_file_that_is_left_from_an_earlier_try_is_not_served(bucket: Bucket, tmp_path: Path) -> None:
    """The list of digests does not know of it, so only its absence is right."""
    left = tmp_path / ".m.part/files/old.onnx"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"old")
    bucket.put("fraud/m.onnx", b"m")
    await get(f"s3://{bucket.name}/fraud/", tmp_path / "m", bucket.access())
    assert tree(tmp_path) == {"m/m.onnx": b"m"}


async def test_reading_goes_on_while_the_object_is_the_same(bucket: Bucket) -> None:
    bucket.put("m", b"0123456789")
    store, entry = S3Store(f"s3://{bucket.name}/m", bucket.access()), Entry("", 10)

    async def read(start: int, tag: str | None) -> tuple[int, bytes, str | None]:
        async with store.open(entry, start, tag) as opened:
            return opened.start, b"".join([chunk async for chunk in opened.chunks]), opened.tag

    _, whole, tag = await read(0, None)
    assert whole == b"0123456789"
    assert (await read(4, tag))[:2] == (4, b"456789")
    assert (await read(10, tag))[:2] == (10, b"")
    bucket.put("m", b"abcdefghij")
    assert (await read(4, tag))[:2] == (0, b"abcdefghij")


async def test_a_connection_that_breaks_goes_on(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server of these tests cannot be made to cut; the first answer is cut where we read it."""
    content = bytes(range(256)) * 20_000
    bucket.put("m", content)
    asked: list[Any] = []
    get_async = obstore.get_async

    class Cut:
        def __init__(self, found: Any) -> None:
            self.meta, self._found = found.meta, found

        async def stream(self, size: int) -> Any:
            async for chunk in self._found.stream(size):
                yield chunk[:1000]
                raise obstore.exceptions.GenericError("HTTP error: request or response body error")

    async def once(store: Any, path: str, *, options: Any = None) -> Any:
        found = await get_async(store, path, options=options)
        asked.append(options)
        return Cut(found) if len(asked) == 1 else found

    monkeypatch.setattr(s3.obstore, "get_async", once)
    await get(f"s3://{bucket.name}/m", tmp_path / "m", bucket.access(), sha(content))
    assert [options.get("range") for options in asked] == [None, {"offset": 1000}]
    assert tree(tmp_path / "m") == {"model.onnx": content}


@pytest.mark.parametrize(
    ("key", "kind", "words"),
    [
        ("nothing/here.onnx", errors.NotFound, "no object s3://{}/nothing/here.onnx and none beneath it"),
        ("nothing/", errors.NotFound, "no object s3://{}/nothing/ and none beneath it"),
        ("a/clash/", errors.NotReadable, "x is both an object and a folder of others"),
        ("a/odd/", errors.NotReadable, "rename the file"),
    ],
)
async def test_what_is_not_a_model_is_one_sentence(
    bucket: Bucket, tmp_path: Path, key: str, kind: type[errors.FetchError], words: str
) -> None:
    for name in ("a/clash/x", "a/clash/x/y", "a/odd/x\\y"):
        bucket.put(name, b"1")
    with pytest.raises(kind) as caught:
        await get(f"s3://{bucket.name}/{key}", tmp_path / "m", bucket.access())
    assert words.format(bucket.name) in str(caught.value)


async def test_more_files_than_a_model_has_are_refused(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.adapters.content.MAX_FILES", 3)
    for number in range(4):
        bucket.put(f"many/{number}", b"")
    with pytest.raises(
        errors.NotReadable, match="holds more than 3 files; point uri to the model's own folder"
    ):
        await resolve(f"s3://{bucket.name}/many/", bucket.access())


async def test_a_wrong_bucket_is_said(bucket: Bucket) -> None:
    with pytest.raises(errors.NotFound, match="there is no bucket no-such-bucket: correct"):
        await resolve("s3://no-such-bucket/m.onnx", bucket.access())


async def test_a_closed_port_and_an_unknown_host_are_said(bucket: Bucket) -> None:
    uri = f"s3://{bucket.name}/m"
    with pytest.raises(errors.Unreachable, match="the store cannot be reached"):
        await resolve(uri, bucket.access(AWS_ENDPOINT_URL="http://127.0.0.1:1"))
    with pytest.raises(errors.HostUnknown, match="look at AWS_ENDPOINT_URL"):
        await resolve(uri, bucket.access(AWS_ENDPOINT_URL="http://no-such-host.invalid"))


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (
            "status code: 403 Forbidden: <Code>AccessDenied</Code>",
            errors.AccessDenied,
            "AccessDenied.*s3:GetObj",
        ),
        ("status code: 403 Forbidden: ", errors.AccessDenied, "access denied"),
        ("PUT http://169.254.169.254/latest/api/token", errors.AccessDenied, "secretRef.*serviceAccountName"),
        ("status code: 301: <Code>PermanentRedirect</Code>", errors.WrongUri, "set AWS_REGION"),
        ("status code: 503: <Code>SlowDown</Code>", errors.Unreachable, "SlowDown"),
        ("status code: 429 Too Many Requests", errors.Unreachable, "429"),
        ("status code: 405: <Code>MethodNotAllowed</Code>", errors.FetchError, "MethodNotAllowed"),
        ("source: TimedOut", errors.TimedOut, "did not answer in time"),
    ],
)
def test_each_answer_of_a_store_has_its_words(text: str, kind: type[errors.FetchError], words: str) -> None:
    """Real clouds say these; the server of these tests does not."""
    found = s3.s3_trouble(obstore.exceptions.GenericError(text), "bucket", "s3://bucket/key")
    assert type(found) is kind
    with pytest.raises(kind, match=words):
        raise found


async def test_plain_http_needs_an_endpoint_that_says_so(bucket: Bucket) -> None:
    """Nothing but the endpoint of the Secret or the pod makes a connection that anybody can listen to."""
    access = bucket.access()
    secret = {k: v for k, v in access.secret.items() if k != "AWS_ENDPOINT_URL"}
    env = Access(secret, {"AWS_ENDPOINT_URL": bucket.url})
    assert S3Store(f"s3://{bucket.name}/m", env)
    https = replace(
        access, secret={**access.secret, "AWS_ENDPOINT_URL": bucket.url.replace("http:", "https:")}
    )
    with pytest.raises(errors.Unreachable):
        await resolve(f"s3://{bucket.name}/m", https)


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3://b/k", "s3:///k"])
async def test_a_uri_without_bucket_or_key_is_said(uri: str) -> None:
    with pytest.raises(errors.WrongUri, match=r"write it like s3://BUCKET/path/to/model\.onnx"):
        await resolve(uri, Access())


async def test_a_folder_that_changes_between_resolving_and_fetching_is_not_served(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("f/a", b"a")
    sha256 = (await resolve(f"s3://{bucket.name}/f/", bucket.access())).sha256
    assert sha256 == hashlib.sha256(f"{sha(b'a')}  a\n".encode()).hexdigest()
    bucket.put("f/b", b"b")
    with pytest.raises(errors.ContentChanged):
        await get(f"s3://{bucket.name}/f/", tmp_path / "m", bucket.access(), sha256)
    assert not list(tmp_path.iterdir())
