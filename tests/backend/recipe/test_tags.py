"""Tags: named sets of pairs, kept with the pool and used by rules."""

import numpy as np
import pytest

from poolscope.errors import InputError
from poolscope.pool import UID_DTYPE
from poolscope.recipe import load, select, tags


def test_a_tag_is_a_sorted_subset_file_and_a_rule(tiny_pool):
    path = tags.save(tiny_pool, "blurry ones", np.array([9, 4, 4, 100]))
    uids = np.load(path, allow_pickle=False)
    assert uids.dtype == UID_DTYPE
    assert (np.sort(uids) == uids).all()
    assert len(uids) == 3
    assert tags.names(tiny_pool) == ["blurry ones"]
    recipe = load({"keep": [{"not": {"tag": "blurry ones"}}, {"tag": "blurry ones", "off": True}]})
    selection = select(recipe, tiny_pool)
    assert np.flatnonzero(~selection.mask).tolist() == [4, 9, 100]
    assert [count.rule for count in selection.counts] == ["not tagged blurry ones", "tagged blurry ones (off)"]


def test_nothing_that_exists_is_replaced_unasked(tiny_pool):
    tags.save(tiny_pool, "a", np.array([1]))
    with pytest.raises(InputError, match="has a tag 'a'"):
        tags.save(tiny_pool, "a", np.array([2]))
    tags.save(tiny_pool, "a", np.array([2]), replace=True)
    assert np.flatnonzero(select(load({"keep": [{"tag": "a"}]}), tiny_pool).mask).tolist() == [2]
    tags.delete(tiny_pool, "a")
    with pytest.raises(InputError, match="has no tag 'a'; it has none"):
        select(load({"keep": [{"tag": "a"}]}), tiny_pool)


@pytest.mark.parametrize("name", ["", "../x", "a/b", " a", "x" * 99, "a\nb", ".", "\ud800"])
def test_a_name_stays_inside_the_folder(tiny_pool, name):
    with pytest.raises(InputError, match="can't be a tag"):
        tags.save(tiny_pool, name, np.array([1]))
