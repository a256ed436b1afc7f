"""Every command on damaged and hostile files ends with exit 0 or 2, and every pool keeps its pairs.

`POOLSCOPE_FUZZ=10000 pytest tests/fuzz` tries more than the tests do by default.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.arguments import BASES, VALUES, hostile_line
from tests.fuzz.conftest import Fuzz
from tests.fuzz.mutations import NAMES
from tests.fuzz.surfaces import SURFACES

DEFAULT = 24
EXAMPLES = int(os.environ.get("POOLSCOPE_FUZZ", DEFAULT))
DAMAGE = st.tuples(st.integers(0, 1), st.sampled_from(NAMES), st.integers(0, 2**32 - 1))


def tries(examples: int) -> settings:
    """The same examples each time by default; other ones each time where more are asked for."""
    return settings(
        max_examples=examples, deadline=None, derandomize=EXAMPLES == DEFAULT, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), report_multiple_bugs=True,
    )  # fmt: skip


@tries(EXAMPLES * 2 // 3)
@given(
    surface=st.sampled_from(SURFACES),
    which=st.integers(0, 999),
    damage=st.lists(DAMAGE, min_size=1, max_size=2),
    command=st.integers(0, 999),
)
def test_a_damaged_file_ends_in_0_or_2(fuzz: Fuzz, surface, which, damage, command) -> None:
    assert fuzz.run(surface, which, damage, command) is None


@tries(EXAMPLES // 3)
@given(base=st.sampled_from(BASES), which=st.integers(0, 99), value=st.sampled_from(VALUES))
def test_a_hostile_argument_ends_in_0_or_2(fuzz: Fuzz, base, which, value) -> None:
    assert fuzz.line(hostile_line(base, which, value)) is None


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_the_files_are_valid_before_they_are_damaged(fuzz: Fuzz, surface) -> None:
    """Else the fuzzer would try nothing but the first refusal. The first command stands for the others."""
    for command in range(len(surface.commands) if EXAMPLES > DEFAULT else 1):
        assert fuzz.run(surface, 0, [], command) is None
        assert fuzz.code == 0 or command, surface.commands[command]  # some of the others ask for more than is there
