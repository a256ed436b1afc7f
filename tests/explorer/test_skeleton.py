"""A page shows the shape of what comes while it is worked out."""

import pytest

from poolscope.explorer import skeleton


@pytest.mark.parametrize("kind", ["cards", "bars"])
def test_the_shape_stands_until_the_work_is_done(monkeypatch, kind):
    drawn = []

    class Place:
        def html(self, text: str) -> None:
            drawn.append(text)

        def empty(self) -> None:
            drawn.append("")

    monkeypatch.setattr(skeleton.st, "empty", Place)
    with skeleton.shape(kind):
        assert f"ps-skeleton-{kind}" in drawn[-1]
    assert drawn[1:] == [""]
