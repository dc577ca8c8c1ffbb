"""People: they change the spec at any moment, ask for things, delete and make again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from builders import make_deployment
from fairway.api.spec import Spec
from fairway.api.v1alpha1 import REQUEST_ANNOTATION
from fairway.core.requests import Verb
from sim.store import SimStore
from sim.world import World

_STEP = {"minDuration": "1s", "maxDuration": "4s"}
_QUICK = {
    "steps": [{"weight": 10, **_STEP}, {"weight": 50, **_STEP}],
    "analysis": {"interval": "1s"},
    "bake": {"duration": "2s"},
    "progressDeadline": "40s",
}
ROLLOUTS: tuple[dict[str, Any], ...] = (
    _QUICK,
    {**_QUICK, "steps": [{"weight": 30, **_STEP}]},
    {**_QUICK, "bake": {"duration": "0s"}, "progressDeadline": "5s"},
    {**_QUICK, "analysis": {"interval": "1s", "onInconclusive": "Hold", "onNoTraffic": "Hold"}},
    {**_QUICK, "analysis": {"interval": "500ms", "onInconclusive": "Rollback"}},
)
GOOD = ("a1", "a2", "b1", "c1")
ANY = (*GOOD, "d1", "d2", "e1", "f1")
"""Names of models: the letter is the content. d fails requests, e cannot be served, f is never ready."""


@cache
def spec_of(model: str, rollout: int) -> Spec:
    return make_deployment(
        uri=f"file:/models/{model}", rollout=ROLLOUTS[rollout], traffic={"timeouts": {"request": "1s"}}
    ).spec


@dataclass(frozen=True, slots=True)
class Habits:
    """What this walk's user does, and how often per occasion."""

    models: tuple[str, ...] = ANY
    rollouts: tuple[int, ...] = tuple(range(len(ROLLOUTS)))
    verbs: tuple[str, ...] = tuple(Verb)
    edit: float = 0.04
    ask: float = 0.03
    delete: float = 0.003


ANY_HABITS = Habits()
GOOD_HABITS = Habits(models=GOOD, rollouts=(0, 1), verbs=("promote", "promote-full"), ask=0.01)
"""Whatever this user does, the model of the last spec goes live."""


class User:
    """Acts whenever time passes."""

    def __init__(self, world: World, store: SimStore, habits: Habits) -> None:
        self._world = world
        self._store = store
        self._habits = habits
        self._asked = 0
        self.model = world.chance.choice(habits.models)
        self._rollout = world.chance.choice(habits.rollouts)
        store.create(spec_of(self.model, self._rollout))
        world.while_time_passes = self.act

    def act(self) -> None:
        draw, habits = self._world.chance.random(), self._habits
        if self._store.current is None:
            if draw < 0.3:
                self._edit()
                self._store.create(spec_of(self.model, self._rollout))
        elif draw < habits.edit:
            self._edit()
            self._store.edit(spec_of(self.model, self._rollout))
        elif draw < habits.edit + habits.ask:
            self._ask()
        elif draw < habits.edit + habits.ask + habits.delete:
            self._store.delete()
            self._world.note("user deletes")

    def _edit(self) -> None:
        if self._world.happens(0.3):
            self._rollout = self._world.chance.choice(self._habits.rollouts)
        else:
            self.model = self._world.chance.choice(self._habits.models)
        self._world.note("user wants", self.model, self._rollout)

    def _ask(self) -> None:
        self._asked += 1
        verb = self._world.chance.choice(self._habits.verbs)
        request = {"id": str(self._asked), "verb": verb.removesuffix("-full"), "full": verb.endswith("full")}
        self._store.annotate(REQUEST_ANNOTATION, json.dumps(request))
        self._world.note("user asks", verb)
