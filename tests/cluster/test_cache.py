from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from e2e.cluster.cache import UNUSED_DAYS, Cache, cache

INPUTS = {"version": "1"}


def write(folder: Path) -> None:
    (folder / "tool").write_text("made")


def never(folder: Path) -> None:
    raise AssertionError(f"made again in {folder}")


def fail(folder: Path) -> None:
    (folder / "tool").write_text("half")
    raise OSError("disk full")


def test_a_thing_is_made_once(tmp_path: Path) -> None:
    made = Cache(tmp_path).make("tool", INPUTS, write)
    assert (made / "tool").read_text() == "made"
    assert Cache(tmp_path).make("tool", INPUTS, never) == made
    assert Cache(tmp_path).find("tool", INPUTS) == made


def test_other_inputs_are_another_thing(tmp_path: Path) -> None:
    Cache(tmp_path).make("tool", INPUTS, write)
    assert Cache(tmp_path).find("tool", {"version": "2"}) is None


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk full"):
        Cache(tmp_path).make("tool", INPUTS, fail)
    assert Cache(tmp_path).find("tool", INPUTS) is None
    assert list((tmp_path / "tool").iterdir()) == []
    assert Cache(tmp_path).make("tool", INPUTS, write)


def test_two_builders_make_it_once(tmp_path: Path) -> None:
    inside, go_on, made = threading.Event(), threading.Event(), []

    def slowly(folder: Path) -> None:
        inside.set()
        assert go_on.wait(20)
        write(folder)

    first = threading.Thread(target=lambda: made.append(Cache(tmp_path).make("tool", INPUTS, slowly)))
    second = threading.Thread(target=lambda: made.append(Cache(tmp_path).make("tool", INPUTS, never)))
    first.start()
    assert inside.wait(20)
    second.start()
    go_on.set()
    first.join()
    second.join()
    assert len(made) == 2
    assert made[0] == made[1]


def test_what_nobody_used_for_a_month_goes_when_the_next_one_comes(tmp_path: Path) -> None:
    stale, fresh = (Cache(tmp_path).make("tool", {"version": v}, write) for v in ("0", "1"))
    long_ago = time.time() - (UNUSED_DAYS + 1) * 24 * 3600  # noqa: TID251 (file times are wall-clock times)
    os.utime(stale, (long_ago, long_ago))
    Cache(tmp_path).make("tool", {"version": "2"}, write)
    assert not stale.exists()
    assert fresh.exists()


def test_use_is_remembered(tmp_path: Path) -> None:
    old = Cache(tmp_path).make("tool", INPUTS, write)
    os.utime(old, (0, 0))
    assert Cache(tmp_path).find("tool", INPUTS)
    Cache(tmp_path).make("tool", {"version": "2"}, write)
    assert old.exists()


@pytest.mark.parametrize(
    ("variables", "want"),
    [
        ({"FAIRWAY_CACHE": "/own", "XDG_CACHE_HOME": "/xdg"}, "/own"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/fairway"),
        ({"HOME": "/home/ann"}, "/home/ann/.cache/fairway"),
    ],
)
def test_the_user_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], want: str
) -> None:
    for name in ("FAIRWAY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache().root == Path(want)
