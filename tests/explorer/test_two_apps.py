"""Two apps on one home at once: what both save is there, and each of their jobs runs once."""

import subprocess
import sys
import time

from poolscope import jobs
from poolscope.recipe.ready import saved
from tests.explorer.conftest import SHELL

EACH = 2
APP = """
import json, sys
from streamlit.testing.v1 import AppTest
from poolscope import jobs
from poolscope.explorer import method_cost
shell, name, out, each = *sys.argv[1:4], int(sys.argv[4])
method_cost.in_background = lambda pool: False
app = AppTest.from_file(shell, default_timeout=600).run()
print("ready", flush=True)
sys.stdin.readline()
for number in range(each):
    rules = {"name": "new", "keep": [{"score": "clip_b32", "top": (number + 1) / 10}]}
    words = ["select", "ten.yaml", "--out", f"{out}/{name}-{number}.npy"]
    jobs.submit(words, kind="select", title=name, device="cpu" if number % 2 else None)
    app = AppTest.from_file(shell, default_timeout=600)
    app.query_params["recipe"] = json.dumps(rules)
    app.run()
    for step in ("open", "save"):
        app.session_state["ask"] = ("save",)
        if step == "save":
            app.text_input(key="save-name").set_value(f"{name} {number}")
            app.session_state["ask"] = ("save",)
            app.button(key="save-now").click()
        app.run()
        assert not app.exception, app.exception
    app.switch_page("app_pages/jobs.py").run()
    assert not app.exception, app.exception
"""


def test_nothing_is_lost_and_no_job_runs_twice(mapped_pool, tmp_path, monkeypatch):
    monkeypatch.setenv("POOLSCOPE_POOL", str(mapped_pool.path))
    (tmp_path / "ten.yaml").write_text("name: ten\nkeep:\n- {score: clip_b32, top: 0.1}\n")
    apps = [
        subprocess.Popen([sys.executable, "-c", APP, str(SHELL), name, str(tmp_path), str(EACH)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        for name in ("left", "right")
    ]  # fmt: skip
    for app in apps:
        assert app.stdout.readline() == "ready\n", app.communicate()[1]
    for app in apps:
        app.stdin.write("go\n")
        app.stdin.flush()
    for app in apps:
        _, errors = app.communicate(timeout=900)
        assert app.returncode == 0, errors[-3000:]
    named = [f"{name} {number}" for name in ("left", "right") for number in range(EACH)]
    deadline = time.monotonic() + 600
    while not all(job.finished for job in jobs.all()):
        assert time.monotonic() < deadline, jobs.all()
        time.sleep(0.1)
    assert sorted(saved(mapped_pool)) == named
    assert sorted(one.stem for one in tmp_path.glob("*.npy")) == sorted(name.replace(" ", "-") for name in named)
    # A second run of a job would find its file there, and be refused.
    assert [(job.state, job.exit_code) for job in jobs.all()] == [("done", 0)] * len(named)
    assert not any("exists already" in jobs.log_tail(job.id) for job in jobs.all())
