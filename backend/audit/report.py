"""The audit as one HTML file that needs nothing else, and as JSON beside it."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from .. import __version__, files
from ..recipe import dump, load
from .audit import SAFEGUARDS, Audit, Row
from .figures import Z95
from .svg import forest
from .words import Word

PER_FAMILY = 40
WORDS_OF = 6

STYLE = """
:root{color-scheme:light dark;--fg:#1c2530;--soft:#5b6875;--line:#d5dce3;--bg:#fff;--card:#f5f7f9;--kept:#1f83d2;--dropped:#d9730d}
@media(prefers-color-scheme:dark){:root{--fg:#e6ebf0;--soft:#9aa7b4;--line:#36414c;--bg:#12171c;--card:#1b222a}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:0 auto;padding:24px;max-width:1120px}
h1{font-size:26px;margin:0}h2{font-size:19px;margin:32px 0 8px}h3{font-size:16px;margin:20px 0 4px}
p,li{max-width:80ch}.soft,figcaption{color:var(--soft);font-size:13px}.lead{font-size:19px;background:var(--card);padding:14px 18px;border-left:4px solid var(--dropped)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;width:100%}th,td{padding:3px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child,.l{text-align:left!important;white-space:normal}tr.less td{color:var(--dropped)}pre{background:var(--card);padding:12px;overflow-x:auto}
svg{width:100%;max-width:860px;height:auto;font:12px system-ui,sans-serif}svg .name{fill:var(--fg)}svg .tick{fill:var(--soft)}svg .grid{stroke:var(--line)}
svg .overall{stroke:var(--fg);stroke-dasharray:4 3}svg line.less,svg circle.less{stroke:var(--dropped);fill:var(--dropped);stroke-width:2}
svg line.more,svg circle.more{stroke:var(--kept);fill:var(--kept);stroke-width:2}svg line.same,svg circle.same{stroke:var(--soft);fill:var(--soft);stroke-width:2}
svg line.hidden{stroke:var(--soft);stroke-dasharray:2 3}.words{display:grid;grid-template-columns:1fr 1fr;gap:16px}.words b{font-weight:600}
"""


def write(
    audit: Audit, out: Path, *, words: Mapping[str, tuple[Sequence[Word], Sequence[Word]]] | None = None
) -> list[Path]:
    """Writes `out` (HTML) and the same figures as JSON beside it; returns both paths."""
    beside = out.with_suffix(".json")
    files.write_text(out, html(audit, words=words))
    files.write_json(beside, audit.as_json())
    return [out, beside]


def worst(audit: Audit, count: int = WORDS_OF) -> list[Row]:
    """The groups that surely lose most, for a closer look."""
    sure = [
        row
        for row in audit.rows
        if row.q is not None and row.q < 0.05 and row.lift_high is not None and row.lift_high < 1
    ]
    return sorted(sure, key=lambda row: row.lift_high or 0.0)[:count]


def html(audit: Audit, *, words: Mapping[str, tuple[Sequence[Word], Sequence[Word]]] | None = None) -> str:
    """The report as text; all that came from the pool is escaped."""
    overall = audit.kept / audit.pairs if audit.pairs else 0.0
    name = str(audit.recipe.get("name", "a selection"))
    families = list(dict.fromkeys(row.definition.family for row in audit.rows))
    body = [
        f"<h1>Who is kept by {escape(name)}</h1>",
        f'<p class="soft">Pool {escape(audit.pool)} (version {audit.pool_version}), {audit.pairs:,} pairs; kept {audit.kept:,} ({100 * overall:.2f} %). Poolscope {__version__}.</p>',
        f'<p class="lead">{escape(audit.headline.text[:1].upper() + audit.headline.text[1:])}.</p>',
        _rules(audit),
        "<h2>Keep rate of each group</h2>",
        "<p>Dots are keep rates with 95 % Wilson intervals; the dashed line is the pool's. Orange groups are kept less than the pool, blue ones more, grey ones are not told apart from it.</p>",
        *(_family(audit, family, overall) for family in families),
        _slopes(audit),
        _words(audit, words or {}),
        _methods(audit),
        "<h2>Safeguards</h2><ul>" + "".join(f"<li>{escape(line)}</li>" for line in SAFEGUARDS) + "</ul>",
        *(
            f"<h2>Lexicon {escape(name)}, as pruned or edited</h2><pre>{escape(text)}</pre>"
            for name, text in audit.lexicons.items()
        ),
        _recipe(audit),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Who is kept by {escape(name)}</title><style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _rules(audit: Audit) -> str:
    if not audit.rules:
        return "<p>The recipe has no rules.</p>"
    lines = "".join(
        f"<tr><td>{escape(str(rule['rule']))}</td><td>{rule['kept']:,}</td><td>{rule['dropped']:,}</td></tr>"
        for rule in audit.rules
    )
    return f"<h2>Rules</h2><table><tr><th>rule</th><th>kept after it</th><th>dropped by it</th></tr>{lines}</table>"


def _family(audit: Audit, family: str, overall: float) -> str:
    rows = [row for row in audit.rows if row.definition.family == family]
    rows.sort(key=lambda row: row.rate if row.rate is not None else -1.0)
    shown = rows[:PER_FAMILY]
    note = (
        f'<p class="soft">{len(rows) - len(shown)} more groups of this family are in the JSON file.</p>'
        if len(shown) < len(rows)
        else ""
    )
    return f"<h3>{escape(family.capitalize())}</h3><figure>{forest(shown, overall)}</figure><div class='scroll'>{_table(audit, shown)}</div>{note}"


def _table(audit: Audit, rows: Sequence[Row]) -> str:
    heads = ["group", "pairs", "kept", "rate", "95 % interval", "lift", "odds ratio", "q", "share before", "after"]
    if audit.strata:
        heads.append(f"odds ratio within {audit.strata}")
    marked = any(row.amplified is not None for row in rows)
    if marked:
        heads.append("amplified")
    steps = len(audit.rules) if len(audit.rules) > 1 else 0
    heads += [f"rate after rule {number}" for number in range(1, steps + 1)]
    lines = []
    for row in rows:
        cells = [escape(row.definition.title), f"{row.n:,}", "under 10" if row.kept is None else f"{row.kept:,}",
                 _percent(row.rate) if row.kept is not None else f"under {_percent(row.rate_below)}",
                 f"{_percent(row.low)} to {_percent(row.high)}" if row.low is not None else "",
                 _number(row.lift), _interval(row.odds_ratio, row.odds_low, row.odds_high), _p(row.q),
                 _percent(row.share_before), _percent(row.share_after)]  # fmt: skip
        if audit.strata:
            cells.append(_interval(row.adjusted, row.adjusted_low, row.adjusted_high))
        if marked:
            cells.append("" if row.amplified is None else "yes" if row.amplified else "no")
        cells += [_percent(rate) or "under 10 pairs" for rate in row.rates_by_rule[:steps]]
        less = row.q is not None and row.q < 0.05 and row.lift is not None and row.lift < 1
        lines.append(f"<tr{' class=less' if less else ''}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table><tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr>{''.join(lines)}</table>"


def _slopes(audit: Audit) -> str:
    if not audit.slopes:
        return ""
    lines = "".join(
        f"<tr><td>{escape(family)}</td><td>{found.groups}</td><td>{found.slope:.3g}</td><td>{found.r2:.3f}</td><td>{_p(found.p)}</td>"
        f"<td>{_number(found.spearman)}</td><td>{found.logit_slope:.3f}</td><td>{_p(found.logit_p)}</td></tr>"
        for family, found in audit.slopes.items()
    )
    return (
        "<h2>Exclusion amplification</h2><p>Slope of keep rate on group size within each family: positive means that rare groups are "
        "also kept less, so that they become rarer. The first columns are the published ordinary least squares line; the logit slope "
        "is weighted by size and is not ruled by one large group.</p>"
        "<div class='scroll'><table><tr><th>family</th><th>groups</th><th>slope per pair</th><th>R²</th><th>p</th><th>Spearman</th>"
        f"<th>logit slope</th><th>p</th></tr>{lines}</table></div>"
    )


def _words(audit: Audit, words: Mapping[str, tuple[Sequence[Word], Sequence[Word]]]) -> str:
    titles = {definition.id: definition.title for definition in audit.definitions}
    parts = [
        f"<h3>{escape(titles.get(id, id))}</h3><div class=words><div><b>kept captions say</b><br>{_listed(kept)}</div>"
        f"<div><b>dropped captions say</b><br>{_listed(dropped)}</div></div>"
        for id, (kept, dropped) in words.items()
        if kept or dropped
    ]
    if not parts:
        return ""
    return (
        "<h2>Words that separate kept from dropped</h2><p>Log-odds with an informative Dirichlet prior, words in 10 captions or more.</p>"
        + "".join(parts)
    )


def _listed(words: Sequence[Word]) -> str:
    return (
        ", ".join(f"{escape(word.word)} ({100 * word.kept:.0f} / {100 * word.dropped:.0f} %)" for word in words)
        or "nothing stands out"
    )


def _methods(audit: Audit) -> str:
    lines = "".join(
        f"<tr><td>{escape(one.title)}</td><td class=l>{escape(one.method)}</td><td class=l>{escape(one.error)}</td>"
        f"<td>{escape(one.source)} v{one.version}</td></tr>"
        for one in audit.definitions
    )
    figures = (
        f"Keep rate k/n with Wilson's 95 % interval (z = {Z95:.3f}); lift: rate over the pool's rate, equal to share after over share "
        "before, interval by the delta method; odds ratio against all other pairs, 0.5 added to each cell if one is empty, Woolf's "
        "interval; p by Pearson's χ², Fisher's exact test where an expected count is below 5; q by Benjamini and Hochberg over the "
        f"groups shown. Groups of fewer than {audit.minimum} pairs are left out ({audit.left_out})."
    )
    if audit.strata:
        figures += f" Odds ratios within {audit.strata}: Mantel–Haenszel, interval by Robins, Breslow and Greenland."
    return (
        f"<h2>How the figures are made</h2><p>{escape(figures)}</p><h2>How each group is found, and what goes wrong</h2>"
        f"<div class='scroll'><table><tr><th>group</th><th class=l>method</th><th class=l>known error</th><th>source</th></tr>{lines}</table></div>"
    )


def _recipe(audit: Audit) -> str:
    text = (
        dump(load(audit.recipe))
        if audit.recipe.get("keep")
        else "every pair is kept, or the selection came without its recipe"
    )
    return f"<h2>Recipe</h2><pre>{escape(text)}</pre>"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.2f}"


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    return "" if value is None else f"{value:.2f} ({_number(low)} to {_number(high)})"


def _p(value: float | None) -> str:
    return "" if value is None or value != value else "under 0.0001" if value < 0.0001 else f"{value:.4f}"
