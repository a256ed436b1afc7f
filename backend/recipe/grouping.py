"""Any, all and not, built rule by rule: a rule joins the one before it, is turned around, or leaves its group."""

from typing import Literal

from .grammar import AllRule, AnyRule, NotRule, Recipe, Rule

Word = Literal["any", "all"]
GROUPS: dict[Word, type[AnyRule] | type[AllRule]] = {"any": AnyRule, "all": AllRule}


def word_of(rule: Rule) -> Word | None:
    """`any` or `all` for a group, None for another rule."""
    return next((word for word, kind in GROUPS.items() if isinstance(rule, kind)), None)


def negated(rule: Rule) -> Rule:
    """The rule turned around: `not` around it, or what was inside a `not`."""
    if isinstance(rule, NotRule):
        return rule.not_.model_copy(update={"off": rule.off or rule.not_.off})
    return NotRule(**{"not": rule.model_copy(update={"off": False})}, off=rule.off)


def grouped(parts: tuple[Rule, ...], word: Word, *, off: bool = False) -> Rule:
    """The rules as one `any` or `all`; a single rule stays as it is."""
    if len(parts) == 1:
        return parts[0].model_copy(update={"off": off or parts[0].off})
    return AnyRule(any=parts, off=off) if word == "any" else AllRule(all=parts, off=off)


def regrouped(rule: Rule, word: Word) -> Rule:
    """A group with the other word: `any` for `all`, or `all` for `any`."""
    return grouped(rule.parts, word, off=rule.off)


def join(recipe: Recipe, index: int, word: Word) -> Recipe:
    """The recipe in which the rule at `index` and the one before it are one group; groups of that word grow."""
    first, second = recipe.keep[index - 1], recipe.keep[index]
    parts = tuple(part for rule in (first, second) for part in (rule.parts if word_of(rule) == word else (rule,)))
    return _with(recipe, index - 1, index + 1, grouped(parts, word))


def replace_part(rule: Rule, place: int, part: Rule | None) -> Rule:
    """A group with another rule at `place`, or without it. A group of one rule becomes that rule."""
    word = word_of(rule) or "all"
    parts = (*rule.parts[:place], *(() if part is None else (part,)), *rule.parts[place + 1 :])
    return grouped(parts, word, off=rule.off)


def take_out(recipe: Recipe, index: int, place: int) -> Recipe:
    """The recipe in which the part at `place` of the group at `index` is a rule of its own, behind the group."""
    group = recipe.keep[index]
    return _with(recipe, index, index + 1, replace_part(group, place, None), group.parts[place])


def _with(recipe: Recipe, start: int, end: int, *rules: Rule) -> Recipe:
    return recipe.model_copy(update={"keep": (*recipe.keep[:start], *rules, *recipe.keep[end:])})
