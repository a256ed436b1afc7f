"""`poolscope groups`: list, add, remove."""

import numpy as np

from tests.backend.audit.test_own_groups import LEXICON, table, uids


def test_add_list_audit_remove(poolscope, tiny_pool, tmp_path):
    keys = uids(tiny_pool)
    file = table(tmp_path / "sites.csv", keys, ["left"] * 120 + ["right"] * 80)
    pool = ("--pool", tiny_pool.path)
    assert poolscope("groups", "add", file, *pool, "--json").json["groups"] == {"left": 120, "right": 80}
    assert "exist already" in poolscope("groups", "add", file, *pool).refused()
    listed = poolscope("groups", *pool, "--json").json
    assert set(listed) == {"pairs", "groups", "absent"}
    assert {one["id"]: one["n"] for one in listed["groups"]}["own.sites.left"] == 120
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: r\nkeep:\n  - score: clip_b32\n    top: 0.5\n")
    audited = poolscope("audit", recipe, *pool, "--families", "sites", "--minimum", 10, "--json").json
    assert sum(one["kept"] for one in audited["groups"]) == 100
    assert "removed table sites" in poolscope("groups", "remove", "sites", *pool).out
    assert "no groups of your own" in poolscope("groups", "remove", "sites", *pool).refused()


def test_a_lexicon(poolscope, tiny_pool, tmp_path):
    (tmp_path / "c.yaml").write_text(LEXICON)
    told = poolscope("groups", "add", tmp_path / "c.yaml", "--pool", tiny_pool.path, "--name", "My colours")
    assert "lexicon my-colours: 1 group" in told.out
    assert np.load(tiny_pool.path / "groups" / "my-colours.red.npy").any()
