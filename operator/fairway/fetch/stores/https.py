"""`https://host/path`: one file of a web server.

A broken download goes on where it stopped if the server names the content by an ETag or a date (RFC 9110,
If-Range); a redirect is followed to https only, and to another host without the password.
"""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from aiohttp import ClientResponse, hdrs
from yarl import URL

from fairway.adapters.content import CHUNK
from fairway.fetch.addresses import CheckedResolver, check_address
from fairway.fetch.errors import (
    AccessDenied,
    FetchError,
    HostUnknown,
    NotFound,
    TimedOut,
    Unreachable,
    WrongUri,
)
from fairway.fetch.protocols import Access, Entry, Listing, Opened, nothing
from fairway.fetch.uris import shown, split

EXAMPLE = "https://HOST/path/to/model.onnx"
AUTHORIZATION, USERNAME, PASSWORD = "HTTP_AUTHORIZATION", "HTTP_USERNAME", "HTTP_PASSWORD"
CA_CERTIFICATES = "CA_CERTIFICATES"
MAX_REDIRECTS = 5
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({408, 425, 429})
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class HttpsStore:
    """Reads one file."""

    def __init__(self, uri: str, access: Access) -> None:
        """Prepare.

        Raises:
            WrongUri: not such a URI, or a certificate in the Secret that cannot be read.
        """
        split(uri, EXAMPLE)
        self._uri = uri
        self._authorization = _authorization(access)
        self._tls = _tls(access)
        self._session: aiohttp.ClientSession | None = None

    async def find(self) -> Listing:
        """The file; how long it is only reading it tells, as links that are signed for GET refuse HEAD."""
        return Listing((Entry(""),))

    @asynccontextmanager
    async def open(self, entry: Entry, start: int, tag: str | None) -> AsyncIterator[Opened]:
        del entry
        going_on: dict[str, str] = (
            {hdrs.RANGE: f"bytes={start}-", hdrs.IF_RANGE: tag} if start and tag is not None else {}
        )
        response = await self._ask(going_on)
        if response.status == 416 and _range(response)[1] != start:  # it is shorter now
            response.close()
            response = await self._ask({})
        try:
            self._check(response)
            yield self._opened(response, start, tag)
        finally:
            response.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(self, wanted: dict[str, str]) -> ClientResponse:
        """The answer, after redirects."""
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._tls, resolver=CheckedResolver())
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=TIMEOUT, auto_decompress=False, trust_env=True
            )
        url = first = URL(self._uri)
        wanted |= {hdrs.ACCEPT_ENCODING: "identity"}
        for _ in range(MAX_REDIRECTS + 1):
            check_address(url.host or "")
            own = {hdrs.AUTHORIZATION: self._authorization} if self._authorization else {}
            headers = wanted | (own if url.origin() == first.origin() else {})
            with self._words():
                response = await self._session.get(url, headers=headers, allow_redirects=False)
            if response.status not in _REDIRECTS or hdrs.LOCATION not in response.headers:
                return response
            response.close()
            url = _next(url, response.headers[hdrs.LOCATION])
        raise WrongUri(f"{shown(self._uri)} redirects more than {MAX_REDIRECTS} times")

    def _check(self, response: ClientResponse) -> None:
        status, uri = response.status, shown(self._uri)
        if status in {200, 206, 416}:
            if response.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
                raise FetchError(f"{uri} is compressed on the way, so its digest is unsure: switch that off")
            return
        if status in {401, 403}:
            raise AccessDenied(
                f"{uri} may not be read (HTTP {status}): give {AUTHORIZATION}, or {USERNAME} and {PASSWORD}, "
                "in the Secret of spec.model.secretRef"
            )
        if status in {404, 410}:
            raise NotFound(f"there is nothing at {uri} (HTTP {status}): correct spec.model.uri")
        if status >= 500 or status in _BUSY:
            raise Unreachable(f"the server answers HTTP {status}")
        raise FetchError(f"the server answers HTTP {status} to a request for {uri}")

    def _opened(self, response: ClientResponse, start: int, tag: str | None) -> Opened:
        if response.status == 200:
            return Opened(0, response.content_length, _tag(response), self._chunks(response))
        first, size = _range(response)
        if response.status == 416 and size == start:  # nothing is missing
            return Opened(start, size, tag, nothing())
        if response.status == 206 and first == start > 0:
            return Opened(start, size, tag, self._chunks(response))
        raise FetchError(f"the server of {shown(self._uri)} answers with a range that nobody asked for")

    async def _chunks(self, response: ClientResponse) -> AsyncIterator[bytes]:
        with self._words():
            async for chunk in response.content.iter_chunked(CHUNK):
                yield chunk

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Say what went wrong in words for a person."""
        host = URL(self._uri).host
        try:
            yield
        except aiohttp.ClientConnectorDNSError as error:
            raise HostUnknown(f"the host {host} is not known: correct spec.model.uri") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise WrongUri(
                f"the certificate of {host} is not trusted: put its authority's into {CA_CERTIFICATES} in "
                "the Secret of spec.model.secretRef"
            ) from error
        except TimeoutError as error:
            raise TimedOut(f"{host} did not answer in time") from error
        except aiohttp.ClientError as error:
            raise Unreachable(f"{host} cannot be reached or broke off ({type(error).__name__})") from error


def _next(url: URL, location: str) -> URL:
    try:
        found = url.join(URL(location))
    except ValueError:
        raise WrongUri(f"{shown(str(url))} redirects to something that is no URI") from None
    if found.scheme != "https":
        raise WrongUri(
            f"{shown(str(url))} redirects to {found.scheme}:, where anybody could change the model"
        )
    return found


def _range(response: ClientResponse) -> tuple[int | None, int | None]:
    """Where the answer begins, and how long the whole file is."""
    match = _RANGE.fullmatch(response.headers.get(hdrs.CONTENT_RANGE, ""))
    if match is None:
        return None, None
    return int(match[1]) if match[1] else None, int(match[2]) if match[2] != "*" else None


def _tag(response: ClientResponse) -> str | None:
    """What names the content, strong enough to go on in its middle."""
    tag = response.headers.get(hdrs.ETAG)
    if tag is not None:
        return None if tag.startswith("W/") else tag
    return response.headers.get(hdrs.LAST_MODIFIED)


def _authorization(access: Access) -> str | None:
    if word := access.secret.get(AUTHORIZATION):
        return word.strip()
    if name := access.secret.get(USERNAME):
        pair = f"{name}:{access.secret.get(PASSWORD, '')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return None


def _tls(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificates := access.word(CA_CERTIFICATES):
        try:
            context.load_verify_locations(cadata=certificates)
        except (ssl.SSLError, ValueError) as error:
            raise WrongUri(f"{CA_CERTIFICATES} in the Secret holds no certificate in PEM: {error}") from error
    return context
