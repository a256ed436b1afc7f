"""The report as one self-contained HTML file: no script, no address outside the file; captions are text."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import PurePath
from typing import Any

from .chart import accuracy_bars, colour, share_bars

STYLE = """
:root{color-scheme:light dark;--text:#1c2733;--dim:#5b6875;--line:#dde3e9;--back:#fff;--soft:#f4f6f8}
@media(prefers-color-scheme:dark){:root{--text:#e6ebf0;--dim:#9aa6b2;--line:#333d47;--back:#12181f;--soft:#1b232c}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:24px;font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back)}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 8px;border-top:1px solid var(--line);padding-top:16px}h3{font-size:15px;margin:16px 0 4px}
p{margin:6px 0;max-width:76ch}.dim{color:var(--dim)}table{border-collapse:collapse;margin:8px 0}td,th{padding:3px 14px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--dim)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.chart{width:100%;height:auto;max-width:920px;display:block}.chart text{font:12px system-ui,sans-serif;fill:var(--text)}.chart .name{text-anchor:end}
.chart .tick{text-anchor:middle;fill:var(--dim)}.chart .small{font-size:9px;fill:var(--dim)}.chart .grid{stroke:var(--line)}.chart .chance{stroke:#C4314B;stroke-dasharray:4 3;stroke-width:1.5}
.chart .bar{fill:#1F83D2}.chart .bar.file{fill:#D9730D}.chart .bar.caption{fill:#0F8A68}.chart .bar.meaning{fill:#9A47AB}.chart .whisker{stroke:var(--text);stroke-width:1.5}
.chart .published{fill:var(--back);stroke:var(--text);stroke-width:1.3}
.cols{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:20px}.strip{width:100%;max-width:420px;height:auto;border-radius:3px;background:var(--soft)}
.chip{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}.ok{color:#0F8A68}.bad{color:#C4314B}li{margin:3px 0}
"""


def render(report: Mapping[str, Any]) -> str:
    """The report of `report.build` as an HTML document."""
    names = [part["name"] for part in report["sets"]]
    title = " against ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} other sets"
    sections = [
        _head(report, names, title),
        _accuracy(report),
        _controls(report),
        _described(report, names),
        _transformed(report, names),
        _typical(report, names),
        _appearance(report, names),
        _objects(report, names),
        _words(report, names),
        _coefficients(report, names),
        _method(report),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Bias report: {escape(title)}</title><style>{STYLE}</style></head><body>{''.join(sections)}</body></html>"
    )


def _head(report: Mapping[str, Any], names: Sequence[str], title: str) -> str:
    rows = [
        [_chip(number) + escape(part["name"]), f"{part['pairs']:,}", f"{part['sampled']:,}", f"{part['unreadable']:,}",
         escape(str(part.get("pool") or f"target set ({part.get('target')})"))]
        for number, part in enumerate(report["sets"])
    ]  # fmt: skip
    shared = (
        f"<p>{report['overlap']:,} pairs are in more than one set; they stay in one fold.</p>"
        if report["overlap"]
        else ""
    )
    table = _table(["set", "#pairs", "#in the sample", "#unreadable", "from"], rows)
    return f"<h1>{escape(title)}</h1><p>{escape(summary(report))}</p>{table}{shared}"


def _accuracy(report: Mapping[str, Any]) -> str:
    left = "".join(f"<li>{escape(one['family'])}: {escape(one['why'])}</li>" for one in report["left_out"])
    left = f"<h3>Left out</h3><ul>{left}</ul>" if left else ""
    return (
        "<h2>How well the sets can be told apart</h2>"
        "<p>Each bar is the balanced accuracy of a classifier that sees only what is named, on pairs it was not trained on; the line is the "
        "95 % interval. The diamond is the published value for YFCC, CC and DataComp (Zeng et al. 2024, 1,000,000 pictures per set, "
        "ConvNeXt-Tiny at 224 pixels), moved to this report's chance: the same share of the way from chance to 100 %.</p>"
        + accuracy_bars(report["families"], report["chance"])
        + left
    )


def _controls(report: Mapping[str, Any]) -> str:
    controls = report["controls"]
    null = controls["null"]
    verdict = "ok" if null["within"] else "bad"
    runs = ", ".join(f"{run['accuracy']:.1%}" for run in null["runs"])
    parts = [
        "<h2>Controls</h2>",
        f'<p><b>Null.</b> Random halves of “{escape(null["set"])}” over {len(null["runs"])} seeds: <b class="{verdict}">{null["accuracy"]:.1%}</b>, '
        f"chance 50 % ({runs}). It must lie within two points of chance; small samples scatter more.</p>",
    ]
    if controls.get("shortcut") is not None:
        parts.append(
            f"<p><b>Shortcut.</b> File facts alone (size, bytes, format, compression) reach {controls['shortcut']:.1%}. What is above chance here "
            "can be had without looking at the picture.</p>"
        )
    if controls.get("harmonised"):
        both = controls["harmonised"]
        parts.append(
            f"<p><b>Re-encoding.</b> {both['original']:.1%} with the pictures as they are, {both['harmonised']:.1%} after the same JPEG encoding for all: "
            f"traces of files account for {100 * both['lost']:.1f} points.</p>"
        )
    rows = [
        [f"{one['per_set']:,}", f"{one['train_accuracy']:.1%}", f"{one['accuracy']:.1%}", f"{one['chance']:.1%}"]
        for one in controls["memorisation"]
    ]
    parts.append(
        "<p><b>Memorisation.</b> Pseudo-sets drawn from one set: the classifier may learn those it sees by heart, but not do better than chance on others.</p>"
        + _table(["#pairs per pseudo-set", "#accuracy when trained on", "#held out", "#chance"], rows)
    )
    return "".join(parts)


def _described(report: Mapping[str, Any], names: Sequence[str]) -> str:
    blocks = []
    for number, (name, lines) in enumerate(zip(names, report["descriptions"]["sets"])):
        items = "".join(
            f"<li><b>{escape(one['title'])}</b>{': ' if one['title'] else ''}{escape(one['text'])}</li>"
            for one in lines
        )
        blocks.append(
            f"<div><h3>{_chip(number)}{escape(name)}</h3><ul>{items or '<li>nothing stands out</li>'}</ul></div>"
        )
    by = report["descriptions"]["by"]
    how = "from the figures of this report" if by == "figures" else f"by the model {by} from captions"
    return f'<h2>In words</h2><p class="dim">Written {escape(how)}.</p><div class="cols">{"".join(blocks)}</div>'


def _transformed(report: Mapping[str, Any], names: Sequence[str]) -> str:
    rows = [
        [f"<b>{escape(family['title'])}</b><br><span class=dim>{escape(family['keeps'])}</span>"]
        + [f'<img class="strip" alt="{escape(name)}: {escape(family["title"])}" src="{strip}">' for name, strip in zip(names, family["strips"])]
        for family in report["families"]
        if any(family["strips"])
    ]  # fmt: skip
    if not rows:
        return ""
    head = ["what is left"] + [_chip(number) + escape(name) for number, name in enumerate(names)]
    return f"<h2>The same pictures after each transformation</h2>{_table(head, rows)}"


def _typical(report: Mapping[str, Any], names: Sequence[str]) -> str:
    blocks = []
    for number, (name, one) in enumerate(zip(names, report["examples"]["sets"])):
        for key, words in (("typical", "Most typical"), ("mistaken", "Taken for another set")):
            if one[key]["strip"]:
                blocks.append(
                    f'<div><h3>{_chip(number)}{escape(name)}: {words.lower()}</h3><img class="strip" style="max-width:100%" alt="{words} pictures of {escape(name)}" src="{one[key]["strip"]}"></div>'
                )
    if not blocks:
        return ""
    return f"<h2>Typical pictures</h2><p class=dim>By the classifier on {escape(report['examples']['family'])}.</p>{''.join(blocks)}"


def _appearance(report: Mapping[str, Any], names: Sequence[str]) -> str:
    if not report.get("appearance"):
        return ""
    rows = [
        [escape(row["name"])] + [f"{value:.3f}" for value in row["mean"]] + [f"{row['effect'][0]:+.2f}"]
        for row in sorted(report["appearance"], key=lambda row: -abs(row["effect"][0]))
    ]
    head = [
        "property",
        *(f"#{_chip(number)}{escape(name)}" for number, name in enumerate(names)),
        "#effect (Cohen's d, first set)",
    ]
    return f"<h2>Appearance</h2>{_table(head, rows)}"


def origin(found: Mapping[str, Any]) -> str:
    """Where the labels of an object analysis come from, in a sentence."""
    if found.get("by") == "a detector":
        return f"Classes that the detector named in at least one picture: {found['of']}."
    return (
        f"Zero-shot labels: {found['classes']}, {found['of']} classes, by {PurePath(found['model']).name} on {found['column']}; "
        f"a class is there at a softmax share of {found['threshold']:g}."
    )


def _objects(report: Mapping[str, Any], names: Sequence[str]) -> str:
    found = report["objects"]
    if "missing" in found:
        return f"<h2>Objects</h2><p>Not measured: {escape(found['missing'])}.</p>"
    blocks = []
    for number, name in enumerate(names):
        rows = [
            [escape(row["class"]), f"{row['rate']:.1%}", f"{row['share']:.0%}", f"{row['coefficient']:+.2f}"]
            for row in found["highest_coefficient"][number]
        ]
        blocks.append(
            f"<div><h3>{_chip(number)}{escape(name)}</h3>{_table(['class', '#of pictures', '#share', '#coefficient'], rows)}</div>"
        )
    shown = [row["class"] for rows in found["highest_share"] for row in rows[:5]]
    bars = share_bars([(label, found["rates"][label]) for label in dict.fromkeys(shown)], names)
    per = "; ".join(
        f"{escape(name)} {one['mean']:.2f} (median {one['quartiles'][1]:.0f})"
        for name, one in zip(names, found["per_picture"])
    )
    return (
        f"<h2>Objects</h2><p>{escape(origin(found))} From presence alone the sets are told apart "
        f"{found['accuracy']:.1%} of the time ({found['low']:.1%} to {found['high']:.1%}), {found['baseline']:.1%} by the most telling class. "
        f"Classes per picture: {per}. Labels of a model err; read them as hints.</p>{bars}<div class=cols>{''.join(blocks)}</div>"
    )


def _words(report: Mapping[str, Any], names: Sequence[str]) -> str:
    if not report.get("words"):
        return ""
    blocks = []
    for number, name in enumerate(names):
        rows = [
            [escape(row["word"]), f"{row['z']:.1f}", f"{row['share']:.1%}", f"{row['share_elsewhere']:.1%}"]
            for row in report["words"][number][:15]
        ]
        topics = "".join(
            f"<li>{escape(', '.join(topic['words']))} <span class=dim>{topic['share']:.0%}</span></li>"
            for topic in report["topics"][number]
        )
        blocks.append(
            f"<div><h3>{_chip(number)}{escape(name)}</h3>{_table(['word', '#z', '#of captions', '#elsewhere'], rows)}<h3>Topics</h3><ul>{topics}</ul></div>"
        )
    return (
        "<h2>Words</h2><p>Log-odds with an informative Dirichlet prior (Monroe et al. 2008); topics by latent Dirichlet allocation.</p>"
        f"<div class=cols>{''.join(blocks)}</div>"
    )


def _coefficients(report: Mapping[str, Any], names: Sequence[str]) -> str:
    parts = []
    for family in report["families"]:
        if not family.get("coefficients"):
            continue
        cells = []
        for number, rows in enumerate(family["coefficients"]):
            listed = ", ".join(f"{escape(row['feature'])} {row['coefficient']:+.2f}" for row in rows[:10])
            cells.append(f"<p>{_chip(number)}<b>{escape(names[number])}</b>: {listed or 'nothing'}</p>")
        parts.append(f"<h3>{escape(family['title'])}</h3>{''.join(cells)}")
    return f"<h2>What the classifiers go by</h2>{''.join(parts)}" if parts else ""


def _method(report: Mapping[str, Any]) -> str:
    settings, groups = report["settings"], report["groups"]
    rows = [
        [escape(str(key)), escape(str(value))]
        for key, value in {**settings, **groups}.items()
        if value not in ("", None, {})
    ]
    return (
        "<h2>Method</h2><p>A sample of each set is chosen by a hash of the uid. Pictures are resized to the given side and cropped to the centre. "
        f"Features are standardised and go into a logistic regression ({settings['folds']}-fold cross-validation, stratified, balanced weights), or pictures go into a "
        "network trained from scratch. Near-duplicates, the same pair in two sets, and pages of one domain are never split between training and testing. "
        "Intervals resample groups; p comes from 1,000 relabellings against what was said of held-out pairs, widened by the root of 2 because alike pairs predict each other in cross-validation. An accuracy says that sets differ, not why: a difference is association, not cause.</p>"
        + _table(["setting", "value"], rows)
        + f'<p class="dim">Poolscope {escape(report["poolscope"])}, {escape(report["made"])}, {report.get("seconds", 0):,.0f} s.</p>'
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of HTML cells; a column whose name begins with `#` holds numbers."""
    kinds = [' class="n"' if name.startswith("#") else "" for name in head]
    top = "".join(f"<th{kind}>{name.removeprefix('#')}</th>" for kind, name in zip(kinds, head))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row)) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _chip(number: int) -> str:
    return f'<span class="chip" style="background:{colour(number)}"></span>'
