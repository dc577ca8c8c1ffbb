"""Models behind a web server, and what such servers do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairway.fetch import errors
from fairway.fetch.protocols import Access
from fetch.web_server import WebServer
from fetch.world import get, resolve, sha, tree

CONTENT = bytes(range(256)) * 400


async def test_a_file_arrives_as_the_model_of_its_folder(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"] = CONTENT
    found = await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))
    assert found
    assert (found.sha256, found.bytes, found.files) == (sha(CONTENT), len(CONTENT), 1)
    assert tree(tmp_path) == {"m/model.onnx": CONTENT}


async def test_resolving_names_the_same_content_and_keeps_nothing(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"] = CONTENT
    assert (await resolve(f"{web.url}/m.onnx", web.access)).sha256 == sha(CONTENT)
    assert not tree(tmp_path)


async def test_what_is_there_already_is_not_asked_for(web: WebServer, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    assert await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT)) is None
    assert not web.asked


async def test_a_cut_connection_goes_on_where_it_broke(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"] = CONTENT
    web.cut_after = [50_000, 20_000]
    await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))
    assert tree(tmp_path / "m") == {"model.onnx": CONTENT}
    starts = [int(asked.get("Range", "bytes=0-")[6:-1]) for asked in web.asked]
    assert starts[0] == 0
    assert starts == sorted(set(starts)), "each goes on behind the one before"
    assert len(starts) == 3


@pytest.mark.parametrize("spoiled", ["tags", "ranges"])
async def test_without_a_tag_or_ranges_it_starts_anew(web: WebServer, tmp_path: Path, spoiled: str) -> None:
    setattr(web, spoiled, False)
    web.files["/m.onnx"] = CONTENT
    web.cut_after = [50_000]
    await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))
    assert tree(tmp_path / "m") == {"model.onnx": CONTENT}


async def test_a_server_that_never_comes_further_is_given_up(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"] = CONTENT
    web.cut_after = [0] * 20
    with pytest.raises(errors.Unreachable, match="tried 4 times"):
        await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))
    assert len(web.asked) == 4
    assert not (tmp_path / "m").exists()


async def test_a_server_that_can_only_start_anew_is_given_up(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"], web.ranges = CONTENT, False
    web.cut_after = [50_000] * 20
    with pytest.raises(errors.Unsettled, match="cannot go on in the middle"):
        await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))
    assert len(web.asked) == 4


async def test_a_busy_server_is_asked_again(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"], web.busy = CONTENT, 3
    assert await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))


async def test_a_length_that_is_too_long_is_cleared_up_by_asking_on(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"], web.promise_more = CONTENT, 10
    await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))
    assert tree(tmp_path / "m") == {"model.onnx": CONTENT}


async def test_a_length_that_is_always_too_long_ends(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"], web.promise_more, web.ranges = CONTENT, 10, False
    with pytest.raises(errors.Unsettled):
        await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))
    assert not (tmp_path / "m").exists()


async def test_a_length_that_is_too_short_is_other_content(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"], web.promise_more = CONTENT, -10
    with pytest.raises(errors.ContentChanged, match=sha(CONTENT[:-10])):
        await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))


async def test_content_that_changes_midway_is_read_anew_from_its_first_byte(
    web: WebServer, tmp_path: Path
) -> None:
    other = CONTENT[::-1]
    web.files["/m.onnx"] = CONTENT
    web.cut_after, web.change_to = [50_000], other
    await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(other))
    assert tree(tmp_path / "m") == {"model.onnx": other}


async def test_changed_content_is_never_served(web: WebServer, tmp_path: Path) -> None:
    web.files["/m.onnx"] = b"other"
    with pytest.raises(errors.ContentChanged, match=f"now has sha256 {sha(b'other')} and not {sha(CONTENT)}"):
        await get(f"{web.url}/m.onnx", tmp_path / "m", web.access, sha(CONTENT))
    assert not list(tmp_path.iterdir())


async def test_a_redirect_is_followed_and_the_password_stays_with_its_host(
    web: WebServer, certificates: Path, tmp_path: Path
) -> None:
    web.files["/m.onnx"] = CONTENT
    other = web.url.replace("localhost", "127.0.0.1")
    web.redirects = {"/old": "/older", "/older": f"{other}/m.onnx"}
    access = replace(web.access, secret={**web.access.secret, "HTTP_AUTHORIZATION": "Bearer t0ken"})
    await get(f"{web.url}/old", tmp_path / "m", access, sha(CONTENT))
    assert [asked.get("Authorization") for asked in web.asked] == ["Bearer t0ken", "Bearer t0ken", None]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://example.com/m", "redirects to http:, where anybody could change the model"),
        ("file:///etc/passwd", "redirects to file:"),
        ("https://169.254.169.254/latest", "is a link-local address, where clouds keep credentials"),
        ("/loop", "redirects more than 5 times"),
    ],
)
async def test_a_redirect_to_a_bad_place_is_refused(
    web: WebServer, tmp_path: Path, target: str, words: str
) -> None:
    web.redirects["/loop"] = target
    with pytest.raises(errors.WrongUri, match=words):
        await get(f"{web.url}/loop", tmp_path / "m", web.access, sha(CONTENT))


@pytest.mark.parametrize(
    "secret",
    [{"HTTP_AUTHORIZATION": "Basic dXNlcjpwYXNz\n"}, {"HTTP_USERNAME": "user", "HTTP_PASSWORD": "pass"}],
)
async def test_the_password_comes_from_the_secret(
    web: WebServer, tmp_path: Path, secret: dict[str, str]
) -> None:
    web.files["/m.onnx"], web.password = CONTENT, "Basic dXNlcjpwYXNz"
    with pytest.raises(errors.AccessDenied, match=r"HTTP 401.*HTTP_AUTHORIZATION.*spec.model.secretRef"):
        await resolve(f"{web.url}/m.onnx", web.access)
    access = replace(web.access, secret={**web.access.secret, **secret})
    assert (await resolve(f"{web.url}/m.onnx", access)).sha256 == sha(CONTENT)


async def test_a_missing_file_is_said_without_the_signature_of_its_link(web: WebServer) -> None:
    with pytest.raises(errors.NotFound, match=r"there is nothing at .*/m\.onnx ") as caught:
        await resolve(f"{web.url}/m.onnx?X-Signature=s3cret", web.access)
    assert "s3cret" not in str(caught.value)


async def test_an_unknown_authority_is_said(web: WebServer) -> None:
    with pytest.raises(errors.WrongUri, match=r"certificate of localhost is not trusted.*CA_CERTIFICATES"):
        await resolve(f"{web.url}/m.onnx", Access())


async def test_an_unknown_host_is_said() -> None:
    with pytest.raises(errors.HostUnknown, match=r"the host no-such-host\.invalid is not known"):
        await resolve("https://no-such-host.invalid/m.onnx", Access())


async def test_a_closed_port_is_said() -> None:
    with pytest.raises(errors.Unreachable, match=r"127.0.0.1 cannot be reached"):
        await resolve("https://127.0.0.1:1/m.onnx", Access())


async def test_a_name_that_leads_to_the_metadata_address_is_refused(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of the attacker's own can point anywhere, so what it leads to is checked."""
    import socket  # noqa: PLC0415

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
    with pytest.raises(errors.WrongUri, match="link-local"):
        await resolve("https://models.example.com/m.onnx", Access())


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("https:///m", "names no host"),
        ("https://user:pass@host/m", "carries a password: put it into the Secret"),
        ("https://host:99999/m", "is not a URI"),
        ("ftp://host/m", "ftp: is served in local mode only or not at all; use one of s3:, https:, pvc:"),
    ],
)
async def test_a_wrong_uri_is_said_without_its_password(uri: str, words: str) -> None:
    with pytest.raises(errors.WrongUri, match=words) as caught:
        await resolve(uri, Access())
    assert "user:pass" not in str(caught.value)
