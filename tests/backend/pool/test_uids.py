"""Uids in their three forms, against DataComp's check vector."""

import numpy as np
import pyarrow as pa
import pytest

from poolscope.errors import InputError
from poolscope.pool import uid_hex, uid_pairs

UIDS = ["139e4a9b22a614771f06c700a8ebe150", "6e356964a967af455c8016b75d691203"]


def test_check_vector_of_datacomp(tmp_path):
    pairs = uid_pairs(UIDS)
    assert pairs.tolist() == [(1413649363202610295, 2235693070683988304), (7941369398997528389, 6665352425310327299)]
    np.save(tmp_path / "s.npy", pairs)
    raw = (tmp_path / "s.npy").read_bytes()
    assert len(raw) == 160
    assert raw[128:].hex() == "7714a6229b4a9e1350e1eba800c7061f45af67a96469356e0312695db716805c"


def test_round_trip_and_slices():
    rng = np.random.default_rng(0)
    hi, lo = rng.integers(0, 2**64, (2, 1000), dtype=np.uint64)
    text = uid_hex(hi, lo)
    assert text.to_pylist() == [f"{(int(h) << 64) | int(low):032x}" for h, low in zip(hi, lo)]
    back = uid_pairs(text.slice(17, 300))
    assert (back["f0"] == hi[17:317]).all()
    assert (back["f1"] == lo[17:317]).all()
    assert len(uid_pairs(pa.array([], pa.utf8()))) == 0


@pytest.mark.parametrize("wrong", ["", "12", UIDS[0].upper(), UIDS[0] + "0", "g" * 32, None])
def test_other_forms_are_refused(wrong):
    with pytest.raises(InputError, match="32 lower-case hex"):
        uid_pairs([UIDS[0], wrong])
