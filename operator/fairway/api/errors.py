"""The errors of Fairway, one tree; each layer adds its branch in an `errors.py` of its own.

FairwayError
├── ManifestError       what the user wrote cannot be used; carries every problem found
└── SchemaError         a model of ours cannot be written as a Kubernetes schema (a developer's error)
"""

from __future__ import annotations

from dataclasses import dataclass


class FairwayError(Exception):
    """The root: whoever catches it catches everything that Fairway raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a manifest, in words for the person who wrote it.

    Attributes:
        message: what is wrong, without the place.
        path: the field, dotted and in camelCase: `spec.rollout.steps[0].weight`; "" for the whole text.
        source: the file, or what stands for it; "" when the object came from elsewhere.
        line: counted from 1; None where no line is known.
    """

    message: str
    path: str = ""
    source: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source or 'line'}:{self.line}"
        return ": ".join(part for part in (where, self.path, self.message) if part)


class ManifestError(FairwayError):
    """One or more manifests are wrong; the text has a line for each problem."""

    def __init__(self, errors: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


class SchemaError(FairwayError):
    """A model uses something that a structural schema has no word for, or leaves a value unbounded."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the root'}: {message}")
        self.path = path
