"""What the environment of the pod says."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from fairway.agent.errors import SettingsError


def _in_cluster_url() -> str:
    host, port = (
        os.environ.get("KUBERNETES_SERVICE_HOST", ""),
        os.environ.get("KUBERNETES_SERVICE_PORT", "443"),
    )
    bracketed = f"[{host}]" if ":" in host else host
    return f"https://{bracketed}:{port}" if host else ""


class Settings(BaseSettings):
    """Read from variables with the prefix `FAIRWAY_`; the defaults are those of the router pod.

    Attributes:
        namespace: whose ConfigMaps and EndpointSlices are read, and nothing else.
        pod: names this router in `source`, so that two routers never look like one.
        run_dir: shared with Envoy; sockets and the snapshot lie here.
        api_url: of the cluster's API; by default what Kubernetes says in every container.
        token_dir: with `token` and `ca.crt`; read anew for every connection, as tokens are replaced hourly.
        host, port: where the operator, the probes and Prometheus ask.
        drain_seconds: how long clients have to go.
        settle_seconds: how long new clients are expected after a drain began.
        linger_seconds: how long the agent waits, once it was asked to end, for a sign that Envoy ends too.
        quiet_seconds: silence of a watch after which it is taken for dead; bookmarks come every minute.
        patience_seconds: how long a start waits for the cluster's API before the snapshot is served.
    """

    model_config = SettingsConfigDict(env_prefix="FAIRWAY_", frozen=True)

    namespace: str = Field(min_length=1, max_length=63)
    pod: str = Field(min_length=1, max_length=253)
    run_dir: Path = Path("/run/fairway")
    api_url: str = Field(default_factory=_in_cluster_url, min_length=1)
    token_dir: Path = Path("/var/run/secrets/fairway")
    host: str = "0.0.0.0"  # noqa: S104  the kubelet and the operator come from outside the pod
    port: int = Field(default=9902, ge=0, lt=65536)
    drain_seconds: float = Field(default=45.0, ge=0)
    settle_seconds: float = Field(default=5.0, ge=0)
    linger_seconds: float = Field(default=10.0, ge=0)
    quiet_seconds: float = Field(default=90.0, gt=0)
    patience_seconds: float = Field(default=2.0, ge=0)

    @property
    def agent_socket(self) -> Path:
        return self.run_dir / "ads.sock"

    @property
    def admin_socket(self) -> Path:
        return self.run_dir / "admin.sock"

    @property
    def snapshot(self) -> Path:
        return self.run_dir / "snapshot.json"


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: a variable is missing or wrong; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"FAIRWAY_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        raise SettingsError("; ".join(faults)) from error
