"""`poolscope index` and `poolscope fetch`: where a pool's images lie in tar shards, and images that are not there yet."""

from pathlib import Path
from typing import Annotated

import typer

from ..number_format import percent
from .console import emit, line, progress_bar
from .options import Address, Detach, Engine, PoolPath, Workers, open_pool, submit


def index(
    shards: Annotated[str, typer.Argument(metavar="SHARDS", help="A directory of tars, one tar, or a URL.")],
    pool: PoolPath = None,
    engine: Engine = "local",
    workers: Workers = 1,
    address: Address = None,
    detach: Detach = False,
) -> None:
    """Find where the pool's pairs are in tar shards."""
    if detach:
        submit(kind="index", title=f"Index {Path(shards).name}")
    from ..sources import index_shards

    with progress_bar("index") as progress:
        report = index_shards(
            open_pool(pool), shards, engine=engine, workers=workers, address=address, progress=progress
        )

    def text() -> None:
        line(f"{report.added:,} pairs found in the shards")
        for reason, count in report.skipped.most_common():
            line(f"  skipped {count:,}: {reason}")

    emit(report.as_json(), text=text)


def fetch(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE.yaml", help="What to keep: a file, or a recipe's name.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where the shards go.")],
    pool: PoolPath = None,
    image_size: Annotated[int, typer.Option(min=16, help="Longest side, in pixels.")] = 512,
    processes: Annotated[int, typer.Option(min=1, help="Processes to download with.")] = 4,
    threads: Annotated[int, typer.Option(min=1, help="Downloads at once in each process.")] = 32,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to wait for a server.")] = 10,
    retries: Annotated[int, typer.Option(min=0, help="Further attempts.")] = 2,
    blur: Annotated[bool, typer.Option(help="Blur faces by the pool's face_bboxes.")] = True,
    private: Annotated[bool, typer.Option("--private", help="Allow addresses of private networks.")] = False,
    detach: Detach = False,
) -> None:
    """Download the images of the kept pairs only."""
    if detach:
        submit(kind="fetch", title=f"Fetch {Path(recipe).stem}")
    from ..export.fetch import fetch as download
    from .recipe import apply

    _, opened, selection = apply(recipe, pool)
    with progress_bar("fetch") as progress:
        report = download(
            opened, selection, to, image_size=image_size, processes=processes, threads=threads, timeout=timeout,
            retries=retries, blur=blur, private=private, progress=progress,
        )  # fmt: skip
    content = {
        "to": str(to), "asked": report.asked, "fetched": report.fetched, "rate": report.rate, "shards": report.shards,
        "reasons": report.reasons,
    }  # fmt: skip

    def text() -> None:
        line(
            f"{report.fetched:,} of {report.asked:,} images fetched ({percent(report.rate)}), in {report.shards:,} shards"
        )
        for reason, count in list(report.reasons.items())[:10]:
            line(f"  {count:,}: {reason}")

    emit(content, text=text)
