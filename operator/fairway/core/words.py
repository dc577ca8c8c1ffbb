"""Other people's words for the status: a server may say a lot, a status must stay below 16 KiB."""

from __future__ import annotations

LONG = 512
"""Bytes of a message that is kept once."""

SHORT = 192
"""Bytes of a message that is kept for each of the last ten things that happened."""


def cut(text: str, limit: int) -> str:
    """The text within so many bytes of UTF-8; half a character (a lone surrogate) becomes a question mark."""
    raw = text.encode(errors="replace")
    return raw.decode() if len(raw) <= limit else raw[: limit - 3].decode(errors="ignore") + "…"
