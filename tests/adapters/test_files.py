"""The local store: nothing is lost, nothing is half written, nobody writes over another's work."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from builders import make_deployment
from fairway.adapters.errors import StoreError, StoreTooNew
from fairway.adapters.files import FileStore
from fairway.api.status import Phase, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref

FRAUD = Ref("default", "fraud")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


def _put(store: FileStore, uri: str = "file:/models/a") -> ModelDeployment:
    return store.put(make_deployment(uri=uri))[0]


def _get(store: FileStore) -> ModelDeployment:
    found = store.get(FRAUD)
    assert found is not None
    return found


def _folder(store: FileStore) -> Path:
    return store._folder / "default" / "fraud"


def test_who_only_looks_leaves_nothing_behind(store: FileStore) -> None:
    assert store.get(FRAUD) is None
    assert store.refs() == []
    assert store.fingerprint() == ()
    assert not store._folder.exists()


async def test_what_was_put_and_remembered_comes_back(store: FileStore) -> None:
    md = _put(store)
    stored = await store.remember(md, Status(phase=Phase.CANARY, message="so far so good"))
    assert stored == _get(store)
    assert (stored.status.phase, stored.status.message) == (Phase.CANARY, "so far so good")
    assert stored.spec == md.spec
    assert store.refs() == [FRAUD]


def test_the_generation_rises_with_the_spec_and_with_nothing_else(store: FileStore) -> None:
    assert _put(store).metadata.generation == 1
    _, is_new = store.put(make_deployment())
    assert not is_new
    store.annotate(FRAUD, "note", "hello")
    assert _get(store).metadata.generation == 1
    assert _put(store, "file:/models/b").metadata.generation == 2
    assert _get(store).metadata.annotations == {"note": "hello"}, "a new spec keeps what was noted"


async def test_a_status_for_an_old_version_is_refused(store: FileStore) -> None:
    old = _put(store)
    _put(store, "file:/models/b")
    with pytest.raises(Conflict):
        await store.remember(old, Status(message="too late"))
    assert _get(store).status.message == ""


async def test_the_version_is_checked_though_there_is_nothing_to_write(store: FileStore) -> None:
    old = _put(store)
    store.annotate(FRAUD, "note", "hello")
    with pytest.raises(Conflict):
        await store.remember(old, old.status)


async def test_nothing_is_written_when_nothing_changed(store: FileStore) -> None:
    md = await store.remember(_put(store), Status(message="a"))
    before = (_folder(store) / "status.json").stat()
    assert await store.remember(md, Status(message="a")) == md
    assert (_folder(store) / "status.json").stat().st_ino == before.st_ino


async def test_a_resource_made_anew_under_its_name_is_another_one(store: FileStore) -> None:
    old = _put(store)
    assert store.delete(FRAUD)
    new = _put(store)
    assert new.metadata.resource_version == old.metadata.resource_version
    with pytest.raises(Conflict):
        await store.remember(old, Status(message="of the one before"))


async def test_what_a_deletion_cut_short_left_is_not_inherited(store: FileStore) -> None:
    await store.remember(_put(store), Status(observed_generation=7, message="old"))
    (_folder(store) / "spec.json").unlink()
    assert store.get(FRAUD) is None
    assert _put(store).status == Status()


def test_deleting_what_is_not_there_is_said(store: FileStore) -> None:
    assert not store.delete(FRAUD)
    with pytest.raises(StoreError, match="there is no ModelDeployment default/fraud"):
        store.annotate(FRAUD, "note", "hello")


async def test_a_torn_status_gives_way_to_the_one_before(store: FileStore) -> None:
    md = await store.remember(_put(store), Status(message="before"))
    md = await store.remember(md, Status(message="torn"))
    file = _folder(store) / "status.json"
    file.write_bytes(file.read_bytes()[:20])
    found = _get(store)
    assert found.status.message == "before"
    with pytest.raises(Conflict):
        await store.remember(md, Status(message="whoever saw the torn one must look again"))
    assert (await store.remember(found, Status(message="on"))).status.message == "on"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": "x"}', '{"format": 1}', '{"format": 1, "version": 1}']
)
def test_a_damaged_spec_names_its_file_and_the_way_out(store: FileStore, content: str) -> None:
    _put(store)
    file = _folder(store) / "spec.json"
    file.write_text(content)
    with pytest.raises(StoreError, match="forget it with `fairway delete`") as error:
        store.get(FRAUD)
    assert str(file) in str(error.value)
    assert store.delete(FRAUD)
    _put(store)


def test_a_spec_that_this_fairway_does_not_understand_names_the_field(store: FileStore) -> None:
    _put(store)
    file = _folder(store) / "spec.json"
    content = json.loads(file.read_text())
    content["spec"]["model"]["format"] = "punch cards"
    file.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"cannot be understood: spec\.model\.format: "):
        store.get(FRAUD)


async def test_a_newer_fairways_files_are_refused_and_kept(store: FileStore) -> None:
    await store.remember(_put(store), Status(message="a"))
    file = _folder(store) / "status.json"
    newer = file.read_text().replace('"format": 1', '"format": 99')
    file.write_text(newer)
    with pytest.raises(StoreTooNew, match=r"format 99, this one reads 1\); upgrade fairway"):
        store.get(FRAUD)
    with pytest.raises(StoreTooNew):
        store.refuse_newer()
    assert file.read_text() == newer


def test_a_damaged_file_is_not_taken_for_a_newer_one(store: FileStore) -> None:
    _put(store)
    (_folder(store) / "spec.json").write_text("{")
    store.refuse_newer()


def test_the_fingerprint_tells_of_users_and_not_of_fairway_itself(store: FileStore) -> None:
    empty = store.fingerprint()
    _put(store)
    made = store.fingerprint()
    store.annotate(FRAUD, "note", "hello")
    annotated = store.fingerprint()
    store.delete(FRAUD)
    assert len({empty, made, annotated}) == 3
    assert store.fingerprint() == empty


async def test_a_status_leaves_the_fingerprint_alone(store: FileStore) -> None:
    md = _put(store)
    before = store.fingerprint()
    await store.remember(md, Status(message="a"))
    assert store.fingerprint() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FileStore(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match=rf"cannot use the store in {tmp_path}/file/store: Not a directory"):
        _put(store)


def _annotate_often(folder: Path, who: str) -> None:
    store = FileStore(folder)
    for number in range(50):
        store.annotate(FRAUD, f"{who}-{number}", "done")


def test_two_processes_lose_nothing_of_each_other(store: FileStore) -> None:
    _put(store)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_annotate_often, args=(store._folder, who)) for who in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(_get(store).metadata.annotations) == 100
