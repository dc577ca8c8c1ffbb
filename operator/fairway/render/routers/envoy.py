"""The router Envoy: our own pods in a cluster, a child process on a laptop."""

from __future__ import annotations

from fairway.core.route import Route
from fairway.render.envoy import EnvoyModel, render_model


class EnvoyRouter:
    def render(self, route: Route, bind_address: str) -> EnvoyModel:
        """Listener, route table and clusters of one model."""
        return render_model(route, bind_address=bind_address)
