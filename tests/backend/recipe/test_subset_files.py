"""Subset files: both forms are read, nothing else is."""

import numpy as np
import pytest

from poolscope.errors import InputError
from poolscope.recipe import load, select
from poolscope.recipe.subset_files import read_subset


def test_both_forms_and_duplicates(tiny_pool, tmp_path):
    uids = np.sort(tiny_pool.uids()[[5, 9, 9, 100]])
    np.save(tmp_path / "a.npy", uids)
    (tmp_path / "b.bin").write_bytes(uids.tobytes())
    for name in ("a.npy", "b.bin"):
        selection = select(load({"keep": [{"subset": str(tmp_path / name)}]}), tiny_pool)
        assert np.flatnonzero(selection.mask).tolist() == [5, 9, 100]


@pytest.mark.parametrize("content", [np.zeros(3), np.array([object()]), np.zeros((2, 2), "u8,u8")])
def test_other_arrays_are_refused(tmp_path, content):
    np.save(tmp_path / "x.npy", content, allow_pickle=True)
    with pytest.raises(InputError, match="subset file"):
        read_subset(tmp_path / "x.npy")


def test_odd_bytes_are_refused(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"0123456789")
    with pytest.raises(InputError, match="multiple of 16"):
        read_subset(tmp_path / "x.npy")
