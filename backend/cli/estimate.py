"""`--estimate` of `score` and `embed`: what columns would cost on this pool, measured on a sample or by a table."""

from typing import TYPE_CHECKING

from .console import emit, line, progress_bar

if TYPE_CHECKING:
    from ..engine.embedding_plan import Plan
    from ..pool import Pool
    from ..scores import Method


def show_estimate(pool: "Pool", method: "Method", gpus: int | None = None) -> None:
    """Measures and prints; makes no column."""
    from ..engine.cost import duration, estimate

    with progress_bar(f"{method.id} on a sample") as progress:
        cost = estimate(pool, method, gpus=gpus, progress=progress)

    def text() -> None:
        line(f"{method.id}: about {duration(cost.seconds)} for {cost.pairs:,} pairs, {size(cost.disk)} on disk")
        line(cost.basis)
        parts = [f"{cost.start:.1f} s to start", f"{1e6 * cost.per_pair:,.1f} µs per pair"]
        if cost.training:
            parts.insert(1, f"{duration(cost.training)} of training, not measured")
        line(", ".join(parts))
        if cost.elsewhere:
            line(f"on GPUs: {', '.join(f'{where} {duration(seconds)}' for where, seconds in cost.elsewhere.items())}")
            line(cost.elsewhere_basis)
        if cost.temporary:
            line(f"{size(cost.temporary)} more on disk while it runs")

    emit(cost.as_json(), text=text)


def show_costs(pool: "Pool") -> None:
    """Measures and prints the costs that are not known yet."""
    from ..engine.cost import duration, measure

    with progress_bar("costs") as progress:
        estimates, problems = measure(pool, progress=progress)

    def text() -> None:
        for cost in estimates:
            line(f"{cost.method}: about {duration(cost.seconds)} for {cost.pairs:,} pairs, {size(cost.disk)} on disk")
        for id, why in problems.items():
            line(f"{id}: {why}")
        if not estimates and not problems:
            line("all costs are known")

    emit({"costs": estimates, "problems": problems}, text=text)


def embedding_plan_of(pool: "Pool", model: str, device: str, gpus: int | None = None) -> "Plan":
    from ..engine.embedding import resolved
    from ..engine.embedding_plan import plan
    from ..models import Model

    return plan(pool, Model.parse(model), device=device, gpus=gpus, precision=resolved("auto", device))


def show_plan(pool: "Pool", model: str, device: str, gpus: int | None) -> None:
    """Prints what an embedding would take."""
    plan = embedding_plan_of(pool, model, device, gpus)
    emit(vars(plan) | {"fits": plan.fits}, text=plan_in_words(plan))


def plan_in_words(plan: "Plan") -> str:
    """`embedding 200 pairs: about 1.2 s on cpu, up to 25.6 kB more of the 45.0 GB that are free (from a table: …)`"""
    from ..engine.cost import duration

    on = f"{plan.count} x {plan.device}" if plan.count > 1 else plan.device
    fed = f", {plan.decoders} cores feed {'each GPU' if plan.count > 1 else 'it'}" if plan.decoders else ""
    took = f"about {duration(plan.seconds)} on {on}" if plan.seconds else f"on {on}"
    room = f", up to {size(plan.disk)} more of the {size(plan.free)} that are free" if plan.disk else ""
    return f"embedding {plan.pairs:,} pairs: {took}{fed}{room} ({plan.basis})"


def size(count: int) -> str:
    """`1438680` is "1.4 MB"."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= (0.05 if unit == "MB" else 1) * length:
            return f"{count / length:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"
