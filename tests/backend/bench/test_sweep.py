import pytest

from backend import jobs
from backend.bench import sweep
from backend.bench.run import Run, write_results
from backend.bench.tasks.datacomp import TASKS
from backend.errors import InputError
from backend.pool import Pool
from backend.recipe import Recipe, load, select


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
    assert sweep.sweeps()[0] == sweep.Sweep.load("s") == found


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
        run.step_to("done")
        value = 0.1 * cell.value + 0.01 * cell.seed
        lines = [
            {"key": t.key, "dataset": t.name, "metrics": {"main_metric": value if t.averaged else None}} for t in TASKS
        ]
        write_results(run.path / "results.jsonl", lines)
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
