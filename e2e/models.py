"""The models that scenarios serve, and what each of them is called in the store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from laptop import models


@dataclass(frozen=True)
class Model:
    """One model file; X: FP32 (n, 2) -> y: FP32 (n)."""

    kind: str
    number: int

    @property
    def file(self) -> str:
        return f"{self.kind}-{self.number}.onnx"

    @cached_property
    def content(self) -> bytes:
        return (models.good if self.kind == "good" else models.bad)(self.number).SerializeToString()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def good(number: int) -> Model:
    """Answers every row with its sum plus this number, so an answer tells which one gave it."""
    return Model("good", number)


def bad(number: int) -> Model:
    """Fails on 7 rows of 100."""
    return Model("bad", number)


ALL = (*(good(number) for number in range(1, 9)), *(bad(number) for number in range(1, 4)))
"""What the store has."""
