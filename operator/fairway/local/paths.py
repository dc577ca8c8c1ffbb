"""Where local mode keeps things: one folder for what must last, a short one for the sockets."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


def default_state_dir() -> Path:
    """`$FAIRWAY_STATE_DIR`, else the user's state folder of the XDG specification."""
    chosen = os.environ.get("FAIRWAY_STATE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "fairway"


@dataclass(frozen=True, slots=True)
class LocalPaths:
    """All paths of one local Fairway."""

    state: Path

    @property
    def deployments(self) -> Path:
        return self.state / "deployments"

    @property
    def models(self) -> Path:
        return self.state / "models"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def router(self) -> Path:
        return self.state / "router"

    @property
    def lock(self) -> Path:
        return self.state / "up.lock"

    @property
    def sources(self) -> Path:
        """Which manifest files were last applied, and with what content."""
        return self.state / "sources.json"

    @property
    def log(self) -> Path:
        return self.state / "fairway.log"

    def server_log(self, revision: str) -> Path:
        """Where a server's output goes."""
        return self.run / revision / "log"

    @property
    def sockets(self) -> Path:
        """A short folder, the same after a restart: a socket's path may have some hundred bytes only."""
        digest = hashlib.sha256(str(self.state.resolve()).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"fairway-{os.getuid()}-{digest}"

    @property
    def agent_socket(self) -> Path:
        return self.sockets / "ads.sock"

    @property
    def admin_socket(self) -> Path:
        return self.sockets / "admin.sock"

    def make(self) -> None:
        """Create the folders, for this user alone.

        Raises:
            PermissionError: the folder for sockets belongs to somebody else.
        """
        for folder in (self.state, self.router, self.sockets):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.sockets.stat().st_uid != os.getuid():
            raise PermissionError(f"{self.sockets} belongs to another user")
