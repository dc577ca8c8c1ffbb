from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairway.core.words import cut


@given(st.text(st.characters(), max_size=80), st.integers(4, 100))
def test_cut_words_fit_and_can_be_stored(text: str, limit: int) -> None:
    """Any text, half characters among it: a server writes what it likes."""
    assert len(cut(text, limit).encode()) <= limit


@given(st.text(max_size=25))
def test_words_that_fit_stay_as_they_are(text: str) -> None:
    assert cut(text, 100) == text


def test_words_that_were_cut_say_so() -> None:
    assert cut("x" * 50, 10) == "xxxxxxx…"
