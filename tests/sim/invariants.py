"""What must hold after every single effect of the driver, whatever went wrong before it.

A request is *ours to lose* when the route that sent it was written for the resource as it lives now. What the
world takes away (a server dies, is deleted by somebody, never comes back) is the world's doing, until the
server was ready again; what the user deletes is the user's.

1. A route gives weight only to revisions whose server runs and was ready in its present life, and to a
   candidate only when this tick was told that it is ready. More cannot be known: a server may die while the
   route is written, and the report may be late. What the candidate does not get is stable's, ready or not.
2. A route gives weight only to the stored stable revision, and to the stored candidate up to its stored
   declared weight. At rest the routers follow the stored weight exactly.
3. No server is stopped that the stored status gives a role, that a router sends requests to, or will by
   taking up a route that was written, or that still answers some.
4. A revision that was rejected gets no weight, and stays rejected until a user asks for a retry (or ten
   others were rejected since).
5. A candidate is stored exactly in the phases that have one: so "Stable" means that there is none. Every
   revision with a role is remembered with its inputs.
6. No request of ours to lose goes to a server that was never ready or that we stopped.
7. When nothing goes wrong any more and nobody asks for anything new, the phase settles in a bounded number of
   ticks, and from then on nothing is written: neither a status nor an effect. What runs is then what serves.

Assumed of every platform: routers take up routes in the order in which they were written, and what is
reported as programmed never goes back; an observation may lag behind what happens by itself, never behind
what this driver or an earlier one has done. Of every store: an old version of a resource may be shown, but
"it is gone" is never old. The clock may be set back; set forward it looks like time that passed.
"""

from __future__ import annotations

from fairway.api.status import MAX_REVISIONS, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.phases import WITH_CANDIDATE
from fairway.core.requests import Verb
from fairway.core.route import Route
from sim.store import SimStore
from sim.world import Violation, World, Written


class Invariants:
    """Watches one world and its store; raises Violation at the effect that breaks an invariant."""

    def __init__(self, world: World, store: SimStore) -> None:
        self._world = world
        self._store = store
        world.on_request = self.on_request
        store.on_stored = self.on_stored

    def before_route(self, md: ModelDeployment, route: Route, reported_ready: set[str]) -> None:
        now = self._store.current
        if now is None or now.metadata.uid != md.metadata.uid:
            if self._store.lives_changed:
                return  # it went while this tick was under way: no fence could have known
            raise Violation("a route is written for a resource that is gone")
        for backend in route.backends:
            if not backend.weight:
                continue
            self._may_have(now.status, backend.revision, backend.weight)
            if backend.revision not in {now.status.stable, *reported_ready}:
                raise Violation(f"{backend.revision} gets {backend.weight} and was not reported ready")

    def before_prune(self, name: str) -> None:
        now = self._store.current
        if now is not None and name in {now.status.stable, now.status.candidate}:
            raise Violation(f"{name} is stopped while the stored status asks for it")
        for written in self._world.may_be_taken_up():
            ours = written.uid == self._world.uid and written.route is not None
            if ours and written.route is not None and written.route.weight_of(name) > 0:
                raise Violation(f"{name} is stopped while a router may send it requests")
        if self._world.in_flight(name):
            raise Violation(f"{name} is stopped while it answers requests")

    def on_request(self, written: Written, revision: str) -> None:
        if written.uid == self._world.uid and not self._is_serviceable(revision):
            raise Violation(f"a request goes to {revision}, which was never ready or was stopped by us")

    def on_stored(self, old: Status, new: Status) -> None:
        if (new.phase in WITH_CANDIDATE) is not (new.candidate is not None):
            raise Violation(f"phase {new.phase} with candidate {new.candidate}")
        for name in (new.stable, new.candidate):
            if name is not None and new.revision(name) is None:
                raise Violation(f"the inputs of {name} are forgotten while it has a role")
        self._check_forgiven(old, new)

    def _may_have(self, status: Status, revision: str, weight: int) -> None:
        if revision != status.stable:
            if revision in status.rejected:
                raise Violation(f"{revision} was rejected and gets weight {weight}")
            declared = status.rollout.weight.declared if status.rollout else 0
            if revision != status.candidate or weight > declared:
                raise Violation(
                    f"{revision} gets weight {weight}, stored is {declared} for {status.candidate}"
                )
        if not self._is_serviceable(revision):
            raise Violation(f"{revision} gets weight {weight} and was never ready")

    def _is_serviceable(self, revision: str) -> bool:
        server = self._world.servers.get(revision)
        return (server is not None and server.was_ready) or revision in self._world.taken

    @staticmethod
    def _check_forgiven(old: Status, new: Status) -> None:
        forgiven = set(old.rejected) - set(new.rejected)
        if not forgiven or len(old.rejected) >= MAX_REVISIONS:
            return
        asked = {r.id for r in new.requests if r.verb == Verb.RETRY and r.accepted} - {
            r.id for r in old.requests
        }
        if not asked:
            raise Violation(f"{forgiven} is no longer rejected, and nobody asked for a retry")
