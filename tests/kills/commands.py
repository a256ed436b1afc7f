"""The commands that write, as command lines on the bench's folder `{here}`, and what each needs before it."""

from dataclasses import dataclass

P = "--pool {here}/pool"
HOLD = "hold"
"""Stands before a command that queues jobs: the device is taken, so that they wait."""


@dataclass(frozen=True)
class Command:
    """`line` is what is killed and begun anew; `before` is run first, and `again` is what goes on with it, if another
    line. `tiny`: with the demo's assets and scale made small. `light`: needs neither torch nor a model."""

    line: str
    before: tuple[str, ...] = ()
    again: str = ""
    tiny: bool = False
    light: bool = False


def _light(line: str, *before: str) -> Command:
    return Command(line, before, light=True)


TRAIN = f"train {{here}}/r.yaml --scale demo --as one {P} --gpus 0 --tasks few --tasks-dir {{here}}/tasks"
RECIPE = f"--recipe {{here}}/r.yaml {P}"
SWEEP = (HOLD, f"sweep start --scores clip_l14 --fractions 0.5,1 --seeds 0,1 --as s {P}")
STOPPED = (*SWEEP, "sweep stop s")
COMMANDS = {
    "import": _light("import datacomp {here}/m --pool {here}/new --workers 1"),
    "import in processes": _light("import datacomp {here}/m --pool {here}/new --workers 2"),
    "import webdataset": _light("import webdataset {here}/shards --pool {here}/new"),
    "import table": _light("import table {here}/m/0.parquet --pool {here}/new"),
    "import any": _light("import any {here}/shards --pool {here}/new"),
    "import run": _light("import run {here}/theirs"),
    "import columns": _light(f"import columns {{here}}/values.npy --on row --as q {P}"),
    "index": _light("index {here}/shards --pool {here}/bare"),
    "export subset": _light(f"export subset --out {{here}}/out.npy {RECIPE}"),
    "export table": _light(f"export table --out {{here}}/out.parquet {RECIPE}"),
    "export dataset": _light(f"export dataset --out {{here}}/out {RECIPE}"),
    "export shards": _light(f"export shards --out {{here}}/out --shard-size 30 {RECIPE}"),
    "select": _light(f"select {{here}}/r.yaml --out {{here}}/out.npy {P}"),
    "score": Command(f"score clip_score --set model=l14 --as scored {P}"),
    "score again": Command(f"score random --as clip_l14 --replace {P}"),
    "score dedup": Command(f"score dedup --as unique {P}"),
    "score dfn": Command(f"score dfn --as learned --set clean={{here}}/all.yaml --set folds=2 {P}", tiny=True),
    "delete column": _light(f"delete column clip_b32 --yes --force {P}"),
    "delete recipe": _light(f"delete recipe half --yes {P}"),
    "delete tag": _light(f"delete tag odd --yes {P}"),
    "delete report": _light(f"delete report old --yes {P}"),
    "delete run": Command("delete run one --yes", (TRAIN,), tiny=True),
    "delete sweep": _light("delete sweep s --yes", *STOPPED),
    "delete job": _light("delete job 2 --yes", *STOPPED),
    "delete target": Command(f"delete target t --yes {P}", (f"target t {{here}}/vectors.npy --model l14 {P}",)),
    "delete map": Command(f"delete map l14 --yes {P}", (f"map --sample 100 {P}",)),
    "delete task": _light("tasks remove own/mine", "tasks add mine {here}/set"),
    "delete pool": _light("delete pool {here}/bare --yes"),
    "undo": _light(f"delete --undo column clip_b32 {P}", f"delete column clip_b32 --yes --force {P}"),
    "undo pool": _light("delete --undo pool {here}/bare --pool {here}/pool", "delete pool {here}/bare --yes"),
    "empty": _light("delete --empty --yes", "tasks add mine {here}/set", "tasks remove own/mine"),
    "versions": _light(f"versions --clean --yes {P}", f"delete column clip_b32 --yes --force {P}"),
    "tasks add": _light("tasks add mine {here}/set"),
    "tasks add shards": _light("tasks add mine {here}/tasks/few"),
    "groups add": _light(f"groups add {{here}}/g.csv {P}"),
    "groups remove": _light(f"groups remove g {P}", f"groups add {{here}}/g.csv {P}"),
    "groups": Command(f"groups --families orientation {P}"),
    "target": Command(f"target t {{here}}/vectors.npy --model l14 {P}"),
    "audit": Command(f"audit {{here}}/r.yaml --families orientation --minimum 10 --out {{here}}/out.html {P}"),
    "bias": Command(f"bias {{here}}/r.yaml --families colour --per-set 60 --folds 2 --out {{here}}/out.html {P}"),
    "embed": Command(f"embed tiny/{{here}}/w.safetensors --as mine --device cpu {P}"),
    "evaluate": Command("evaluate tiny/{here}/w.safetensors --tasks few --tasks-dir {here}/tasks --device cpu"),
    "train": Command(TRAIN, again=f"{TRAIN} --resume", tiny=True),
    "race": Command(f"race {{here}}/r.yaml {{here}}/all.yaml --seeds 2 {P}", tiny=True),
    "sweep": _light(SWEEP[1], HOLD),
    "sweep stop": _light("sweep stop s", *SWEEP),
    "sweep resume": _light("sweep resume s", *STOPPED),
    "jobs cancel": _light("jobs cancel 2", *SWEEP),
    "jobs resume": _light("jobs resume 2", *STOPPED),
    "jobs move": _light("jobs move 5 --by -9", *SWEEP),
    "submit": Command("submit one --out {here}/out", (TRAIN,), tiny=True),
    "map": Command(f"map --sample 100 {P}"),
    "search-index": Command(f"search-index --columns text,l14_img {P}", tiny=True),
    "prepare": Command(f"prepare tiny/{{here}}/w.safetensors --as mine --device cpu {P}"),
    "demo": Command("demo", tiny=True),
    "fetch": Command("fetch {here}/all.yaml --to {here}/out --pool {here}/remote --private --processes 1 --threads 4"),
}
