"""The shape of what is about to come, while a page works it out: a page is never blank."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

_STYLE = """<style>
.ps-skeleton {display: grid; gap: 12px}
.ps-skeleton i {display: block; border-radius: 6px; background: rgba(128, 140, 152, .16); animation: ps-breathe 1.4s ease-in-out infinite}
.ps-skeleton-cards {grid-template-columns: 1fr 1fr}
.ps-skeleton-cards i {height: 168px}
.ps-skeleton-bars i {height: 18px}
@keyframes ps-breathe {50% {opacity: .45}}
@media (prefers-reduced-motion: reduce) {.ps-skeleton i {animation: none}}
</style>"""
_PARTS = {
    "cards": "<i></i>" * 6,
    "bars": "".join(f'<i style="width: {share}%"></i>' for share in (92, 84, 77, 71, 66, 60, 55, 51, 46, 40, 33, 25)),
}


@contextmanager
def shape(kind: str) -> Iterator[None]:
    """Shows `cards` or `bars` in grey until the block has been worked out."""
    place = st.empty()
    place.html(
        f'{_STYLE}<div class="ps-skeleton ps-skeleton-{kind}" role="status" aria-label="Loading">{_PARTS[kind]}</div>'
    )
    try:
        yield
    finally:
        place.empty()
