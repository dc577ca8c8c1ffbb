"""What went wrong with an S3 store, in words for a person."""

from __future__ import annotations

import re

from obstore.exceptions import InvalidPathError, PermissionDeniedError, UnauthenticatedError

from fairway.fetch.errors import (
    AccessDenied,
    FetchError,
    HostUnknown,
    NotFound,
    TimedOut,
    Unreachable,
    WrongUri,
)
from fairway.fetch.uris import shown

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_METADATA_ADDRESS = "169.254.169.254"
_OTHER_REGION = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_BUSY = frozenset({"408", "429"})
_DENIED = (PermissionDeniedError, UnauthenticatedError, PermissionError)


def s3_trouble(error: Exception, bucket: str, uri: str) -> FetchError:
    """What an error of obstore means; the store's own words are in its text only."""
    text, uri = str(error), shown(uri)
    code, status = _found(_CODE, text), _found(_STATUS, text)
    if code == "NoSuchBucket":
        return NotFound(f"there is no bucket {bucket}: correct spec.model.uri, or AWS_ENDPOINT_URL")
    if isinstance(error, FileNotFoundError):
        return NotFound(f"there is no object {uri}: correct spec.model.uri")
    if code in _OTHER_REGION or status in {"301", "307"}:
        return WrongUri(f"the bucket {bucket} is in another region: set AWS_REGION in the Secret")
    if _METADATA_ADDRESS in text:
        return AccessDenied(
            f"{uri} is asked for by nobody: name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "in spec.model.secretRef, or an account with a role in spec.model.serviceAccountName"
        )
    if status in {"401", "403"} or isinstance(error, _DENIED):
        return AccessDenied(
            f"{uri} may not be read ({code or 'access denied'}): give this account or key the rights "
            "s3:GetObject and s3:ListBucket, and look at the key's spelling"
        )
    if isinstance(error, InvalidPathError) or ((status or "").startswith("4") and status not in _BUSY):
        return FetchError(f"the store refuses to hand out {uri}: {code or status or 'a wrong key'}")
    return _unsteady(text, code or status)


def _unsteady(text: str, word: str | None) -> FetchError:
    if "dns error" in text:
        return HostUnknown("the host of the store is not known: look at AWS_ENDPOINT_URL and AWS_REGION")
    if "TimedOut" in text or "timed out" in text:
        return TimedOut("the store did not answer in time")
    return Unreachable(f"the store cannot be reached or broke off ({word or 'no connection'})")


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None
