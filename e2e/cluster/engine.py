"""A Docker engine: the one that answers already, or one of our own for as long as clusters need it.

Our own needs root, and the packages docker.io, containerd, runc and iptables. It keeps to its own folder,
socket and containers; what it shares with the machine is the bridge docker0 and the rules of the firewall.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.cache import cache
from e2e.cluster.commands import run
from e2e.cluster.errors import CannotStart
from e2e.cluster.progress import step
from e2e.cluster.runtime_wrapper import missing_capabilities

RUN = Path("/run/fairway-engine")
SOCKET = RUN / "docker.sock"
NEEDED = ("dockerd", "containerd", "runc", "iptables")
_START_SECONDS = 60
_STOP_SECONDS = 30
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Engine:
    """A running engine.

    Attributes:
        env: makes docker and kind talk to it.
        lacks: capabilities that its containers cannot have.
    """

    env: dict[str, str]
    lacks: frozenset[str]

    def docker(self, step: str, *words: str | Path, log: Path) -> str:
        """Run one docker command and return what it prints.

        Raises:
            CannotMake: it failed.
        """
        # The classic builder: BuildKit is a plug-in that Debian's package does not bring.
        return run(step, ["docker", *words], log, env={**self.env, "DOCKER_BUILDKIT": "0"})


def missing() -> str:
    """Why there is no engine and none can be started; "" when there can be one."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    if running():
        return ""
    lacking = [name for name in NEEDED if shutil.which(name, path=_path()) is None]
    if lacking:
        return f"no Docker engine answers, and {', '.join(lacking)} are not installed to start one"
    return "" if os.geteuid() == 0 else "no Docker engine answers, and only root can start one"


def running() -> Engine | None:
    """The engine that answers: the machine's, else our own; None when none does."""
    if _answers({}):
        return Engine({}, frozenset())
    if _answers(_OURS):
        return Engine(_OURS, missing_capabilities(Path("/proc/self/status").read_text()))
    return None


def engine() -> Engine:
    """The engine that answers, or our own, started.

    Raises:
        CannotStart: dockerd did not come up.
    """
    with cache().one_at_a_time("engine-start"):
        found = running()
        if found is None:
            with step("starting a Docker engine"):
                _start(cache().root / "engine")
            found = running()
            assert found is not None
    return found


def stop() -> None:
    """End our own engine with all its containers; its images stay on disk."""
    pid_file = RUN / "docker.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    if not _is_dockerd(pid):
        return
    with step("stopping the Docker engine"):
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + _STOP_SECONDS
        while _is_dockerd(pid) and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)


_OURS = {"DOCKER_HOST": f"unix://{SOCKET}"}


def _answers(env: dict[str, str]) -> bool:
    asked = subprocess.run(
        ["docker", "info"], check=False, capture_output=True, text=True, env={**os.environ, **env}
    )
    return asked.returncode == 0 and "Server Version" in asked.stdout


def _start(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    RUN.mkdir(parents=True, exist_ok=True)
    # Neither the checkout nor its environment has to outlive the containers.
    script = shutil.copy(Path(__file__).with_name("runtime_wrapper.py"), folder)
    wrapper = folder / "runc"
    wrapper.write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} -S -E {script} "$@"\n')
    wrapper.chmod(0o755)
    settings, log = folder / "daemon.json", folder / "dockerd.log"
    settings.write_text(json.dumps(_settings(folder, wrapper), indent=1))
    with log.open("wb") as out:
        daemon = subprocess.Popen(
            ["dockerd", f"--config-file={settings}"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": _path()},
            start_new_session=True,
        )
    end = time.monotonic() + _START_SECONDS
    while not _answers(_OURS):
        if daemon.poll() is not None:
            raise CannotStart("dockerd", f"ended with exit code {daemon.returncode}", log)
        if time.monotonic() > end:
            raise CannotStart("dockerd", f"did not answer within {_START_SECONDS} s", log)
        time.sleep(_POLL_SECONDS)


def _settings(folder: Path, wrapper: Path) -> dict[str, object]:
    return {
        "hosts": [f"unix://{SOCKET}"],
        "data-root": str(folder / "data"),
        "exec-root": str(RUN / "exec"),
        "pidfile": str(RUN / "docker.pid"),
        "runtimes": {"fairway": {"path": str(wrapper)}},
        "default-runtime": "fairway",
    }


def _path() -> str:
    """dockerd and iptables lie where only root's shell looks."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def _is_dockerd(pid: int) -> bool:
    command = Path(f"/proc/{pid}/cmdline")
    try:
        return command.read_bytes().split(b"\0")[0].endswith(b"dockerd")
    except FileNotFoundError:
        return False
