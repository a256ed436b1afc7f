"""Command lines that work on the small pool, and hostile values for each of their arguments and options."""

from functools import cache
from typing import Any

from poolscope.cli.app import command
from tests.fuzz.mutations import TEXTS

P = "--pool {pool}"
BASES = (
    f"info {P}", f"versions {P}", f"map {P} --sample 40 --replace", f"index {{here}}/tars {P}", f"methods {P[:0]}", f"score random --as dice {P}",
    f"score clip_score --as mine --set model=l14 {P}", f"score random --estimate {P}", f"compare clip_l14 clip_b32 {P}", f"embed nothing/none --as e {P}",
    f"target t {{here}}/vectors.npy --model l14 {P}", f"search dog {P}", f"search-index {P} --columns text", f"select {{here}}/one.yaml {P} --out {{new}}.npy",
    f"train {{here}}/one.yaml --scale demo --estimate {P}", "evaluate run", "leaderboard", "submit run --out {new}",
    f"audit {{here}}/one.yaml {P} --families orientation --minimum 10 --out {{new}}.html",
    "import datacomp {here}/m --pool {new} --workers 1", "import webdataset {here}/tars --pool {new}", "import any {here}/t.csv --pool {new}",
    "import table {here}/t.csv --pool {new} --no-check", f"import columns {{here}}/values.npy --on row --as q {P}", "import run {here}/foreign",
    f"export subset --out {{new}}.npy --recipe {{here}}/one.yaml {P}", f"export table --out {{new}}.csv --recipe {{here}}/one.yaml {P}",
    f"export dataset --out {{new}} --recipe {{here}}/one.yaml {P}", f"export shards --out {{new}} --recipe {{here}}/one.yaml {P}",
    "tasks add mine {here}/set.csv", "tasks remove own/mine", "tasks", "sweep list", "sweep show s", "sweep stop s", "sweep resume s",
    f"groups {P} --families orientation", f"groups add {{here}}/g.csv {P}", f"groups remove mine {P}", "jobs list", "jobs show 1", "jobs log 1", "jobs cancel 1", "jobs resume 1",
    f"prepare --as p {P}",
)  # fmt: skip
LEFT_OUT = {"--detach", "--engine", "--address", "--device", "--help", "--families", "--stream"}
NUMBERS = ["-1", "0", "1", "3", "2147483648", "9223372036854775808", "9" * 4300, "1e400", "nan", "0.5", "-0.0"]
PLACES = [
    "{here}",
    "{here}/t.csv",
    "{here}/nothing",
    "/dev/null",
    "{here}/one.yaml",
    "{here}/values.npy",
    "{here}/m",
    "{pool}",
    "/proc/self/nothing/x",
]
VALUES = [
    *TEXTS, *NUMBERS, *PLACES, "a=b", "a", "clip_l14", "clip_l14,clip_l14", "x" * 300, "l14_img", "text", "uid_hi", "width", "own", "nothing", ",", "a,,b",
    "{", "[", "{score: clip_l14, top: 0.5}", "clip_l14 top 30%", "width >= 200", "random() < 0.5", "repeat(text, 300000) = 'a'", "1=1; DROP TABLE pairs",
    "*", "?", "[a-z]", "{a,b}", "{0..99999999}", "s3://nothing/here", "file:///nothing", "http://127.0.0.1:9/x", "memory://x", "\\", "\t", "𝔸", "a\u0301",
]  # fmt: skip


@cache
def parameters(base: str) -> list[tuple[Any, int]]:
    """The options and arguments of a base's command, and the place of each argument among its words."""
    words, found = base.split(), command()
    place = 0
    while hasattr(found, "commands") and place < len(words) and words[place] in found.commands:
        found = found.commands[words[place]]
        place += 1
    listed, at = [], place
    for param in found.params:
        if param.param_type_name == "argument":
            listed.append((param, at))
            at += 1
        elif not LEFT_OUT & set(param.opts):
            listed.append((param, -1))
    return listed


def hostile_line(base: str, which: int, value: str) -> list[str]:
    """The words of `base` with `value` for one of its parameters; places are still `{here}`, `{pool}`, `{new}`."""
    words = base.split()
    listed = parameters(base)
    if not listed:
        return words
    param, at = listed[which % len(listed)]
    if at >= 0:
        return [*words[:at], value, *words[at + 1 :]]
    name = param.opts[0]
    if getattr(param, "is_flag", False):
        return [*words, name]
    if name in words:
        place = words.index(name)
        return [*words[: place + 1], value, *words[place + 2 :]]
    return [*words, name, value]
