"""One format of numbers, and shares that never read like another."""

import pytest

from poolscope.explorer import number_format


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 8, "12.5 %"), (0, 7, "0.0 %"), (7, 7, "100.0 %"), (35966, 35967, "99.997 %"), (1, 35967, "0.003 %"), (0, 0, "0.0 %")],
)  # fmt: skip
def test_a_share_reads_as_none_or_all_only_when_it_is(part, whole, expected):
    assert number_format.share(part, whole) == expected


def test_kept_and_dropped_get_digits_that_tell_them_apart():
    digits = number_format.apart([0.796865, 0.79687], [0.796849])
    assert f"{0.796865:.{digits}g}" != f"{0.796849:.{digits}g}"
    assert number_format.apart([0.5], [0.5]) == 4
    assert number_format.apart([], [0.2]) == 4
