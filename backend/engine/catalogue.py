"""The catalogue: each method with what it says about itself, fitted to a pool, and the ready recipes that use it."""

from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..number_format import percent
from ..pool import Pool
from ..pool.columns import Column
from ..recipe import Recipe
from ..scores import METHODS, build
from ..scores.base import Method
from . import selftest
from .inputs import fitted
from .ready import recipes_with
from .selftest import SelfTest


@dataclass(frozen=True)
class Entry:
    """One method on one pool. `parameters` are its defaults, with names that the pool has where the default's is missing.

    `needs` says of each column that it reads whether the pool has it; `problem` is why it can't start as it is, in one
    line, empty if it can; `columns` are the pool's columns that it made; `recipes` the ready ones that use it; `tests` are
    the self-tests of the models that it reads and of its own networks, as far as they were made; `cautions` what is wrong
    with its columns, `notes` what it found.
    """

    method: type[Method]
    parameters: dict[str, Any]
    needs: dict[str, bool]
    problem: str
    columns: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    tests: tuple[SelfTest, ...]
    cautions: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def built(self) -> Method:
        return build(self.method.id, **self.parameters)

    @property
    def summary(self) -> str:
        """The first paragraph of its documentation in one line."""
        return " ".join((self.method.__doc__ or self.method.title).strip().split("\n\n")[0].split())


def entry(id: str, pool: Pool) -> Entry:
    """The method `id` on `pool`. Raises InputError for an unknown method."""
    parameters = fitted(id, pool)
    method = build(id, **parameters)
    try:
        method.check(pool)
        problem = ""
    except InputError as error:
        problem = str(error)
    entries = tuple(
        name
        for name, column in pool.columns.items()
        if column.made_by.get("method") == id and column.kind in ("score", "flag")
    )
    needs = {name: name in pool.columns for name in method.needs() if name}
    read = (model for model in pool.models if f"{model}_img" in method.needs())
    tests = tuple(test for model in read if (test := selftest.known(pool, model)))
    warnings = tuple(f"{name}: {one}" for name in entries for one in cautions(pool.columns[name]))
    tests += tuple(test for name in entries for test in self_tests(pool.columns[name]) if test.model not in pool.models)
    noted = tuple(f"{name}: {one}" for name in entries for one in notes(pool.columns[name]))
    return Entry(type(method), parameters, needs, problem, entries, recipes_with(id), tests, warnings, noted)


def cautions(column: Column) -> list[str]:
    """Why not to trust a column, as its provenance tells: a model that failed the self-test, or what its method found."""
    warning = (column.made_by.get("findings") or {}).get("warning")
    return [*(test.warning for test in self_tests(column) if test.warning), *([warning] if warning else [])]


def notes(column: Column) -> list[str]:
    """What the method of a column found, in words."""
    findings = column.made_by.get("findings") or {}
    sentences = []
    if findings.get("largest_group"):
        sentences.append(f"the largest group has {findings['largest_group']:,} pairs")
    if findings.get("inputs"):
        sentences.append(inputs_in_words(findings["inputs"]))
        sentences += missed_in_words(findings["inputs"])
    if gain := findings.get("gain"):
        sentences.append(
            f"downstream loss of a reference {gain['mean']:.3f} ± {gain['spread']:.3f} lower than with equal weights, "
            f"over {findings['seeds']} seeds, on examples kept aside"
        )
    if findings.get("folds", 1) > 1:
        sentences.append(
            f"cross-fitted in {findings['folds']} folds: none of its {findings['trained_on']:,} training pairs "
            f"({percent(findings['training_share'], 0)} of the pool, {percent(findings['training_share_of_best'], 0)} of its best "
            f"{percent(findings['best'], 0)}) is scored by a network that has seen it"
        )
    return sentences


def inputs_in_words(inputs: list[dict[str, Any]]) -> str:
    """What a method that joins columns learnt of each: its accuracy, or its weight and spread over seeds, largest first."""
    if "accuracy" in inputs[0]:
        best = sorted(inputs, key=lambda one: -one["accuracy"])
        return "accuracy of " + ", ".join(f"{one['column']} {one['accuracy']:.2f}" for one in best)
    heavy = sorted(inputs, key=lambda one: -abs(one["weight"]))
    return "weight of " + ", ".join(f"{one['column']} {one['weight']:+.2f} ± {one['spread']:.2f}" for one in heavy)


def missed_in_words(inputs: list[dict[str, Any]]) -> list[str]:
    """How much each input is missed when left out, most first; nothing where that was not learnt."""
    missed = sorted((one for one in inputs if "missed" in one), key=lambda one: -one["missed"])
    listed = ", ".join(f"{one['column']} {one['missed']:+.3f} ± {one['missed_spread']:.3f}" for one in missed)
    return [f"downstream loss added when left out: {listed}"] if listed else []


def self_tests(column: Column) -> list[SelfTest]:
    """The self-tests of the models that a column was made with."""
    return [SelfTest.from_json(one) for one in (column.made_by.get("self_test") or {}).values()]


def loadable() -> tuple[list[type[Method]], list[str]]:
    """The classes of all methods in the catalogue's order, and why others, of broken packages, can't be loaded."""
    classes, broken = [], []
    for id in METHODS:
        try:
            classes.append(METHODS[id])
        except InputError as error:
            broken.append(str(error))
    return classes, broken
