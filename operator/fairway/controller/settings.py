"""The settings of one operator process: environment variables FAIRWAY_<NAME>, lists and objects as JSON."""

from __future__ import annotations

import socket
import uuid
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from fairway.controller.errors import SettingsWrong
from fairway.render.kube.router import RouterSettings
from fairway.render.kube.server_settings import ServerSettings

PREFIX = "FAIRWAY_"
Words = tuple[str, ...]


class Settings(BaseSettings):
    """What the operator's administrator chooses."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    namespaces: Words = Field(default=(), description="Serve only these; all when it is empty.")
    kubeconfig: str = Field(default="", description="A file; the pod's own account when it is empty.")

    server_image: str = Field(min_length=1, description="Of the model server, by digest.")
    server_gpu_image: str = Field(
        default="", description="Of the model server for GPUs; no model gets GPUs when it is empty."
    )
    router_image: str = Field(min_length=1, description="Of the routers: Envoy and its agent, by digest.")
    fetch_image: str = Field(
        min_length=1, description="Has `fairway-fetch`, by digest: the operator's own image does."
    )
    router_replicas: Annotated[int, Field(ge=1)] = 2
    server_resources: dict[str, Any] | None = None
    server_node_selector: dict[str, str] = Field(
        default={}, description="Of all servers; a ModelDeployment may say otherwise."
    )
    server_tolerations: tuple[dict[str, Any], ...] = Field(
        default=(), description="Of all servers, beside a ModelDeployment's own."
    )
    image_pull_secrets: Words = ()
    first_port: Annotated[int, Field(ge=1024, le=60000)] = Field(
        default=10000, description="Of the models' ports on the routers."
    )

    workers: Annotated[int, Field(ge=1)] = Field(default=8, description="Models looked at at a time.")
    resync_seconds: Annotated[float, Field(gt=0, le=60)] = 60.0
    lease_namespace: str = Field(default="fairway-system", min_length=1)
    lease_name: str = Field(default="fairway-operator", min_length=1)
    identity: str = Field(default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}")
    http_host: str = Field(default="0.0.0.0", description="Of probes and metrics.")  # noqa: S104
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    log_level: str = "INFO"

    def server(self) -> ServerSettings:
        """What a model's servers are rendered with."""
        found = ServerSettings(
            fetch_image=self.fetch_image,
            image_pull_secrets=self.image_pull_secrets,
            node_selector=self.server_node_selector,
            tolerations=self.server_tolerations,
        )
        return found if self.server_resources is None else replace(found, resources=self.server_resources)

    def gpu_images(self) -> dict[str, str]:
        """The server's image by engine type, for models that ask for GPUs."""
        return {"OnnxRuntime": self.server_gpu_image} if self.server_gpu_image else {}

    def router(self) -> RouterSettings:
        """What a namespace's router is rendered with."""
        return RouterSettings(
            image=self.router_image,
            replicas=self.router_replicas,
            image_pull_secrets=self.image_pull_secrets,
        )


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsWrong: every setting that is missing or wrong, one a line.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = (f"{PREFIX}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsWrong("\n".join(lines)) from error
    except ValueError as error:  # a list or an object that is no JSON
        raise SettingsWrong(str(error)) from error
