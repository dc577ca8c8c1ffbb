"""Reads URIs, and prints them without what must stay secret. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from fairway.fetch.errors import WrongUri


def split(uri: str, example: str) -> SplitResult:
    """The parts of `scheme://host/path`.

    Args:
        uri: as the user wrote it.
        example: of a right one, for the sentence.

    Raises:
        WrongUri: it has no host, or a user and password, which would end up in every status and log.
    """
    try:
        parts = urlsplit(uri)
        port_is_a_number = parts.port is None or parts.port > 0
    except ValueError:
        raise WrongUri(f"{shown(uri)} is not a URI; write it like {example}") from None
    if not parts.hostname or not port_is_a_number:
        raise WrongUri(f"{shown(uri)} names no host; write it like {example}")
    if parts.username is not None or parts.password is not None:
        raise WrongUri(f"{shown(uri)} carries a password: put it into the Secret of spec.model.secretRef")
    return parts


def shown(uri: str) -> str:
    """For people: without password, query and fragment, where signatures and tokens are."""
    bare = uri.split("?", 1)[0].split("#", 1)[0]
    scheme, separator, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
