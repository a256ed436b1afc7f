"""Deleting, and bringing back: columns, recipes, tags, reports, maps, target sets, runs, sweeps, jobs and pools."""

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from poolscope import bias, deletion, jobs, paths, targets
from poolscope.audit import catalog, group_files, own_groups
from poolscope.bench.tasks import own as tasks_own
from poolscope.bench.tasks import tasks_list
from poolscope.engine import fit, run
from poolscope.errors import InputError
from poolscope.jobs import table
from poolscope.pool import Pool, trash
from poolscope.projection import Map, available
from poolscope.projection.maps import save as save_map
from poolscope.recipe import load, tags
from poolscope.recipe.ready import save, saved
from poolscope.runs import Run, runs
from tests.conftest import image_bytes


def job(*argv: str, kind: str = "score", state: str = "done") -> int:
    made = table.insert(kind=kind, title="t", argv=list(argv), device=None, cwd=".", environment={})
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET state=?, ended=1 WHERE id=?", (state, made))
    return made


def remove(kind: str, name: str, pool: Pool | None = None, **options: bool) -> None:
    deletion.delete(deletion.find(kind, name, pool), **options)


@pytest.fixture
def full(tiny_pool, tmp_path):
    """The tiny pool with one thing of each kind."""
    save(load({"name": "mine", "keep": [{"where": "width > 200"}]}), tiny_pool)
    tags.save(tiny_pool, "blurry ones", np.array([1, 2]))
    save_map(tiny_pool, Map("l14", np.arange(200, dtype=np.uint32), np.zeros((200, 2), np.float32), {"pairs": 200}))
    np.save(tmp_path / "t.npy", np.eye(16, dtype=np.float32))
    targets.add_target(tiny_pool, "near", tmp_path / "t.npy", model="l14")
    report = tiny_pool.path / "reports" / "bias-20260101-000000-aa.json"
    report.parent.mkdir(exist_ok=True)
    report.write_text("{}")
    made = Run(id="r1", name="r", recipe="r", scale="demo")
    made.save()
    log = paths.home() / "jobs" / f"{job('info')}.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("said\n")
    keys = tiny_pool.take(range(20), ["uid"])["uid"].to_pylist()
    (tmp_path / "mine.csv").write_text("uid,group\n" + "".join(f"{uid},{'ab'[i % 2]}\n" for i, uid in enumerate(keys)))
    own_groups.add(tiny_pool, tmp_path / "mine.csv")
    for number in range(4):
        folder = tmp_path / "set" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(image_bytes(number))
    tasks_own.add("few", tmp_path / "set")
    return tiny_pool


THERE = {
    ("column", "clip_b32"): lambda pool: "clip_b32" in pool.reload().columns,
    ("recipe", "mine"): lambda pool: "mine" in saved(pool),
    ("tag", "blurry ones"): lambda pool: "blurry ones" in tags.names(pool),
    ("map", "l14"): lambda pool: available(pool) == ["l14"],
    ("target", "near/l14"): lambda pool: "near/l14" in targets.targets(pool),
    ("report", "bias-20260101-000000-aa"): lambda pool: len(bias.kept_reports(pool)) == 1,
    ("groups", "mine"): lambda pool: len(found_groups(pool, "mine")) == 2,
    ("task", "own/few"): lambda pool: "own/few" in {task.key for task in tasks_list()},
    ("run", "r1"): lambda pool: [one.id for one in runs()] == ["r1"],
    ("job", "1"): lambda pool: [one.id for one in jobs.all()] == [1] and jobs.log_tail(1) == "said\n",
    ("pool", "PATH"): lambda pool: Pool.exists(pool.path),
}


def found_groups(pool: Pool, family: str) -> list[int]:
    """The sizes of the groups of a family of one's own that are known without a search."""
    providers = [one for one in catalog.providers(pool) if family in one.families]
    groups = [group for one in providers for group in group_files.load(pool, one) or []]
    return [int(np.bitwise_count(group.bits).sum()) for group in groups]


@pytest.mark.parametrize(("kind", "name"), THERE)
def test_everything_can_be_deleted_and_brought_back(full, kind, name):
    there, name = THERE[kind, name], str(full.path) if name == "PATH" else name
    assert there(full)
    found = deletion.find(kind, name, full)
    assert found.bytes > 0
    assert found.users == []
    deletion.delete(found)
    assert not there(full)
    with pytest.raises(InputError):
        deletion.find(kind, name, full)
    pool = None if kind == "pool" else full.reload()
    listed = deletion.deleted(pool)
    assert [(one.kind, one.name) for one in listed] == [(kind, found.name)]
    assert listed[0].bytes > 0
    back = deletion.undo(pool)
    assert (back.kind, back.name) == (kind, found.name)
    assert there(full)
    assert deletion.deleted(full) == []
    with pytest.raises(InputError, match="can't be brought back"):
        deletion.undo(full)


def test_what_is_replaced_can_be_brought_back_and_forth(full, tmp_path):
    """`--force` replaced target sets and groups for good."""
    before = targets.load_target(full, "near", "l14").copy()
    np.save(tmp_path / "t.npy", np.eye(16, dtype=np.float32)[:3])
    targets.add_target(full, "near", tmp_path / "t.npy", model="l14", force=True)
    (tmp_path / "mine.csv").write_text((tmp_path / "mine.csv").read_text().replace(",b", ",a"))
    own_groups.add(full, tmp_path / "mine.csv", force=True)
    assert (len(targets.load_target(full, "near", "l14")), found_groups(full, "mine")) == (3, [20])
    for _ in range(2):
        assert deletion.undo(full, "target").name == "near/l14"
        assert (targets.load_target(full, "near", "l14") == before).all()
        assert deletion.undo(full, "groups").name == "mine"
        assert sorted(found_groups(full, "mine")) == [10, 10]
        deletion.undo(full, "target", "near/l14")
        deletion.undo(full, "groups", "mine")
        assert (len(targets.load_target(full, "near", "l14")), found_groups(full, "mine")) == (3, [20])


def test_each_kind_names_what_there_is(full):
    for kind in deletion.KINDS:
        with pytest.raises(InputError, match=r"nothing|given"):
            deletion.find(kind, "nothing", full)
    with pytest.raises(InputError, match="choose column"):
        deletion.find("planet", "x", full)
    with pytest.raises(InputError, match="--pool"):
        deletion.find("column", "x")


@pytest.mark.parametrize("name", ["../x", "", ".", "a/b", "/etc", "\x00", "mine\n", "..\\x", "x" * 5000])
@pytest.mark.parametrize("kind", deletion.KINDS)
def test_no_name_leads_out(full, kind, name):
    with pytest.raises(InputError):
        deletion.find(kind, name, full)


def test_a_deleted_column_keeps_its_values_while_pairs_come(tiny_pool):
    import pyarrow as pa

    before, about, reader = tiny_pool.array("clip_b32"), tiny_pool.columns["clip_b32"], Pool.open(tiny_pool.path)
    version = tiny_pool.version
    remove("column", "clip_b32", tiny_pool)
    assert (reader.array("clip_b32") == before).all(), "a reader that began before goes on"
    assert (Pool.open(tiny_pool.path, version).array("clip_b32") == before).all()
    with pytest.raises(InputError, match="has no column 'clip_b32'"):
        tiny_pool.array("clip_b32")
    with pytest.raises(InputError, match=r"can't be read|no column"):
        tiny_pool.where("clip_b32 > 0")
    keys = {"uid_hi": pa.array([1], pa.uint64()), "uid_lo": pa.array([2], pa.uint64()), "text": ["late"]}
    tiny_pool.append([pa.record_batch(keys)])
    deletion.undo(tiny_pool)
    assert tiny_pool.columns["clip_b32"] == about
    assert (tiny_pool.array("clip_b32")[:200] == before).all()
    assert np.isnan(tiny_pool.array("clip_b32")[200])


def test_a_column_made_again_stands_in_the_way_of_undo_until_it_is_deleted_too(tiny_pool):
    before = tiny_pool.array("clip_b32")
    remove("column", "clip_b32", tiny_pool)
    pool = run(tiny_pool, fit("random", tiny_pool), column="clip_b32")
    with pytest.raises(InputError, match="another column 'clip_b32' by now"):
        deletion.undo(pool)
    made = pool.array("clip_b32")
    remove("column", "clip_b32", pool)
    assert deletion.undo(pool).name == "clip_b32"
    assert (pool.array("clip_b32") == made).all(), "the one deleted last comes first"
    pool.drop_column("clip_b32")
    deletion.undo(pool)
    assert (pool.array("clip_b32") == before).all()


def test_cleaning_ends_undo_and_frees_what_it_said(full):
    size = sum(path.stat().st_size for path in full.path.rglob("*") if path.is_file())
    for kind, name in (("column", "clip_b32"), ("recipe", "mine"), ("target", "near/l14"), ("map", "l14")):
        remove(kind, name, full)
    said = full.prunable()
    assert said.deleted == 4
    assert full.clean() == said
    assert deletion.deleted(full) == []
    assert not any(name.startswith("clip_b32") for name in full.schema.names)
    left = sum(path.stat().st_size for path in full.path.rglob("*") if path.is_file())
    assert left < size
    with pytest.raises(InputError, match="a compaction removed it"):
        deletion.undo(full, "column", "clip_b32")


def test_what_is_in_use_is_named_and_refused_without_force(tiny_pool):
    save(
        load({"name": "reader", "keep": [{"any": [{"where": "clip_b32 > 0.1"}, {"flag": "sharp", "off": True}]}]}),
        tiny_pool,
    )
    for name in ("clip_b32", "sharp"):
        with pytest.raises(InputError, match=r"in use by recipe 'reader'.*--force"):
            remove("column", name, tiny_pool)
    assert deletion.find("column", "clip_l14", tiny_pool).users == []
    for name in ("text", "image_offset", "url"):
        with pytest.raises(InputError, match="came with the pairs"):
            remove("column", name, tiny_pool)
    with pytest.raises(InputError, match="part of the uid"):
        remove("column", "uid_hi", tiny_pool, force=True)
    remove("column", "clip_b32", tiny_pool, force=True)
    assert "clip_b32" not in tiny_pool.columns


@pytest.mark.parametrize(
    "rule",
    [{"caption": "clip_b32", "image": "url"}, {"sample": "clip_b32", "pairs": 9}, {"score": "clip_b32", "top": 0.5}],
)
def test_a_recipe_uses_what_any_of_its_rules_names(tiny_pool, rule):
    save(load({"name": "reader", "keep": [rule]}), tiny_pool)
    assert deletion.find("column", "clip_b32", tiny_pool).users == ["recipe 'reader'"]


def test_jobs_that_read_a_column_are_named(tiny_pool, monkeypatch):
    recipe = tiny_pool.path / "r.yaml"
    recipe.write_text("name: r\nkeep:\n  - {score: clip_l14, top: 0.5}\n")
    where = ["--pool", str(tiny_pool.path)]
    job("train", str(recipe), *where, kind="train", state="running")
    job("score", "random", "--pool", "/another/pool", state="running")
    monkeypatch.setattr(jobs, "all", lambda: [table.as_job(row) for row in table.rows()])
    monkeypatch.setattr(jobs, "get", lambda id: table.as_job(table.row(id)))
    assert deletion.find("column", "clip_l14", tiny_pool).users == ["job 1 (t)"]
    assert deletion.find("column", "clip_b32", tiny_pool).users == []
    assert deletion.find("column", "l14_img", tiny_pool).users == ["job 1 (t)"], (
        "a run may need more than its recipe says"
    )
    assert deletion.find("pool", str(tiny_pool.path)).users == ["job 1 (t)"]
    job("score", "random", *where, state="queued")
    assert deletion.find("column", "clip_b32", tiny_pool).users == ["job 3 (t)"]
    assert "it is running" in deletion.find("job", "1").users[0]


def test_a_run_that_works_is_refused(home):
    made = Run(id="busy", name="r", recipe="r", scale="demo")
    made.step_to("training")
    with pytest.raises(InputError, match=r"process .* works on it"):
        remove("run", "busy")
    made.step_to("done")
    remove("run", "busy")
    assert runs() == []


def test_a_damaged_run_can_be_deleted(home):
    (paths.runs() / "torn").mkdir(parents=True)
    (paths.runs() / "torn" / "run.json").write_text("{")
    remove("run", "torn")
    assert not (paths.runs() / "torn").exists()


def test_jobs_are_never_given_a_deleted_ones_number(home):
    first = job("info")
    remove("job", str(first))
    second = job("info")
    assert second != first
    deletion.undo()
    assert [one.id for one in jobs.all()] == [second, first]


def test_a_pool_is_not_brought_back_over_another(tiny_pool, tmp_path):
    remove("pool", str(tiny_pool.path))
    (tmp_path / "pool").mkdir()
    with pytest.raises(InputError, match="another pool"):
        deletion.undo()
    (tmp_path / "pool").rmdir()
    deletion.undo()
    assert len(Pool.open(tmp_path / "pool")) == 200


def test_emptying_removes_runs_jobs_and_pools_for_good(full, tmp_path):
    for kind, name in (("run", "r1"), ("job", "1"), ("pool", str(full.path))):
        remove(kind, name)
    count, size = deletion.emptied()
    assert count == 3
    assert size > 50_000
    deletion.empty()
    assert deletion.emptied() == (0, 0)
    assert not (tmp_path / trash.FOLDER).exists()
    with pytest.raises(InputError, match="can't be brought back"):
        deletion.undo()


def test_a_read_only_pool_refuses(tiny_pool):
    save(load({"name": "mine", "keep": [{"where": "width > 200"}]}), tiny_pool)
    then = Pool.open(tiny_pool.path, tiny_pool.version)
    for kind, name in (("column", "clip_b32"), ("recipe", "mine")):
        with pytest.raises(InputError, match="may only be read"):
            remove(kind, name, then)
    assert "mine" in saved(tiny_pool)


def test_a_strangers_trash_writes_nowhere_else(tiny_pool, tmp_path):
    """A pool that came in an archive may hold any `entry.json`."""
    (tmp_path / "outside").mkdir()
    (tiny_pool.path / "door").symlink_to(tmp_path / "outside")
    for number, path in enumerate(["../outside/x", str(tmp_path / "outside" / "x"), "door/x", "."]):
        folder = tiny_pool.path / trash.FOLDER / f"{number}-recipe"
        folder.mkdir(parents=True)
        (folder / "0").write_text("evil")
        about = {"kind": "recipe", "name": f"n{number}", "when": number, "bytes": 1, "paths": [path], "note": {}}
        (folder / trash.ENTRY).write_text(json.dumps(about))
    for text in (
        "[]",
        "{",
        '{"kind": 1}',
        '{"kind": "x", "name": "y", "when": "z", "bytes": 1, "paths": [], "note": {}}',
    ):
        (tiny_pool.path / trash.FOLDER / f"t{hash(text)}").mkdir()
        (tiny_pool.path / trash.FOLDER / f"t{hash(text)}" / trash.ENTRY).write_text(text)
    with pytest.raises(InputError, match="leads out"):
        deletion.undo(tiny_pool)
    assert [one.name for one in deletion.deleted(tiny_pool)] == ["n2"]
    assert list((tmp_path / "outside").iterdir()) == []
    (tmp_path / "kept").mkdir()
    shutil.rmtree(tiny_pool.path / trash.FOLDER)
    (tiny_pool.path / trash.FOLDER).symlink_to(tmp_path / "kept")
    assert deletion.deleted(tiny_pool) == []


def test_a_deletion_that_was_killed_half_way_can_be_undone(full, monkeypatch):
    from pathlib import Path

    real = Path.rename

    def killed(self, target):
        if self.suffix == ".json" and self.parent.name == "near":
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        remove("target", "near", full)
    monkeypatch.undo()
    deletion.undo(full)
    assert (targets.load_target(full, "near", "l14") == np.eye(16)).all()


def test_a_deletion_that_was_killed_is_repeated_as_one(full, monkeypatch):
    """Before anything had moved, and between a job's log and its row."""
    entries = len(trash.entries(paths.home()))
    with monkeypatch.context() as killed:
        killed.setattr(Path, "rename", lambda self, target: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            trash.move(paths.home(), "run", "r1", [paths.runs() / "r1"])
    assert THERE["run", "r1"](full)
    assert len(trash.entries(paths.home())) == entries
    move = trash.move

    def killed_after(*arguments, **options):
        move(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(trash, "move", killed_after)
        with pytest.raises(KeyboardInterrupt):
            remove("job", "1")
    assert jobs.get(1).id == 1
    for kind, name in (("job", "1"), ("run", "r1")):
        remove(kind, name)
        assert [(one.kind, one.name) for one in deletion.deleted()] == [(kind, name)]
        deletion.undo()
        assert THERE[kind, name](full)


def test_deletions_and_commits_at_once_lose_nothing(tiny_pool):
    values = np.arange(200, dtype=np.float32)
    for number in range(6):
        tiny_pool.add_columns({f"old{number}": values + number}, kind="score", made_by={"method": "random"})

    def add(number: int) -> None:
        Pool.open(tiny_pool.path).add_columns({f"new{number}": values}, kind="score", made_by={"method": "random"})

    def take(number: int) -> None:
        remove("column", f"old{number}", Pool.open(tiny_pool.path))

    work = [threading.Thread(target=what, args=(number,)) for number in range(6) for what in (add, take)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    pool = tiny_pool.reload()
    assert {f"new{n}" for n in range(6)} <= set(pool.columns)
    assert not any(f"old{n}" in pool.columns for n in range(6))
    for number in range(6):
        deletion.undo(pool, "column", f"old{number}")
        assert (pool.array(f"old{number}") == values + number).all()
