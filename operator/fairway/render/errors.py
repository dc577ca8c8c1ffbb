"""What cannot be rendered.

FairwayError
└── RenderError
    └── NotHere           an engine does not do what this place asks for
"""

from __future__ import annotations

from fairway.api.errors import FairwayError


class RenderError(FairwayError):
    """Nobody can say how this is to be spelled; the text says what to do."""


class NotHere(RenderError):
    """The engine needs another place."""
