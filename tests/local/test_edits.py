"""The user edits while a rollout runs, and by other means than the file that `up` was given."""

import asyncio
from functools import partial
from pathlib import Path

from fairway.api.status import Phase
from fairway.cli.exits import Exit
from laptop import models
from laptop.fairway import FRAUD, Laptop, eventually
from laptop.manifests import HELD, QUICK, deployment, manifest


def _good(laptop: Laptop, number: int) -> Path:
    return models.save(models.good(number), laptop.folder / f"{number}.onnx")


def _says(laptop: Laptop, words: str) -> bool:
    return words in laptop.said()


async def _waiter(laptop: Laptop, text: str) -> asyncio.Task[tuple[int, str]]:
    """`fairway apply --wait`, once its spec is looked at."""
    before = laptop.status().wanted

    async def wait() -> tuple[int, str]:
        said = await laptop.run("apply", "-f", "-", "--wait", "--timeout", "40s", stdin=text.encode())
        return said.code, said.out + said.err

    task = asyncio.create_task(wait())
    await eventually(lambda: laptop.status().wanted not in {None, before}, why="the new spec is looked at")
    return task


async def test_each_waiter_hears_of_its_own_revision(laptop: Laptop) -> None:
    """The first is superseded, the second goes live."""
    await laptop.up()
    one, two, three = (_good(laptop, number) for number in (1, 2, 3))
    laptop.put(deployment(one))
    await laptop.live()
    first = await _waiter(laptop, manifest(two, rollout=HELD))
    await laptop.until(lambda s: s.phase is Phase.CANARY, why="it takes traffic")
    second = await _waiter(laptop, manifest(three))
    code, words = await first
    assert code == Exit.SUPERSEDED
    assert "superseded: the spec now asks for" in words
    assert (await second)[0] == Exit.OK


async def test_going_back_to_stable_or_editing_the_steps_alone_makes_no_new_revision(laptop: Laptop) -> None:
    await laptop.up()
    one, two = _good(laptop, 1), _good(laptop, 2)
    laptop.put(deployment(one))
    stable = await laptop.live()
    laptop.put(deployment(two, rollout=HELD))
    candidate = await laptop.revision()
    await laptop.until(lambda s: s.phase is Phase.CANARY, why="it takes traffic")
    laptop.put(deployment(one))
    end = await laptop.end(candidate)
    assert end.code is Exit.SUPERSEDED
    assert end.message == "the spec is back at the stable revision"
    assert (await laptop.end()).code is Exit.OK
    laptop.put(deployment(one, rollout={**QUICK, "bake": {"duration": "5s"}}))
    assert (await laptop.end()).code is Exit.OK
    status = laptop.status()
    assert (status.observed_generation, status.stable, status.candidate) == (4, stable, None)


async def test_a_wrong_edit_is_told_and_changes_nothing_until_it_is_put_right(laptop: Laptop) -> None:
    file = laptop.folder / "fraud.yaml"
    file.write_text(manifest(_good(laptop, 1)))
    await laptop.up(file)
    stable = await laptop.live()
    good = file.read_text()
    for wrong, words in (
        (good.replace("spec:", "spec: ["), "fraud.yaml:"),
        (good.replace("engine:", "engin:"), "did you mean engine?"),
        (good.replace("weight: 10", "weight: 100"), "spec.rollout.steps[0].weight"),
    ):
        file.write_text(wrong)
        await eventually(partial(_says, laptop, words), why=f"{words} is said")
        assert laptop.status().stable == stable
        assert laptop.status().candidate is None
    file.unlink()
    await eventually(lambda: "cannot be read: No such file" in laptop.said(), why="the missing file is said")
    file.write_text(manifest(_good(laptop, 2)))
    await laptop.until(lambda s: s.stable not in {None, stable}, why="the right edit goes live")
    assert "Traceback" not in laptop.said()


async def test_what_was_applied_by_other_means_stays_until_its_file_says_something_new(
    laptop: Laptop,
) -> None:
    fraud, churn = laptop.folder / "fraud.yaml", laptop.folder / "churn.yaml"
    fraud.write_text(manifest(_good(laptop, 1)))
    churn.write_text(manifest(_good(laptop, 2), name="churn"))
    await laptop.up(laptop.folder)
    await laptop.live()
    laptop.put(deployment(_good(laptop, 3)))
    third = await laptop.revision()
    assert (await laptop.end(third)).code is Exit.OK
    churn.write_text(manifest(_good(laptop, 4), name="churn"))
    await eventually(lambda: laptop.said().count("churn  Applied") == 2, why="the other file is applied")
    assert laptop.status().wanted == third, "the edit of one file must not undo what another model was given"
    assert await laptop.down() == 0

    await laptop.up(laptop.folder)
    words = "something else was applied since; that is served (`fairway apply -f` to go back)"
    await eventually(lambda: words in laptop.said(), why="it is said that the file is not followed")
    assert await laptop.live() == third
    assert await laptop.down() == 0

    assert laptop.store.delete(FRAUD)
    await laptop.up(laptop.folder)
    assert await laptop.live() != third, "what the file names is served, deleted or not"
    fraud.unlink()
    await eventually(lambda: "it is served until `fairway delete fraud`" in laptop.said(), why="it is said")
    assert laptop.md(FRAUD) is not None
