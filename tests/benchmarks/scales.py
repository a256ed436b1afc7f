"""What Poolscope costs on DataComp's pools, computed from the table of rates `backend/rates.yaml`.

    python tests/benchmarks/scales.py [--write]

Prints the tables; `--write` puts them into assets/results.md.
"""

import argparse
from collections.abc import Callable, Iterator

from page import put

from poolscope import rates
from poolscope.architecture import size_of
from poolscope.engine.cost import duration, on_cards
from poolscope.models import config
from poolscope.scores import build

POOLS = {
    "small 12.8M": 12_800_000,
    "medium 128M": 128_000_000,
    "large 1.28B": 1_280_000_000,
    "xlarge 12.8B": 12_800_000_000,
}
ON = ("A100", "8 x H100")
IMAGENET = 1_281_167
METHODS = {
    "`vas` (ImageNet-1k)": ("vas", {}),
    "`normsim` (ImageNet-1k)": ("normsim", {}),
    "`normsim` p = 2": ("normsim", {"p": "2"}),
    "`cliploss`": ("cliploss", {}),
    "`image_based`, k-means included": ("image_based", {}),
    "`dfn` with ViT-B/32, images decoded": ("dfn", {"network": "ViT-B-32/openai"}),
}
EMBEDDED = {"ViT-B/32": "ViT-B-32", "ViT-L/14": "ViT-L-14"}
CORES = {"A100": 16, "8 x H100": 128}  # that decode, of a usual machine with such cards


def bytes_of(count: float) -> str:
    """`17.02e9` is "17 GB", `1.66e9` "1.7 GB"."""
    for unit, length in (("TB", 1e12), ("GB", 1e9)):
        if count >= length:
            return f"{count / length:,.{0 if count >= 10 * length else 1}f} {unit}"
    return f"{count / 1e6:,.0f} MB"


def row(name: str, cost: str, cell: Callable[[int], str]) -> str:
    return f"| {name} | {cost} | {' | '.join(cell(pairs) for pairs in POOLS.values())} |"


def head(first: str, second: str) -> list[str]:
    return [f"| {first} | {second} | {' | '.join(POOLS)} |", f"|{'---|' * (2 + len(POOLS))}"]


def on_disk() -> Iterator[str]:
    for name, entry in rates.table()["bytes"].items():
        each, large = entry["bytes"], entry.get("large", entry["bytes"])  # numbers of rows take more from 2^32 on
        yield row(
            name,
            f"{each:,} B a pair",
            lambda pairs, each=each, large=large: bytes_of((each if pairs < 2**32 else large) * pairs),
        )


def on_a_core() -> Iterator[str]:
    for name, entry in rates.table()["columns"].items():
        each, once = entry["seconds"], entry.get("once", 0)
        cost = f"{1e6 * each:g} µs" + (f" and {once:g} s" if once else "")
        known = ", ".join(f"`{word}`" for word in name.split(", ")) if entry["by"] in COLUMNS else name
        yield row(known, cost, lambda pairs, each=each, once=once: duration(once + each * pairs))


COLUMNS = ("bench_basic.py", "bench_metaclip.py")


def on_devices() -> Iterator[str]:
    for name, (id, parameters) in METHODS.items():
        method = build(id, **parameters)
        reads = 2 * 768 * sum(column.endswith(("_img", "_txt")) for column in method.needs())
        for where in ON:
            yield row(name, where, lambda pairs, method=method, where=where, reads=reads: duration(
                _decoded(method.id, pairs, where, on_cards(method, pairs, 768, IMAGENET, bytes=reads * pairs)[where])
            ))  # fmt: skip
    for name, model in EMBEDDED.items():
        flop = 2 * size_of(model, config(model)).macs
        for where in ON:
            count, card = (int(where[0]), where[4:]) if " x " in where else (1, where)
            one = rates.on_card("embedding", card).per_second / flop
            yield row(f"embedding with {name}", where, lambda pairs, pace=one * count, where=where: duration(
                _decoded("embed", pairs, where, pairs / pace)))  # fmt: skip


def _decoded(work: str, pairs: int, where: str, seconds: float) -> float:
    """What takes longer, the device's part or the decoding of the images that it waits for."""
    images = rates.on_cores("decoding", CORES[where]).per_second
    return max(seconds, pairs / images) if work in ("dfn", "embed") else seconds


def tables() -> str:
    table = rates.table()
    half, single, embedding = (table["shares"][name] for name in ("half", "single", "embedding"))
    sources = [f"{name}: {entry['from']}" for name, entry in table["bytes"].items()]
    scripts = dict.fromkeys(entry["by"] for entry in table["columns"].values())
    return "\n".join([
        "**On disk.** " + "; ".join(sources) + ".", "",
        *head("", "cost"), *on_disk(), "",
        "**On processors**, in time of one core; units run on as many as there are. Measured on two cores of an AMD EPYC by "
        + ", ".join(f"`{script}`" for script in scripts) + ".", "",
        *head("", "cost a pair"), *on_a_core(), "",
        f"**On GPUs**, by arithmetic, not measured: the operations of each method at 768 dimensions; of the data sheets' "
        f"rates {100 * half['share']:g} % of half precision for `cliploss` and `normsim` ({half['from']}), {100 * single['share']:g} % of "
        f"float32 for `vas`, `normsim` p = 2 and `image_based` ({single['from']}), {100 * embedding['share']:g} % of half precision for "
        f"networks ({embedding['from']}); at least the time to read the embeddings, for `cliploss` to read, write and read them again, all "
        f"that {build('cliploss').partitions} times, at {table['disk']['gb_per_s']:g} GB/s "
        f"({table['disk']['from']}), and to decode images at {table['core']['decoding']['rate']} a second and core with "
        f"{CORES['A100']} cores beside an A100 and {CORES['8 x H100']} beside eight H100 ({table['core']['decoding']['from']}).", "",
        *head("", "on"), *on_devices(),
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into assets/results.md")
    text = tables()
    if parser.parse_args().write:
        put("scales.py", text)
    print(text)


if __name__ == "__main__":
    main()
