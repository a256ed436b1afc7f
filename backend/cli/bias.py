"""`poolscope bias`: how well sets of pairs can be told apart, and by what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import files
from ..errors import InputError
from ..number_format import percent
from .console import emit, line, progress_bar, say, table
from .options import Detach, Device, Force, PoolPath, listed, open_pool, submit
from .recipe import make_scores, read_recipe

if TYPE_CHECKING:
    from ..bias import PairSet, Settings
    from ..pool import Pool
    from ..recipe import Recipe


def bias(
    recipes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[A.yaml [B.yaml …]]", help="One recipe: kept against dropped. More: what each of them keeps."
        ),
    ] = None,
    pool: PoolPath = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Compare the values of a column.")] = None,
    other_pool: Annotated[
        Path | None, typer.Option(metavar="Q", help="Compare with this pool; B applies to it.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare with a target set, by embeddings alone.")
    ] = None,
    model: Annotated[str, typer.Option(metavar="M", help="The model of the target set's embeddings.")] = "l14",
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Compare the pairs that this run was trained on, with A, a target set, or the whole pool.",
        ),
    ] = None,
    only: Annotated[
        bool, typer.Option("--only", help="Of several recipes, compare only the pairs that no other one keeps.")
    ] = False,
    per_set: Annotated[int, typer.Option(metavar="N", help="Pairs to sample of each set.")] = 10_000,
    size: Annotated[int, typer.Option(metavar="PX", help="Side of the images; 224 is the paper's.")] = 64,
    folds: Annotated[int, typer.Option(help="Folds of the cross-validation.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of the sample, the shuffles and the folds.")] = 0,
    families: Annotated[str | None, typer.Option(metavar="A,B,…", help="Families to measure [default: all].")] = None,
    classifier: Annotated[str, typer.Option(help="logistic, small or convnext.")] = "logistic",
    epochs: Annotated[int | None, typer.Option(help="Training epochs of a network [default: its own].")] = None,
    classes: Annotated[
        str, typer.Option(metavar="LIST", help="Objects: everyday, imagenet, or a file of names.")
    ] = "everyday",
    tower: Annotated[
        str, typer.Option(metavar="MODEL", help="Text tower for objects [default: the embedding's own].")
    ] = "",
    threshold: Annotated[float, typer.Option(help="Softmax share from which an object counts as present.")] = 0.1,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAMILY=PATH", help="Weights of segmentation, detection, depth, sam, generated_captions or vae."
        ),
    ] = None,
    endpoint: Annotated[
        str,
        typer.Option(
            metavar="URL", help="OpenAI-compatible server that writes the descriptions; captions are sent to it."
        ),
    ] = "",
    endpoint_model: Annotated[str, typer.Option(help="The model's name on that server.")] = "default",
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT.html", help="Write the report; OUT.json comes beside it.")
    ] = None,
    force: Force = False,
    detach: Detach = False,
) -> None:
    """Show how well sets can be told apart, and by what."""
    from ..bias import Endpoint, Settings

    asked = _checked(out, classifier, families, force)
    settings = Settings(
        per_set=per_set, size=size, folds=folds, seed=seed, families=asked, classifier=classifier, epochs=epochs,  # type: ignore[arg-type]
        device=device, classes=classes, model=tower, threshold=threshold, weights=pairs(weights or []),
        endpoint=Endpoint(address=endpoint, model=endpoint_model) if endpoint else None,
    )  # fmt: skip
    if detach:
        submit(kind="bias", title=f"Bias report: {title(recipes or [], by, other_pool, target, run)}")
    opened = open_pool(pool)
    sets = chosen_sets(recipes or [], opened, by=by, other=other_pool, target=target, model=model, run=run, only=only)
    report(sets, opened, settings, out)


def _checked(out: Path | None, classifier: str, families: str | None, force: bool) -> tuple[str, ...] | None:
    """The families asked for, None for all; InputError for wrong options, before anything expensive begins."""
    if out is not None and out.suffix not in (".html", ".json"):
        raise InputError(f"{out.name!r} does not end in .html or .json: name the output for example report.html")
    if out is not None:
        files.new(out, out.with_suffix(".json"), force=force)
    if classifier not in ("logistic", "small", "convnext"):
        raise InputError(f"--classifier {classifier!r}: choose logistic, small or convnext")
    asked = listed(families, "--families", "family: leave it out to measure all of them")
    return None if asked is None else tuple(asked)


def report(sets: "list[PairSet]", pool: "Pool", settings: "Settings", out: Path | None) -> None:
    from ..bias import build, save
    from ..bias.html import render

    with progress_bar("bias report") as progress:
        built = build(sets, settings, progress=progress)
    kept = save(built, pool)
    if out is not None:
        page = {out: render(built)} if out.suffix == ".html" else {}
        files.write_texts({out.with_suffix(".json"): files.dump(built) + "\n", **page})
    content = {**without_images(built), "report": str(kept), "out": str(out) if out else None}
    emit(content, text=lambda: show(built, kept, out))


def without_images(built: Any) -> Any:
    """The report as `--json` prints it: images are in the files only."""
    if isinstance(built, dict):
        return {key: without_images(value) for key, value in built.items() if key not in ("strip", "strips")}
    return [without_images(value) for value in built] if isinstance(built, list) else built


def show(built: dict[str, Any], kept: Path, out: Path | None) -> None:
    from ..bias.headline import summary

    line(summary(built))
    rows = [
        (one["title"], f"{percent(one['accuracy'])}", f"{percent(one['low'])} to {percent(one['high'])}", f"{one['p']:.3f}", f"{one['p_holm']:.3f}",
         f"{percent(one['published']['accuracy'])}" if one["published"] else "")
        for one in built["families"]
    ]  # fmt: skip
    table(("what is left", "accuracy#", "95 % interval#", "p#", "p, Holm#", "published, 3 sets#"), rows)
    null = built["controls"]["null"]
    line(f"null control (random halves, {len(null['runs'])} seeds): {percent(null['accuracy'])}, chance 50 %")
    for one in built["left_out"]:
        say(f"left out {one['family']}: {one['why']}")
    say(f"kept as {kept}" + (f", written to {out}" if out else ""))


def chosen_sets(
    recipes: list[str], pool: "Pool", *, by: str | None, other: Path | None, target: str | None, model: str,
    run: str | None, only: bool,
) -> "list[PairSet]":  # fmt: skip
    """The sets that the command line means. Raises InputError when it means none or contradicts itself."""
    from .. import bias

    ways = [option for option, given in (("--by", by), ("--other-pool", other), ("--target", target)) if given]
    if len(ways) > 1:
        raise InputError(f"{ways[0]} and {ways[1]} ask for different comparisons: give one of them")
    read = [read_recipe(name, pool) for name in recipes]
    if other is not None:
        return _two_pools(read, pool, other)
    for recipe in read:
        pool = make_scores(recipe, pool)
    if by is not None:
        if len(read) > 1:
            raise InputError(f"--by takes at most one recipe, not {len(read)}")
        return bias.by_column(by, pool, read[0] if read else None)
    trained = [_of_run(run, pool)] if run else []
    if target is not None:
        if len(read) + len(trained) > 1:
            raise InputError("--target compares one recipe or one run with the target set: give one of them")
        part = trained[0] if trained else bias.of_pools([pool], [read[0] if read else None])[0]
        return bias.with_target(part, target, model)
    if trained:
        return bias.sets.checked([*trained, *bias.of_pools([pool] * max(1, len(read)), read or [None])])
    if not read:
        raise InputError(
            "nothing to compare: give a recipe (kept against dropped), two recipes, --by, --other-pool, --target or --run"
        )
    return bias.kept_and_dropped(read[0], pool) if len(read) == 1 else bias.of_recipes(read, pool, exclusive=only)


def _two_pools(read: "list[Recipe]", pool: "Pool", other: Path) -> "list[PairSet]":
    """Each pool by its own recipe, the whole of it where there is none."""
    from .. import bias
    from ..pool import Pool

    if len(read) > 2:
        raise InputError(f"--other-pool takes at most two recipes, one per pool, not {len(read)}")
    pools = [pool, Pool.open(other)]
    pools[: len(read)] = [make_scores(recipe, one) for recipe, one in zip(read, pools)]
    return bias.of_pools(pools, [*read, None, None][:2])


def _of_run(named: str, pool: "Pool") -> "PairSet":
    from ..bias import of_subset
    from ..recipe.subset_files import read_subset
    from ..runs import Run

    run = Run.load(named)
    return of_subset(f"run {run.id}", read_subset(run.path / "subset.npy"), pool)


def title(recipes: list[str], by: str | None, other: Path | None, target: str | None, run: str | None) -> str:
    parts = [Path(name).stem for name in recipes] + ([f"run {run}"] if run else [])
    if other or target:
        parts.append(other.name if other else f"target {target}")
    return f"by {by}" if by else " against ".join(parts) + (", kept against dropped" if len(parts) == 1 else "")


def pairs(words: list[str]) -> dict[str, str]:
    """`["depth=DIR"]` as a dictionary."""
    weights = {}
    for word in words:
        name, equal, place = word.partition("=")
        if not equal or not place:
            raise InputError(f"--weights {word!r}: write FAMILY=DIRECTORY, for example depth=models/depth")
        weights[name] = place
    return weights
