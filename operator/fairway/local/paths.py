"""Where local mode keeps things: one folder for what must last, a short one for the sockets."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fairway.local.errors import StateFolderUnusable


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

    @classmethod
    def at(cls, state: Path | None) -> LocalPaths:
        """The chosen folder, or the default one; absolute, because servers are recognised by their paths."""
        return cls((state or default_state_dir()).absolute())

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

    @property
    def logs(self) -> Path:
        """The logs of servers that are gone."""
        return self.state / "logs"

    def server_log(self, revision: str) -> Path:
        """Where a server's output goes, or went."""
        running = self.run / revision / "log"
        return running if running.exists() else self.logs / f"{revision}.log"

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
            StateFolderUnusable: one cannot be made, or belongs to somebody else.
        """
        for folder in (self.state, self.router, self.sockets):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                usable = os.access(folder, os.W_OK | os.X_OK)
            except OSError as error:
                raise StateFolderUnusable(
                    f"cannot make the folder {folder}: {error.strerror}; choose another with --state-dir"
                ) from error
            if not usable or folder.stat().st_uid != os.getuid():
                raise StateFolderUnusable(
                    f"the folder {folder} is not yours to write; choose another with --state-dir"
                )

    def remove_sockets(self, *, only_if_empty: bool = False) -> None:
        """Leave nothing behind in the folder for temporary files.

        Args:
            only_if_empty: the router of an earlier run may still be using it.
        """
        if only_if_empty:
            with suppress(OSError):
                self.sockets.rmdir()
        else:
            shutil.rmtree(self.sockets, ignore_errors=True)
