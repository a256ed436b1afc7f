"""Filter: numbers on screen agree with the backend, widgets with each other; errors are one line."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from poolscope.audit import catalog
from poolscope.pool import Pool
from poolscope.recipe import Recipe, load, select, tags
from tests.explorer.conftest import texts


def said(recipe: Recipe) -> str:
    return json.dumps(recipe.as_dict())


TOP = load({"name": "top", "keep": [{"score": "clip_l14", "top": 0.3}]})


def test_counts_are_those_of_select(start, mapped_pool):
    recipe = load(
        {"name": "two", "keep": [{"score": "clip_l14", "top": 0.5}, {"flag": "sharp"}, {"where": "width >= 200"}]}
    )
    app = start(mapped_pool, recipe=said(recipe))
    expected = select(recipe, mapped_pool)
    assert not app.exception
    page = texts(app)
    assert f"kept **{expected.kept:,}** of 200" in page
    for count in expected.counts:
        assert f"drops {count.dropped:,} · leaves {count.kept:,}" in page


def test_a_typed_fraction_moves_the_threshold_and_the_address(start, mapped_pool):
    app = start(mapped_pool, recipe=said(TOP))
    app.number_input[0].set_value(10.0).run()
    expected = select(load({"keep": [{"score": "clip_l14", "top": 0.1}]}), mapped_pool)
    assert f"kept **{expected.kept}**" in texts(app)
    assert app.number_input[1].value == pytest.approx(expected.counts[0].threshold, rel=1e-6)
    assert json.loads(app.query_params["recipe"])["keep"] == [{"score": "clip_l14", "top": 0.1}]


def test_a_typed_threshold_gives_the_fraction_that_reaches_it(start, mapped_pool):
    app = start(mapped_pool, recipe=said(TOP))
    app.number_input[1].set_value(0.75).run()
    reach = int((mapped_pool.array("clip_l14") >= 0.75).sum())
    assert f"kept **{reach}**" in texts(app)
    assert app.number_input[0].value == pytest.approx(100 * reach / 200)


def test_changing_the_form_of_a_rule_keeps_its_pairs(start, mapped_pool):
    score = {"score": "clip_b32", "top": 0.25}
    app = start(mapped_pool, recipe=said(load({"keep": [score]})))
    for mode in ("min", "top_kept", "between", "top"):
        app.selectbox[0].set_value(mode).run()
        assert not app.exception
        assert "kept **50** of 200" in texts(app), mode


def test_top_of_kept_counts_on_survivors(start, mapped_pool):
    rules = [{"flag": "sharp"}, {"score": "clip_b32", "top": 0.5, "of": "kept"}]
    app = start(mapped_pool, recipe=said(load({"keep": rules})))
    app.number_input[0].set_value(20.0).run()
    sharp = int(mapped_pool.array("sharp").sum())
    assert f"kept **{sharp // 5}**" in texts(app)


def test_each_card_says_what_its_rule_sees_keeps_and_leaves(start, mapped_pool):
    recipe = load({"keep": [{"flag": "sharp"}, {"score": "clip_b32", "top": 0.25}]})
    app = start(mapped_pool, recipe=said(recipe))
    first, second = select(recipe, mapped_pool).counts
    assert f"sees 200 · keeps {first.kept / 2:.1f} %" in texts(app)
    assert f"sees {first.kept} · keeps {100 * second.kept / first.kept:.1f} %" in texts(app)
    assert second.kept + second.dropped == first.kept


def test_any_all_and_not_are_built_by_clicks(start, mapped_pool):
    from poolscope.explorer import rule_card

    recipe = load({"keep": [{"flag": "sharp"}, {"where": "width >= 200"}]})
    assert rule_card._entries(recipe, 0)[:2] == [rule_card.NOT, rule_card.DUPLICATE]
    assert rule_card._entries(recipe, 1)[:2] == [rule_card.ANY, rule_card.ALL]
    grouped = load({"keep": [{"any": [{"score": "clip_l14", "top": 0.5}, {"where": "width >= 200"}]}]})
    app = start(mapped_pool, recipe=said(grouped))
    assert not app.exception
    app.number_input[0].set_value(20.0).run()
    assert json.loads(app.query_params["recipe"])["keep"][0]["any"][0] == {"score": "clip_l14", "top": 0.2}
    app.get_by_key("rule-0-0-word").set_value("all").run()
    changed = json.loads(app.query_params["recipe"])["keep"]
    assert changed == [{"all": [{"score": "clip_l14", "top": 0.2}, {"where": "width >= 200"}]}]
    assert f"kept **{select(load({'keep': changed}), mapped_pool).kept}**" in texts(app)


def test_an_edited_recipe_says_so_and_reverts(start, mapped_pool):
    from poolscope.recipe.ready import save, saved

    save(load({"name": "mine", "keep": [{"score": "clip_l14", "top": 0.3}]}), mapped_pool)
    app = start(mapped_pool, recipe=said(saved(mapped_pool)["mine"]))
    assert "do-revert" not in [button.key for button in app.button]
    app.number_input[0].set_value(10.0).run()
    assert json.loads(app.query_params["recipe"])["name"] == "mine, edited"
    app.button(key="do-revert").click().run()
    assert json.loads(app.query_params["recipe"]) == {"name": "mine", "keep": [{"score": "clip_l14", "top": 0.3}]}
    app.number_input[0].set_value(20.0).run()
    app.button(key="do-save").click().run()
    assert saved(mapped_pool)["mine"].keep[0].top == 0.2
    assert json.loads(app.query_params["recipe"])["name"] == "mine"
    assert not app.exception


def test_an_edited_recipe_of_the_address_can_be_reverted(start, mapped_pool):
    from poolscope.recipe.ready import save

    save(load({"name": "mine", "keep": [{"flag": "sharp"}]}), mapped_pool)
    app = start(mapped_pool, recipe=said(load({"name": "mine, edited", "keep": [{"where": "width >= 200"}]})))
    app.button(key="do-revert").click().run()
    assert json.loads(app.query_params["recipe"])["keep"] == [{"flag": "sharp"}]


def test_a_recipe_file_that_cannot_be_read_is_named(start, mapped_pool):
    (mapped_pool.path / "recipes").mkdir(exist_ok=True)
    (mapped_pool.path / "recipes" / "broken.yaml").write_text("keep: [{magic: 1}]")
    app = start(mapped_pool, recipe=said(TOP))
    assert not app.exception
    assert "recipes/broken.yaml" in texts(app)


def test_while_a_rule_cannot_be_read_the_last_selection_stays(start, mapped_pool):
    app = start(mapped_pool, recipe=said(load({"keep": [{"where": "width >= 200"}]})))
    kept = int(mapped_pool.where("width >= 200").sum())
    app.text_input[0].set_value("width >>= 200").run()
    assert len(app.error) == 1
    assert f"kept **{kept}** of 200" in texts(app)
    app.text_input[0].set_value("width >= 100").run()
    assert not app.error
    assert f"kept **{int(mapped_pool.where('width >= 100').sum())}** of 200" in texts(app)


def test_undo_and_redo(start, mapped_pool):
    app = start(mapped_pool, recipe=said(TOP))
    assert app.button(key="do-undo").disabled
    before = texts(app)
    app.number_input[0].set_value(10.0).run()
    after = texts(app)
    assert before != after
    app.button(key="do-undo").click().run()
    assert texts(app) == before
    app.button(key="do-redo").click().run()
    assert texts(app) == after


def test_rules_come_go_and_move():
    def script():
        import streamlit as st

        from poolscope.explorer import recipe_state
        from poolscope.recipe import load

        recipe = load({"keep": [{"flag": "a"}, {"flag": "b"}]})
        st.session_state["recipe"] = recipe
        recipe_state.add_rule(recipe, recipe_state.rule_from({"flag": "c"}))
        recipe_state.move_rule(st.session_state["recipe"], 2, 1)
        recipe_state.move_rule(st.session_state["recipe"], 0, -1)
        recipe_state.remove_rule(st.session_state["recipe"], 0)
        st.text([rule.flag for rule in st.session_state["recipe"].keep])
        for _ in range(5):
            recipe_state.undo()
        st.text([rule.flag for rule in st.session_state["recipe"].keep])

    app = AppTest.from_function(script).run()
    assert not app.exception
    assert [text.value for text in app.text] == ["['c', 'b']", "['a', 'b']"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ('{"keep": [{"score": "nothing", "top": 0.3}]}', "has no column 'nothing'"),
        ('{"keep": [{"flag": "clip_l14"}]}', "is a score, not a flag"),
        ('{"keep": [{"where": "no such thing"}]}', "can't be read"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_one_line(start, mapped_pool, address, expected):
    app = start(mapped_pool, recipe=address)
    assert not app.exception
    assert expected in app.error[0].value
    assert "\n" not in app.error[0].value


@pytest.mark.parametrize(
    "address", ["{", "[]", '{"keep": [{"score": "clip_l14", "top": 7}]}', '{"keep": 3}', "[" * 5000]
)
def test_an_address_that_holds_no_recipe_shows_a_ready_one(start, mapped_pool, address):
    app = start(mapped_pool, recipe=address)
    assert not app.exception
    assert "recipe in the address" in app.warning[0].value
    assert "kept **" in texts(app)


def test_a_threshold_that_keeps_nothing_says_so(start, mapped_pool):
    app = start(mapped_pool, recipe=said(load({"keep": [{"score": "clip_l14", "min": 99.0}]})))
    assert not app.exception
    assert "kept **0** of 200" in texts(app)
    assert "No pair is kept at this threshold" in texts(app)


def test_without_rules_everything_is_kept(start, mapped_pool):
    app = start(mapped_pool, recipe=said(Recipe(name="none")))
    assert "kept **200** of 200" in texts(app)
    assert "No rules yet" in app.info[0].value


def test_a_pool_without_a_map_offers_to_make_it(start, tiny_pool):
    app = start(tiny_pool, recipe=said(TOP))
    assert not app.exception
    assert "no map yet" in texts(app)


def test_a_path_that_is_no_pool_is_one_line(start, tmp_path):
    app = start(tmp_path)
    assert not app.exception
    assert "is not a pool" in app.error[0].value
    assert app.button[0].label == "Back to the default pool"


def test_the_pool_of_the_address_is_shown(start, mapped_pool, tmp_path):
    app = start(tmp_path / "none", pool=str(mapped_pool.path))
    assert not app.exception
    assert not app.error


def test_lasso_counts_what_it_holds(start, mapped_pool):
    app = start(mapped_pool, recipe=said(TOP))
    corners = [[-1.0, -1.0], [0.0, -1.0], [0.0, 1.0], [-1.0, 1.0]]
    app.session_state["view"] = "Lasso"
    app.session_state["map"] = {"lasso": corners}
    app.run()
    xy = np.load(mapped_pool.path / "maps" / "l14" / "xy.npy")
    assert not app.exception
    assert f"**{int((xy[:, 0] < 0).sum())}** pairs" in texts(app)


def chosen_by_lasso(app, pool):
    """Selects the left half of the map; returns the rows."""
    app.session_state["view"] = "Lasso"
    app.session_state["map"] = {"lasso": [[-1.0, -1.0], [0.0, -1.0], [0.0, 1.0], [-1.0, 1.0]]}
    app.run()
    return np.flatnonzero(np.load(pool.path / "maps" / "l14" / "xy.npy")[:, 0] < 0)


@pytest.mark.parametrize("drop", [False, True])
def test_a_lasso_becomes_a_rule(start, mapped_pool, drop):
    app = start(mapped_pool, recipe=said(Recipe(name="none")))
    rows = chosen_by_lasso(app, mapped_pool)
    app.button(key="lasso-drop" if drop else "lasso-keep").click().run()
    assert not app.exception
    assert f"kept **{200 - len(rows) if drop else len(rows)}** of 200" in texts(app)
    rule = json.loads(app.query_params["recipe"])["keep"][-1]
    assert rule == ({"not": {"tag": "lasso"}} if drop else {"tag": "lasso"})
    assert (np.sort(mapped_pool.rows_of(tags.uids(mapped_pool, "lasso"))) == rows).all()


def test_a_lasso_becomes_a_tag_and_a_group(start, mapped_pool):
    app = start(mapped_pool, recipe=said(TOP))
    rows = chosen_by_lasso(app, mapped_pool)
    app.text_input(key="lasso-name-lasso").set_value("left half").run()
    app.button(key="lasso-tag").click().run()
    app.button(key="lasso-group").click().run()
    assert not app.exception
    assert tags.names(mapped_pool) == ["left half"]
    groups = catalog.load(Pool.open(mapped_pool.path)).choose({"left-half"})
    assert groups.sizes.tolist() == [len(rows)]
    app.button(key="lasso-tag").click().run()
    assert "has a tag" in app.toast[0].value


def test_an_entry_of_the_legend_becomes_its_own_rule(start, mapped_pool):
    app = start(mapped_pool, recipe=said(Recipe(name="none")), colour="column.sharp")
    app.session_state["view"] = "Lasso"
    app.session_state["map"] = {"legend": {"colour": "column.sharp", "shown": [0]}}
    app.run()
    sharp = int(mapped_pool.array("sharp").sum())
    assert f"**{sharp}** pairs" in texts(app)
    app.button(key="lasso-drop").click().run()
    assert json.loads(app.query_params["recipe"])["keep"] == [{"not": {"flag": "sharp"}}]
    assert f"kept **{200 - sharp}** of 200" in texts(app)
    assert tags.names(mapped_pool) == []


def test_a_search_becomes_a_rule(start, mapped_pool):
    app = start(mapped_pool, recipe=said(Recipe(name="none")))
    app.session_state["view"] = "Search"
    app.run()
    app.get_by_key("search_mode").set_value("by word")
    app.text_input(key="search").set_value("red square").run()
    app.button(key="hits-keep").click().run()
    assert json.loads(app.query_params["recipe"])["keep"] == [{"tag": "search red square"}]
    hits = int(mapped_pool.where("contains(text, 'red square')").sum())
    assert f"kept **{hits}** of 200" in texts(app)


@pytest.mark.parametrize("colour", ["column.clip_l14", "column.sharp", "column.width", "region"])
def test_the_map_is_coloured_by_what_the_address_says(start, mapped_pool, colour):
    app = start(mapped_pool, recipe=said(TOP), colour=colour)
    assert not app.exception
    assert not app.warning
    assert app.query_params["colour"] in (colour, [colour])
    assert app.session_state["colour"] == colour


@pytest.mark.parametrize("colour", ["column.nothing", "family.x", "<img src=x>", "column.l14_img"])
def test_a_colour_that_the_pool_lacks_is_the_usual_one(start, mapped_pool, colour):
    app = start(mapped_pool, recipe=said(TOP), colour=colour)
    assert not app.exception
    assert app.session_state["colour"] == "kept"


def test_search_by_word_counts_all_hits(start, mapped_pool):
    app = start(mapped_pool, recipe=said(TOP))
    app.session_state["view"] = "Search"
    app.run()
    app.get_by_key("search_mode").set_value("by word")
    app.text_input(key="search").set_value("red square").run()
    hits = int(mapped_pool.where("contains(text, 'red square')").sum())
    assert hits > 0
    assert f"{hits} pairs; " in texts(app)


def test_comparing_counts_both_sides(start, mapped_pool):
    from poolscope.recipe.ready import save

    save(load({"name": "other", "keep": [{"score": "clip_b32", "top": 0.5}]}), mapped_pool)
    app = start(mapped_pool, recipe=said(TOP))
    app.session_state["compare_with"] = "other"
    app.run()
    assert not app.exception
    assert not app.warning


def test_draws_and_penalty_are_sliders(start, mapped_pool):
    rule = {"sample": "clip_l14", "pairs": 150, "penalty": 0.2, "temperature": 0.1}
    app = start(mapped_pool, recipe=said(load({"name": "drawn", "keep": [{"flag": "sharp"}, rule]})))
    assert not app.exception
    draws, penalty = (next(one for one in app.slider if one.label == label) for label in ("Draws", "Penalty"))
    assert (draws.value, penalty.value) == (150, 0.2)
    assert "150 draws" in texts(app)
    draws.set_value(300).run()
    next(one for one in app.slider if one.label == "Penalty").set_value(0.5).run()
    assert not app.exception
    changed = rule | {"pairs": 300, "penalty": 0.5}
    assert json.loads(app.query_params["recipe"])["keep"][1] == changed
    expected = select(load({"name": "drawn", "keep": [{"flag": "sharp"}, changed]}), mapped_pool)
    assert f"kept **{expected.kept:,}** of 200" in texts(app)
    assert "300 draws" in texts(app)
    from poolscope.explorer import rule_card

    recipe = load({"keep": [rule, {"flag": "sharp"}]})
    assert rule_card._entries(recipe, 0)[0] == rule_card.DUPLICATE, "what draws is in no group"
    assert rule_card._entries(recipe, 1)[0] == rule_card.NOT


def test_the_share_of_each_source_of_captions_is_a_slider(start, mapped_pool):
    from poolscope.explorer import caption_rule

    numbers, empty = np.arange(200), load({"keep": []})
    assert caption_rule.fresh(mapped_pool, empty).image == "sha256", "the hash of the file tells images, too"
    mapped_pool.add_columns(
        {
            "image_id": np.array([f"i{n // 2}" for n in numbers]),
            "caption_source": np.array(["alt", "generated"])[numbers % 2],
        },
        kind="metadata",
        made_by={},
    )
    assert caption_rule.fresh(mapped_pool.reload(), empty).image == "image_id"
    rule = {"caption": "clip_l14", "source": "caption_source", "shares": {"alt": 0.5, "generated": 0.5}}
    app = start(mapped_pool, recipe=said(load({"name": "one", "keep": [rule]})))
    assert not app.exception
    next(one for one in app.slider if one.label == "Share of generated").set_value(0.0).run()
    assert not app.exception
    changed = rule | {"shares": {"alt": 0.5, "generated": 0.0}}
    assert json.loads(app.query_params["recipe"])["keep"] == [changed]
    expected = select(load({"name": "one", "keep": [changed]}), mapped_pool.reload())
    assert f"kept **{expected.kept:,}** of 200" in texts(app)
    app.get_by_key("rule-0-0-source").set_value("the best of all").run()
    assert json.loads(app.query_params["recipe"])["keep"] == [{"caption": "clip_l14"}]
