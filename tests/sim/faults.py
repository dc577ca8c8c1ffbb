"""What may go wrong, and how often. Every walk draws its own mix, so that no fault hides another."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances, each from 0 (never) to 1 (always), per occasion.

    Attributes:
        crash: of the driver, before and again after every single effect and every write of the status.
        lost_reply: an effect or a write is done, and the driver hears of an error.
        stale_read: the store answers with an older version of the resource.
        foreign_write: somebody writes a label between read and write.
        stale_health: a server's health is reported as it was before its last change.
        no_telemetry: the counters cannot be read. no_active: nor the requests in flight.
        death: per occasion and server; it comes back. doom: it never will. vanish: somebody deletes it.
        slow_start: a started server makes no progress on this occasion.
        slow_router: a router takes up, or acknowledges, nothing on this occasion.
        router_restart: per occasion and router.
        stuck_router: chance, per walk, that one router takes up nothing until the faults stop.
        clock_back: the clock is set back by up to a minute.
        unreadable: the artifact cannot be read.
    """

    crash: float = 0.0
    lost_reply: float = 0.0
    stale_read: float = 0.0
    foreign_write: float = 0.0
    stale_health: float = 0.0
    no_telemetry: float = 0.0
    no_active: float = 0.0
    death: float = 0.0
    doom: float = 0.0
    vanish: float = 0.0
    slow_start: float = 0.0
    slow_router: float = 0.0
    router_restart: float = 0.0
    stuck_router: float = 0.0
    clock_back: float = 0.0
    unreadable: float = 0.0


CALM = Faults()

WORST = Faults(
    crash=0.1,
    lost_reply=0.08,
    stale_read=0.3,
    foreign_write=0.1,
    stale_health=0.4,
    no_telemetry=0.4,
    no_active=0.5,
    death=0.03,
    doom=0.01,
    vanish=0.01,
    slow_start=0.8,
    slow_router=0.85,
    router_restart=0.03,
    stuck_router=0.2,
    clock_back=0.05,
    unreadable=0.2,
)

LEAVES_THE_OUTCOME_ALONE = Faults(
    crash=0.1,
    lost_reply=0.08,
    stale_read=0.3,
    foreign_write=0.1,
    no_telemetry=0.3,
    no_active=0.5,
    slow_start=0.5,
    slow_router=0.6,
    router_restart=0.02,
    clock_back=0.05,
)
"""Faults that delay a good candidate and never send it back."""


def draw(chance: random.Random, worst: Faults = WORST) -> Faults:
    """Each fault absent or anywhere up to its worst."""
    return Faults(
        **{
            field.name: getattr(worst, field.name) * chance.random() if chance.random() < 0.6 else 0.0
            for field in fields(Faults)
        }
    )
