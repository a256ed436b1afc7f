"""An import of a million rows of CSV and of JSON lines against DuckDB's own scan of the same file, and the memory of both.

usage: bench_import_tables.py [ROWS]; prints one JSON object. Each figure is a process of its own, the better of two.
DuckDB's scan: all columns of the file to Arrow batches of 65,536 rows, every row taken and dropped again; of CSV with
`all_varchar`, of JSON lines as DuckDB infers them. `cpu` is the ratio of processor time, which other load disturbs less.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

SCAN = """
import duckdb, pyarrow, sys, time
read = "read_csv" if sys.argv[1].endswith(".csv") else "read_json"
text = ", all_varchar = true" if read == "read_csv" else ""
start, cpu = time.perf_counter(), time.process_time()
duckdb.sql("SET enable_progress_bar = false")
for batch in duckdb.sql(f"SELECT * FROM {read}('{sys.argv[1]}'{text})").to_arrow_reader(65536): pass
"""
IMPORT = """
import sys, time
from poolscope.sources import look
import duckdb, lance, lancedb, poolscope.pool, poolscope.sources.table
start, cpu = time.perf_counter(), time.process_time()
report = look(sys.argv[1]).run(sys.argv[2])
assert report.added == int(sys.argv[3]), report
"""
END = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.perf_counter() - start, used.ru_maxrss / 1024, time.process_time() - cpu)
"""
WORDS = ["red", "dog", "house", "mountain", "lake", "child", "runs", "over", "blue", "harbour", "with", "boats"]


def write(directory: Path, rows: int) -> list[Path]:
    rng = random.Random(0)
    made = [directory / "pairs.csv", directory / "pairs.jsonl"]
    with made[0].open("w") as table, made[1].open("w") as lines:
        table.write("url,caption,width,height,similarity\n")
        for number in range(rows):
            row = {
                "url": f"https://example.org/{number:08d}/{rng.getrandbits(64):x}.jpg",
                "caption": " ".join(rng.choices(WORDS, k=10)),
                "width": rng.randrange(99, 4000),
                "height": rng.randrange(99, 4000),
                "similarity": round(rng.random(), 6),
            }
            table.write(",".join(map(str, row.values())) + "\n")
            lines.write(json.dumps(row) + "\n")
    return made


def measured(code: str, *words: str) -> tuple[float, float, float]:
    """Seconds, peak MiB, and seconds of processors."""
    out = subprocess.run([sys.executable, "-c", code + END, *words], capture_output=True, text=True, check=True).stdout
    seconds, peak, cpu = map(float, out.split())
    return seconds, peak, cpu


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    result = {}
    with tempfile.TemporaryDirectory() as room:
        for path in write(Path(room), rows):
            scan = min(measured(SCAN, str(path)) for _ in range(2))
            whole = min(measured(IMPORT, str(path), f"{room}/{path.suffix[1:]}{n}", str(rows)) for n in range(2))
            result[path.suffix[1:]] = {
                "scan_s": round(scan[0], 2), "import_s": round(whole[0], 2), "ratio": round(whole[0] / scan[0], 2),
                "scan_cpu_s": round(scan[2], 2), "import_cpu_s": round(whole[2], 2), "cpu": round(whole[2] / scan[2], 2),
                "scan_mib": round(scan[1]), "import_mib": round(whole[1]),
            }  # fmt: skip
    print(json.dumps({"rows": rows} | result))


if __name__ == "__main__":
    main()
