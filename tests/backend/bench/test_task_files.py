import hashlib
import http.server
import json
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from poolscope import bench
from poolscope.bench.tasks import tasks_list
from poolscope.bench.tasks.convert import retrieval, winogavil
from poolscope.bench.tasks.fetch import check, fetch
from poolscope.bench.tasks.shards import samples
from poolscope.errors import InputError
from tests.backend.bench.conftest import TaskMaker, npy, png


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def host(tmp_path: Path, make_task: TaskMaker) -> Iterator[tuple[str, Path]]:
    """An HTTP server that publishes one task as DataComp's host does: `resolve/main` files, `raw/main` pointers."""
    pairs = [(f"{i:03d}", {"png": png(i), "cls": str(i % 2).encode(), "npy": npy([i % 3, 0])}) for i in range(20)]
    source = make_task("wds_geode_test", pairs, classes=["dog", "cat"])
    root = tmp_path / "www" / "wds_geode_test"
    (root / "raw").mkdir(parents=True)
    (root / "resolve").mkdir()
    source.rename(root / "resolve" / "main")
    for tar in (root / "resolve" / "main" / "test").glob("*.tar"):
        pointer = root / "raw" / "main" / "test" / tar.name
        pointer.parent.mkdir(parents=True, exist_ok=True)
        content = tar.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        pointer.write_text(f"version https://git-lfs/spec/v1\noid sha256:{digest}\nsize {len(content)}\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "www")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", root
    server.shutdown()


def test_a_task_is_fetched_checked_and_evaluated(host: tuple[str, Path], weights: str, tmp_path: Path) -> None:
    url, root = host
    assert fetch(["fairness/geode"], tasks_dir=tmp_path / "here", base=url) == ["fairness/geode"]
    task = next(task for task in tasks_list(tmp_path / "here") if task.key == "fairness/geode")
    assert task.present
    assert check(task) == ["fairness/geode has 20 examples, DataComp lists 12,488"]
    tar = tmp_path / "here" / "wds_geode_test" / "test" / "1.tar"
    before = tar.stat().st_mtime_ns
    (tmp_path / "here" / "wds_geode_test" / "test" / "0.tar").write_bytes(b"torn")
    fetch(["fairness/geode"], tasks_dir=tmp_path / "here", base=url)
    assert tar.stat().st_mtime_ns == before
    assert bench.evaluate(weights, tasks_dir=tmp_path / "here")[0].examples == 20


def test_a_task_is_evaluated_from_a_stream_without_a_copy(host: tuple[str, Path], weights: str, tmp_path: Path) -> None:
    url, _ = host
    result = bench.evaluate(weights, tasks=["fairness/geode"], stream=url)[0]
    assert (result.examples, result.metrics["count_region:0"]) == (20, 7)
    assert not any(task.present for task in tasks_list() if task.suite == "datacomp")


def test_a_tar_with_another_sha256_is_refused_and_leaves_the_task_absent(
    host: tuple[str, Path], tmp_path: Path
) -> None:
    url, root = host
    tar = root / "resolve" / "main" / "test" / "1.tar"
    tar.write_bytes(tar.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="another sha256"):
        fetch(["fairness/geode"], tasks_dir=tmp_path / "here", base=url)
    assert not any(task.present for task in tasks_list(tmp_path / "here"))
    assert not (tmp_path / "here" / "wds_geode_test" / "test" / "1.tar").exists()


def test_what_cannot_be_fetched_says_why(host: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nlphuji/winogavil"):
        fetch(["misc/winogavil"], tasks_dir=tmp_path)
    with pytest.raises(InputError, match="not one of DataComp's"):
        fetch(["nothing"], tasks_dir=tmp_path)
    with pytest.raises(InputError, match=r"can't be had .*404"):
        fetch(["mnist"], tasks_dir=tmp_path, base=host[0])
    with pytest.raises(InputError, match="can't be had"):
        fetch(["mnist"], tasks_dir=tmp_path, base="http://127.0.0.1:9")


def test_check_finds_missing_labels_and_vectors(make_task: TaskMaker, tmp_path: Path) -> None:
    make_task("wds_geode_test", [("a", {"png": png(0), "cls": b"x"})], classes=["dog"], shards=1)
    task = next(task for task in tasks_list(tmp_path / "tasks") if task.key == "fairness/geode")
    assert check(task)[1:] == [
        "fairness/geode: 1 examples have no label", "fairness/geode: 1 examples have no metadata vector",
    ]  # fmt: skip


def test_retrieval_tables_become_a_task(weights: str, tmp_path: Path) -> None:
    rows = [{"image": {"bytes": png(i), "path": None}, "caption": [f"a  {i}", f"b\n{i}"]} for i in range(12)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "flickr.parquet")
    key = "retrieval/flickr_1k_test_image_text_retrieval"
    root = retrieval(key, [tmp_path / "flickr.parquet"], tmp_path / "tasks")
    assert [sample.captions for sample in samples(root)][3] == ["a 3", "b 3"]
    result = bench.evaluate(weights, tasks=[key], tasks_dir=tmp_path / "tasks")[0]
    assert result.examples == 12
    pq.write_table(pa.table({"x": [1]}), tmp_path / "bad.parquet")
    with pytest.raises(InputError, match="no columns image and caption"):
        retrieval(key, [tmp_path / "bad.parquet"], tmp_path / "other")


def test_winogavils_csv_and_zip_become_a_task(weights: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for i in range(6):
            archive.writestr(f"winogavil_images/p{i}.jpg", png(i))
    (tmp_path / "w.csv").write_text("cue,associations,candidates\nIce,\"['p1']\",\"['p0', 'p1', 'p2', 'p3', 'p4']\"\n")
    root = winogavil(tmp_path / "w.csv", tmp_path / "images.zip", tmp_path / "tasks")
    assert json.loads((root / "test" / "instances.jsonl").read_text())["associations"] == ["p1"]
    result = bench.evaluate(weights, tasks=["misc/winogavil"], tasks_dir=tmp_path / "tasks")[0]
    assert result.metrics["jaccard_score_5"] in (0.0, 1.0)
    assert result.main is None
