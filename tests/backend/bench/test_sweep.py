from collections.abc import Callable
from types import SimpleNamespace

import pytest

from poolscope import bench, jobs
from poolscope.bench import sweep
from poolscope.bench.response import curves_of
from poolscope.bench.tasks.datacomp import TASKS
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import Recipe, dump, load, select
from poolscope.runs import Run, write_results


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Command lines that were submitted; none is started."""
    lines: list[list[str]] = []

    def submit(argv: list[str], **options: object) -> int:
        lines.append(list(argv))
        return len(lines)

    monkeypatch.setattr(jobs, "submit", submit)
    return lines


def test_a_grid_is_one_job_per_recipe_and_seed(tiny_pool: Pool, queue: list[list[str]]) -> None:
    found = sweep.start(tiny_pool, ["clip_b32", "clip_l14"], fractions=(0.5, 1.0), seeds=(0, 1), name="s")
    assert len(queue) == len(found.cells) == 6
    assert queue[0][:1] == ["train"]
    assert [argv[argv.index("--seed") + 1] for argv in queue] == ["0", "1"] * 3
    recipes = {argv[1] for argv in queue}
    kept = {load(path).name: select(load(path), tiny_pool).kept for path in recipes}
    assert kept == {"no filter": 200, "clip_b32 50 %": 100, "clip_l14 50 %": 100}
    assert sweep.Sweep.every()[0] == sweep.Sweep.load("s") == found


def test_a_base_recipe_comes_first(tiny_pool: Pool) -> None:
    base = Recipe(name="sharp", keep=[{"flag": "sharp"}])
    made = sweep.grid(["clip_b32"], (0.2, 1.0), base=base)
    assert [recipe.name for recipe, _, _ in made] == ["sharp", "sharp, clip_b32 20 %"]
    assert len(made[1][0].keep) == 2


def test_the_response_curve_grows_with_what_is_done(tiny_pool: Pool, queue: list[list[str]]) -> None:
    found = sweep.start(tiny_pool, ["clip_b32", "clip_l14"], fractions=(0.5, 1.0), seeds=(0, 1), name="s")
    assert sweep.response("s") == []
    for cell in found.cells[:5]:
        run = Run(
            id=f"r{cell.job}", scale="small", settings={"tasks": "datacomp"}, seed=cell.seed, job=str(cell.job), kept=9
        )
        results(run, 0.1 * cell.value + 0.01 * cell.seed)
    points = {(point.axis, point.value): point for point in sweep.response("s")}
    assert set(points) == {("clip_b32", 0.5), ("clip_b32", 1.0), ("clip_l14", 0.5), ("clip_l14", 1.0)}
    assert points["clip_b32", 0.5].mean == pytest.approx(0.055)
    assert points["clip_b32", 0.5].sd == pytest.approx(0.01 / 2**0.5)
    assert (points["clip_l14", 0.5].seeds, points["clip_l14", 0.5].sd) == ((0,), None)
    assert points["clip_b32", 1.0].mean == points["clip_l14", 1.0].mean == pytest.approx(0.105)


def test_wrong_grids_are_refused_before_anything_is_queued(tiny_pool: Pool, queue: list[list[str]]) -> None:
    for scores, options, reason in (
        (["nothing"], {}, "nothing"),
        (["clip_b32"], {"fractions": (0.0,)}, "above 0"),
        (["clip_b32"], {"seeds": ()}, "no run"),
        (["clip_b32"], {"seeds": range(200)}, "at most 500"),
        (["clip_b32"], {"scale": "huge"}, "'huge' is unknown"),
    ):
        with pytest.raises(InputError, match=reason):
            sweep.start(tiny_pool, scores, name="s", **options)  # type: ignore[arg-type]
    assert queue == []
    with pytest.raises(InputError, match="does not exist"):
        sweep.Sweep.load("s")


def results(run: Run, value: float) -> Run:
    """The run, done, with this value on every averaged task."""
    run.step_to("done")
    lines = [
        {"key": t.key, "dataset": t.name, "metrics": {"main_metric": value if t.averaged else None}} for t in TASKS
    ]
    write_results(run.path / "results.jsonl", lines)
    return run


def test_recipes_join_the_grid_once_each(tiny_pool: Pool, queue: list[list[str]]) -> None:
    sharp = Recipe(name="sharp", keep=[{"flag": "sharp"}])
    same = Recipe(name="half", keep=[{"score": "clip_b32", "top": 0.5}])
    found = sweep.start(tiny_pool, ["clip_b32"], fractions=(0.5, 1.0), seeds=(0,), recipes=[sharp, same, Recipe()])
    assert [(cell.recipe, cell.axis) for cell in found.cells] == [
        ("no filter", ""),
        ("clip_b32 50 %", "clip_b32"),
        ("sharp", ""),
    ]
    share = float(tiny_pool.array("sharp").mean())
    assert found.cells[2].value == pytest.approx(share)
    assert all(argv[argv.index("--sweep") + 1] == found.id for argv in queue)


def test_a_score_that_the_base_recipe_makes_need_not_be_there_yet(tiny_pool: Pool, queue: list[list[str]]) -> None:
    base = Recipe(name="all", scores={"draw": {"method": "random", "seed": 1}})
    sweep.start(tiny_pool, ["draw"], fractions=(0.5,), seeds=(0,), base=base)
    assert load(queue[0][1]).scores == base.scores


def test_stop_cancels_what_waits_before_what_runs_and_resume_queues_it_again(
    tiny_pool: Pool, queue: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sweep.start(tiny_pool, ["clip_b32"], fractions=(0.5, 1.0), seeds=(0, 1), name="s")
    states = dict(zip((cell.job for cell in found.cells), ("done", "running", "queued", "queued")))
    cancelled: list[int] = []

    def look(job: int) -> SimpleNamespace:
        return SimpleNamespace(id=job, state=states[job], resumable=states[job] == "cancelled")

    def cancel(job: int) -> None:
        cancelled.append(job)
        states[job] = "cancelled"

    monkeypatch.setattr(jobs, "get", look)
    monkeypatch.setattr(jobs, "all", lambda: [look(job) for job in states])
    monkeypatch.setattr(jobs, "cancel", cancel)
    monkeypatch.setattr(jobs, "resume", lambda job: states.update({job: "queued"}))
    assert sweep.progress(found) == {"done": 1, "running": 1, "queued": 2}
    assert sweep.stop("s") == 3
    assert cancelled == [3, 4, 2]
    assert sweep.progress(found) == {"done": 1, "cancelled": 3}
    assert sweep.resume("s") == 3
    assert sweep.progress(found) == {"done": 1, "queued": 3}


def test_a_sweep_that_was_killed_while_it_was_queued_goes_on(
    tiny_pool: Pool, queue: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between a job and its record, and before that job: no run is queued twice, none is left out."""
    grid = {"fractions": (0.5, 1.0), "seeds": (0, 1), "name": "s"}

    def save(self: sweep.Sweep, whole: Callable[[sweep.Sweep], sweep.Sweep] = sweep.Sweep.save) -> sweep.Sweep:
        if sum(cell.job is not None for cell in self.cells) == 2:
            raise KeyboardInterrupt
        return whole(self)

    with monkeypatch.context() as killed:
        killed.setattr(sweep.Sweep, "save", save)
        with pytest.raises(KeyboardInterrupt):
            sweep.start(tiny_pool, ["clip_b32"], **grid)  # type: ignore[arg-type]
    assert sweep.progress(sweep.Sweep.load("s"))["lost"] == 3
    with pytest.raises(InputError, match="'s' exists"):
        sweep.start(tiny_pool, ["clip_l14"], **grid)  # type: ignore[arg-type]
    there = [SimpleNamespace(id=n + 1, argv=tuple(argv), created=9e9, state="queued") for n, argv in enumerate(queue)]
    monkeypatch.setattr(jobs, "all", lambda: there)
    monkeypatch.setattr(jobs, "get", lambda job: SimpleNamespace(resumable=False))
    assert sweep.resume("s") == 3
    assert [cell.job for cell in sweep.Sweep.load("s").cells] == [1, 2, 3, 4]
    assert len({tuple(argv) for argv in queue}) == len(queue) == 4
    with pytest.raises(InputError, match="'s' exists"):
        sweep.start(tiny_pool, ["clip_b32"], **grid)  # type: ignore[arg-type]


def test_runs_that_differ_in_one_fraction_are_a_curve_without_a_sweep() -> None:
    def run(name: str, keep: list[dict[str, object]], kept: int, value: float, seed: int = 0, **more: object) -> None:
        made = Run(id=name, scale="small", settings={"tasks": "datacomp"}, seed=seed, kept=kept, pool_pairs=100,
                   pool="/p", recipe=name, **more)  # type: ignore[arg-type]  # fmt: skip
        results(made, value)
        (made.path / "recipe.yaml").write_text(dump(Recipe(name=name, keep=keep)))

    for seed in (0, 1):
        run(f"all-{seed}", [], 100, 0.10 + 0.02 * seed, seed)
        run(f"a30-{seed}", [{"score": "a", "top": 0.3}], 30, 0.20 + 0.02 * seed, seed)
    run("a60", [{"score": "a", "top": 0.6}], 60, 0.15)
    run("odd", [{"score": "a", "top": 0.9}], 90, 0.5, not_comparable=["lr is 1 instead of 2"])
    run("flagged", [{"flag": "f"}], 50, 0.3)
    run("alone", [{"flag": "g"}, {"score": "b", "top": 0.2}], 10, 0.3)
    run("after", [{"flag": "f"}, {"score": "a", "top": 0.2}], 10, 0.4)
    found = curves_of(bench.leaderboard("small", published=False))
    assert [(p.axis, p.value, p.share, p.seeds) for p in found] == [
        ("a", 0.3, 0.3, (0, 1)),
        ("a", 0.6, 0.6, (0,)),
        ("a", 1.0, 1.0, (0, 1)),
        ("a after f", 0.2, 0.1, (0,)),
        ("a after f", 1.0, 0.5, (0,)),
    ]
    assert found[0].mean == pytest.approx(0.21)
    assert found[0].sd == pytest.approx(0.02 / 2**0.5)
