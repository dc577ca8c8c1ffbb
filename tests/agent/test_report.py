"""When a router may have clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from fairway.adapters.xds import ModelConfig
from fairway.agent.report import Report
from fairway.agent.router import RouterAgent
from fairway.agent.settings import Settings
from fairway.agent.wish import Wish
from fairway.core.route import Backend, Route, RouteState
from fairway.render.envoy import render_model

SETTINGS = Settings(namespace="shop", pod="router-1", api_url="http://any", run_dir=Path("/nowhere"))
KEY = "shop/fraud"
ROUTE = Route("shop", "fraud", 10000, (Backend("fraud-1", 1000),))


@dataclass
class Agent:
    """What a report asks of the agent."""

    routers: int = 1
    complete: bool = True
    wishes: dict[str, Wish] = field(
        default_factory=lambda: {KEY: Wish(KEY, ModelConfig(ROUTE, render_model(ROUTE)), {})}
    )
    held: frozenset[str] = frozenset()
    states: dict[str, RouteState] = field(default_factory=dict)

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.wishes)

    def state(self, key: str) -> RouteState:
        return self.states.get(key, RouteState())


class Overheard(Report):
    """A report whose Envoy is made up."""

    envoy: str | None = "1"
    word = "LIVE"
    silent: str | None = None

    def __init__(self, agent: Agent) -> None:
        super().__init__(SETTINGS, cast("RouterAgent", agent))

    def _envoy(self) -> str | None:
        return self.envoy

    async def _word(self) -> str:
        return self.word

    async def _silent_port(self) -> str | None:
        return self.silent


IN_FORCE = {KEY: RouteState(ROUTE)}


async def test_a_router_waits_for_its_models() -> None:
    agent = Agent()
    report = Overheard(agent)
    assert await report.unready() == "1 models are not in force yet"
    agent.states = IN_FORCE
    assert await report.unready() is None


async def test_what_is_refused_or_held_back_is_not_waited_for() -> None:
    """One bad model must not keep the router of all the others from its clients."""
    assert await Overheard(Agent(states={KEY: RouteState(None, "refused")})).unready() is None
    assert await Overheard(Agent(held=frozenset({KEY}))).unready() is None


async def test_a_router_that_was_whole_stays_ready_when_a_change_hangs() -> None:
    agent = Agent(states=IN_FORCE)
    report = Overheard(agent)
    assert await report.unready() is None
    agent.states = {}
    assert await report.unready() is None


async def test_another_envoy_has_to_become_whole_again() -> None:
    agent = Agent(states=IN_FORCE)
    report = Overheard(agent)
    assert await report.unready() is None
    agent.states = {}
    report.envoy = "2"
    assert await report.unready() == "1 models are not in force yet"


async def test_a_router_that_drains_or_is_gone_or_hangs_is_not_ready() -> None:
    report = Overheard(Agent(states=IN_FORCE))
    assert await report.unready() is None
    report.silent = "the port of a model does not answer"
    assert await report.unready() == report.silent
    report.word = "DRAINING"
    assert await report.unready() == "Envoy is DRAINING"
    assert await report.draining()


async def test_without_an_envoy_or_a_list_nothing_is_ready() -> None:
    assert await Overheard(Agent(routers=0)).unready() == "Envoy is not connected"
    empty = Agent(complete=False, wishes={})
    assert await Overheard(empty).unready() == "what to serve is not known yet"
