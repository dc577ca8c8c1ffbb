"""`undo` goes back by changing the spec."""

from __future__ import annotations

import pytest

from builders import digest
from fairway.api.status import Phase
from fairway.cli.exits import Exit
from laptop.cli import FRAUD, Cli
from laptop.records import NEW, OLD, put, sent_back


def test_undo_goes_back_to_stable_by_digest_though_the_file_has_changed(cli: Cli) -> None:
    put(cli, sent_back())
    said = cli("undo", "fraud")
    assert said.out == f"fraud: spec set back to {OLD} (generation 2)\n"
    stored = cli.store.get(FRAUD)
    assert stored
    assert (stored.spec.model.uri, stored.spec.model.sha256) == ("file:/models/a", digest("a"))
    assert cli("undo", "fraud").err == f"fraud: the spec is at {OLD} already\n"


@pytest.mark.parametrize(
    ("changes", "arguments", "code", "words"),
    [
        pytest.param(
            {"stable": NEW, "previous": None, "rejected": (), "phase": Phase.STABLE},
            (),
            Exit.ERROR,
            "fraud has no earlier revision to go back to",
            id="nothing before",
        ),
        pytest.param({}, ("--to-revision", NEW), Exit.ERROR, f"{NEW} was sent back", id="was sent back"),
        pytest.param(
            {},
            ("--to-revision", "fraud-else"),
            Exit.USAGE,
            f"fraud-else is not remembered (remembered are: {OLD}, {NEW})",
            id="not remembered",
        ),
    ],
)
def test_undo_refuses_what_makes_no_sense(
    cli: Cli, changes: dict[str, object], arguments: tuple[str, ...], code: Exit, words: str
) -> None:
    put(cli, sent_back(**changes))
    said = cli("undo", "fraud", *arguments)
    assert said.code == code
    assert words in said.err
    stored = cli.store.get(FRAUD)
    assert stored
    assert stored.metadata.generation == 1
