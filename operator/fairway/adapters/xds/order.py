"""In which order one Envoy is told about a changed world, so that no request ever meets half of it.

A change goes through the phases of `Phase`, each of which ends when Envoy has acknowledged it:

    CLUSTERS   old and new clusters together, so that whatever a route names is there
    LISTENERS  ports come and go
    ROUTES     from here on the new weights are in force: the model is `applied`
    TIDY_*     only when nothing else is to be changed: listeners and clusters that nobody needs any more go

What Envoy refuses is set aside with Envoy's own words, and the rest goes on. There is no I/O here and no
clock: requests of Envoy and wishes of Fairway come in, responses go out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from fairway.adapters.xds.resources import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, Model, Resource
from fairway.adapters.xds.wire import Answer, Push, Request, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Phase(Enum):
    IDLE = auto()
    CLUSTERS = auto()
    LISTENERS = auto()
    ROUTES = auto()
    TIDY_LISTENERS = auto()
    TIDY_CLUSTERS = auto()


NEXT = {
    Phase.CLUSTERS: Phase.LISTENERS,
    Phase.LISTENERS: Phase.ROUTES,
    Phase.ROUTES: Phase.IDLE,
    Phase.TIDY_LISTENERS: Phase.TIDY_CLUSTERS,
    Phase.TIDY_CLUSTERS: Phase.IDLE,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Envoy would not take, and why, in its own words."""

    model: Model
    message: str


class StreamOrder:
    """The conversation with one connected Envoy.

    Attributes:
        applied: by model key, what this Envoy has acknowledged to be in force.
        refused: by model key, the newest refusal; it stays until the model is accepted or wanted otherwise.
        settled: the world it may have been serving before it connected was told to it again. Only then may
            differences follow: an Envoy that lives longer than its agent must never lose what it serves.
    """

    def __init__(
        self,
        base: Mapping[str, Model],
        wanted: Mapping[str, Model],
        in_use: Mapping[str, Resource],
        assignment: Callable[[str], Resource],
    ) -> None:
        """Start with an Envoy of which nothing is known.

        Args:
            base: what was acknowledged last, by this Envoy or another one.
            wanted: what should be in force.
            in_use: clusters by name that this Envoy may be using besides, from a conversation that broke off.
            assignment: the endpoints of a cluster by its name, as they are now; possibly none.
        """
        self.applied: dict[str, Model] = {}
        self.refused: dict[str, Refusal] = {}
        self.settled = False
        self._base = dict(base)
        self._wanted = dict(wanted)
        self._assignment = assignment
        self._wire = Wire()
        self._phase = Phase.IDLE
        self._batch: dict[str, Model | None] = {}
        self._keep = dict(in_use)
        self._one_by_one: list[str] = []
        self._again: set[str] = set()
        self._stuck = False

    @property
    def clusters(self) -> dict[str, Resource]:
        """All clusters that this Envoy may be using."""
        return dict(self._keep)

    @property
    def tidy(self) -> bool:
        """Nothing is under way, and Envoy has nothing but what is in force."""
        return self.settled and self._phase is Phase.IDLE and self._is_tidy()

    def want(self, wanted: Mapping[str, Model]) -> list[Push]:
        """Another world is wanted."""
        self._wanted = dict(wanted)
        self._forget_old_refusals()
        self._stuck = False
        return self._proceed()

    def endpoints_changed(self) -> list[Push]:
        """Some clusters have other endpoints than before."""
        self._send_endpoints(self._wire.subscribed(ENDPOINTS))
        return self._proceed()

    def retry(self) -> list[Push]:
        """Offer once more what was refused: a port that was taken may be free by now."""
        if self.refused:
            self._again = set(self.refused)
            self._one_by_one = [*dict.fromkeys([*self._one_by_one, *self.refused])]
        self._stuck = False
        return self._proceed()

    def receive(self, request: Request) -> list[Push]:
        """Envoy subscribed, acknowledged or refused."""
        answer = self._wire.receive(request)
        if answer.refused is not None:
            self._refused(request.type_url, answer)
        if request.type_url == ENDPOINTS:
            self._send_endpoints(answer.asked, again=True)
        if request.type_url == ROUTES:
            self._answer_routes(answer.asked | answer.lost)
        return self._proceed()

    def _proceed(self) -> list[Push]:
        while self._step():
            pass
        return self._wire.take_outbox()

    def _step(self) -> bool:
        """Go one phase further if that is possible now."""
        if self._phase is Phase.IDLE:
            return self._begin()
        if not self._reached():
            return False
        self._phase = NEXT[self._phase]
        return True

    def _begin(self) -> bool:
        if self._stuck or not self._wire.listens_to(CLUSTERS):
            return False
        self._batch = self._next_batch()
        if not self._batch and not self.settled:
            self.settled = True
            self._forget_old_refusals()
            self._batch = self._next_batch()
        if self._batch:
            self._again -= self._batch.keys()
            self._keep |= _clusters(model for model in self._batch.values() if model)
            self._phase = Phase.CLUSTERS
            return True
        if self._is_tidy():
            return False
        self._keep = _clusters(self.applied.values())
        # Envoy asks for listeners once it has clusters, be they none: with nothing to serve it is told so.
        knows_clusters = self._wire.listens_to(LISTENERS)
        self._phase = Phase.TIDY_LISTENERS if knows_clusters else Phase.CLUSTERS
        return True

    def _next_batch(self) -> dict[str, Model | None]:
        """All that is to be changed, or, after a refusal that could be anybody's, a single model."""
        goal = self._wanted if self.settled else self._base
        changes: dict[str, Model | None] = {
            key: model
            for key, model in goal.items()
            if model != self.applied.get(key) and not self._is_known_bad(key, model)
        }
        changes |= {key: None for key in self.applied if key not in goal}
        while self._one_by_one:
            key = self._one_by_one.pop(0)
            if key in changes:
                return {key: changes[key]}
        return changes

    def _is_known_bad(self, key: str, model: Model) -> bool:
        return key in self.refused and self.refused[key].model == model and key not in self._again

    def _is_tidy(self) -> bool:
        return self._wire.in_force(LISTENERS, _listeners(self.applied.values())) and self._wire.in_force(
            CLUSTERS, _clusters(self.applied.values())
        )

    def _reached(self) -> bool:
        """Whether Envoy has what this phase is about; sends it first where it was not sent yet."""
        if self._phase is Phase.ROUTES:
            return self._routes_reached()
        if self._phase in (Phase.LISTENERS, Phase.TIDY_LISTENERS):
            return self._wire.reach(LISTENERS, _listeners(self._target().values()))
        before = self._wire.sent(CLUSTERS)
        reached = self._wire.reach(CLUSTERS, self._keep)
        if self._wire.sent(CLUSTERS) is not before:
            # A changed cluster waits for its endpoints again, but Envoy does not ask for them again.
            changed = [name for name, cluster in self._keep.items() if (before or {}).get(name) != cluster]
            self._send_endpoints(changed, again=True)
        return reached

    def _target(self) -> dict[str, Model]:
        """The world once this batch is through."""
        both = self.applied | self._batch
        return {key: model for key, model in both.items() if model is not None}

    def _routes_reached(self) -> bool:
        missing = False
        for key, model in self._batch.items():
            if model is None:
                self.applied.pop(key, None)
            elif self._wire.reach_named(ROUTES, model.routes):
                self.applied[key] = model
                self.refused.pop(key, None)
            else:
                missing = True
        if not missing:
            self._batch = {}
        return not missing

    def _answer_routes(self, names: frozenset[str]) -> None:
        """A listener asks for the routes that are in force; those of the batch wait for their phase."""
        for key, model in self.applied.items():
            if model.routes.name in names and key not in self._batch:
                self._wire.reach_named(ROUTES, model.routes)

    def _send_endpoints(self, names: Iterable[str], *, again: bool = False) -> None:
        self._wire.send_named(ENDPOINTS, [self._assignment(name) for name in names], again=again)

    def _refused(self, type_url: str, answer: Answer) -> None:
        """Set the culprit aside and go on with the rest."""
        message = answer.refused or ""
        if type_url == ROUTES:
            for key in [
                key for key, model in self._batch.items() if model and model.routes.name in answer.names
            ]:
                self._set_aside(key, message)
        elif type_url in (CLUSTERS, LISTENERS):
            self._start_over(type_url, message)

    def _start_over(self, type_url: str, message: str) -> None:
        """What Envoy took of a refused message is unknown: what is not to blame is sent again."""
        culprits = self._culprits(type_url, message)
        needed = _clusters(self.applied.values()) | _clusters(self._target().values())
        spare = self._keep.keys() - needed.keys()
        bad_spare = {name for name in spare if _mentions(message, name)}
        if not culprits and not bad_spare:
            bad_spare = spare
        if not culprits and not bad_spare:
            culprits = self._only_suspect()
        dropped = _clusters(filter(None, [self._set_aside(key, message) for key in culprits]))
        self._keep = {name: one for name, one in self._keep.items() if name not in bad_spare | dropped.keys()}
        self._keep |= _clusters(self.applied.values()) | _clusters(self._target().values())
        self._phase = Phase.CLUSTERS if self._batch else Phase.IDLE

    def _only_suspect(self) -> list[str]:
        """The model of a batch of one. Of several each is tried alone; of none there is nothing to try."""
        suspects = list(self._batch)
        if len(suspects) == 1:
            return suspects
        self._one_by_one = suspects
        self._stuck = not suspects
        self._batch = {}
        return []

    def _set_aside(self, key: str, message: str) -> Model | None:
        model = self._batch.pop(key, None) or self.applied.pop(key, None)
        if model is not None:
            self.refused[key] = Refusal(model, message)
            self._forget_old_refusals()
        return model

    def _forget_old_refusals(self) -> None:
        """Nobody needs to know why something was refused that is not wanted any more."""
        goals = [self._wanted] if self.settled else [self._wanted, self._base]
        self.refused = {
            key: refusal
            for key, refusal in self.refused.items()
            if any(goal.get(key) == refusal.model for goal in goals)
        }

    def _culprits(self, type_url: str, message: str) -> list[str]:
        """Keys of the models that Envoy complains of by name."""
        offered = self._batch or self.applied
        return [
            key
            for key, model in offered.items()
            if model and any(_mentions(message, one.name) for one in _of_type(model, type_url))
        ]


def _of_type(model: Model, type_url: str) -> tuple[Resource, ...]:
    return model.clusters if type_url == CLUSTERS else (model.listener,)


def _mentions(message: str, name: str) -> bool:
    """Whether a name stands in Envoy's words as a whole, not as the beginning of a longer one."""
    return re.search(rf"(?<![\w/.-]){re.escape(name)}(?![\w/-])", message) is not None


def _clusters(models: Iterable[Model]) -> dict[str, Resource]:
    return {cluster.name: cluster for model in models for cluster in model.clusters}


def _listeners(models: Iterable[Model]) -> dict[str, Resource]:
    return {model.listener.name: model.listener for model in models}
