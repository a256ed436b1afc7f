"""Published results, as reference rows of the leaderboard. In shares of 1; none of them was run here."""

from .row import Row
from .tasks.datacomp import GROUPS

DATACOMP = "DataComp, arXiv 2304.14108, table 3"
DFN = "DFN, arXiv 2309.17425"
RERUN = "independent re-runs, SDM (ICLR 2026)"
FLYT = "FLYT, arXiv 2503.08805, abstract"
ECODATUM = "EcoDatum, arXiv 2502.08211, abstract"
BYOD = "DataComp, arXiv 2304.14108, bring your own data"

# recipe | pairs | ImageNet | shifts | VTAB | retrieval | average, per scale and source
_RESULTS = {
    ("small", DATACOMP): """
No filtering|12.8M|.025|.033|.145|.114|.132
Basic|3M|.038|.043|.150|.118|.142
Text-based|3.2M|.046|.052|.169|.125|.157
Image-based|3M|.043|.047|.178|.121|.159
LAION-2B filter|1.3M|.031|.040|.136|.092|.133
CLIP L/14 30 %|3.8M|.051|.055|.190|.119|.173
Image ∩ CLIP L/14 30 %|1.4M|.039|.045|.162|.094|.144
""",
    ("medium", DATACOMP): """
No filtering|128M|.176|.152|.259|.219|.258
Text-based|31M|.255|.215|.328|.249|.307
Image-based|29M|.268|.213|.319|.256|.312
LAION-2B filter|13M|.230|.198|.307|.233|.292
CLIP L/14 30 %|38M|.273|.230|.338|.251|.328
Image ∩ CLIP L/14 30 %|14M|.297|.239|.346|.231|.328
""",
    ("large", DATACOMP): """
No filtering|1.28B|.459|.378|.426|.419|.437
Basic|298M|.516|.423|.446|.480|.458
Text-based|317M|.561|.465|.465|.352|.466
Image-based|293M|.572|.454|.483|.479|.476
LAION-2B filter|130M|.553|.453|.510|.495|.501
CLIP L/14 30 %|384M|.578|.474|.538|.466|.529
Image ∩ CLIP L/14 30 %|140M|.631|.508|.546|.498|.537
""",
    ("xlarge", DATACOMP): """
No filtering|12.8B|.723|.612|.611|.569|.621
LAION-2B filter|1.3B|.755|.637|.624|.620|.636
CLIP L/14 30 %|3.8B|.764|.655|.643|.588|.650
Image ∩ CLIP L/14 30 % (DataComp-1B)|1.4B|.792|.679|.652|.608|.663
""",
    ("small", "DataComp, arXiv 2304.14108, table 25"): """
Random 75 %|9.6M|.028|.037|.153|.110|.140
Random 50 %|6.4M|.027|.037|.147|.111|.137
Random 25 %|3.2M|.022|.032|.130|.099|.126
Random 10 %|1.3M|.010|.018|.116|.077|.103
Random 1 %|128K|.002|.005|.095|.049|.078
Caption length|8.7M|.034|.040|.148|.109|.143
Image size|7.8M|.027|.036|.154|.119|.138
English (fastText)|6.3M|.038|.045|.164|.124|.154
English (fastText), caption length|4.8M|.041|.048|.159|.123|.154
English (cld3)|2.6M|.032|.039|.143|.111|.142
CLIP L/14 10 %|1.3M|.021||||.119
CLIP L/14 20 %|2.6M|.042||||.151
CLIP L/14 40 %|5.1M|.050|.054|.173|.119|.168
CLIP L/14 50 %|6.4M|.045||||.160
CLIP L/14 75 %|9.6M|.035||||.151
CLIP L/14 90 %|11.5M|.031||||.144
CLIP B/32 10 %|1.3M|.026||||.126
CLIP B/32 20 %|2.6M|.051||||.161
CLIP B/32 30 %|3.8M|.045||||.167
CLIP B/32 40 %|5.1M|.052||||.167
CLIP B/32 50 %|6.4M|.047||||.165
CLIP B/32 ≥ 0.3|2.6M|.052|.056|.166|.114|.161
CLIP B/32 ≥ 0.3, English|942K|.022|.032|.138|.077|.122
Image (IN-21k)|4.5M|.035|.045|.154|.122|.148
Text-based (IN-1k)|427K|.009|.016|.120|.056|.096
Image ∩ CLIP B/32 30 %|1.4M|.049|.053|.150|.103|.148
Image (IN-21k) ∩ CLIP B/32 30 %|2.1M|.052|.057|.179|.112|.167
""",
    ("medium", "DataComp, arXiv 2304.14108, table 26"): """
Random 75 %|96.1M|.175||||.257
Random 50 %|64.1M|.171||||.252
Random 25 %|32M|.155|.136|.246|.203|.240
Random 10 %|12.8M|.107||||.200
Random 1 %|1.28M|.009||||.090
Basic|29.8M|.226|.193|.297|.253|.294
Caption length|87.5M|.199|.172|.275|.236|.275
Image size|77.8M|.189|.163|.248|.231|.259
English (fastText)|63.0M|.214|.182|.290|.246|.285
CLIP L/14 1 %|1.28M|.014||||.109
CLIP L/14 3 %|3.84M|.065||||.160
CLIP L/14 10 %|12.8M|.198|.183|.283|.188|.277
CLIP L/14 20 %|25.7M|.260|.225|.326|.235|.322
CLIP L/14 40 %|51.2M|.262|.226|.330|.260|.327
CLIP L/14 50 %|64.1M|.254||||.315
CLIP L/14 75 %|96.1M|.212||||.285
CLIP L/14 90 %|115M|.188||||.266
CLIP B/32 1 %|1.28M|.025||||.126
CLIP B/32 3 %|3.84M|.093||||.188
CLIP B/32 10 %|12.8M|.231|.199|.305|.206|.298
CLIP B/32 20 %|25.7M|.279|.234|.337|.241|.330
CLIP B/32 30 %|38.4M|.285|.240|.355|.253|.338
CLIP B/32 40 %|51.2M|.273||||.324
CLIP B/32 50 %|64.1M|.256||||.316
CLIP B/32 75 %|96.1M|.211||||.290
CLIP B/32 90 %|115M|.189||||.274
CLIP B/32 ≥ 0.3|25.9M|.282|.233|.340|.243|.333
Image (IN-21k)|45.1M|.238|.198|.304|.252|.312
Image ∩ CLIP B/32 30 %|14.2M|.305|.243|.342|.250|.328
Image (IN-21k) ∩ CLIP B/32 30 %|21.1M|.298|.244|.347|.256|.336
ImageNet distance L/14 20 %|25.8M|.193|.138|.276|.176|.252
ImageNet distance L/14 30 %|38.5M|.212|.159|.283|.201|.269
ImageNet distance L/14 40 %|51.3M|.212|.165|.273|.212|.270
""",
    ("large", "DataComp, arXiv 2304.14108, table 27"): """
CLIP L/14 10 %|128M|.528||||.486
CLIP L/14 20 %|256M|.570||||.521
CLIP L/14 40 %|512M|.564||||.529
CLIP L/14 50 %|640M|.548||||.528
CLIP B/32 10 %|128M|.543||||.483
CLIP B/32 20 %|256M|.578||||.515
CLIP B/32 30 %|384M|.578||||.527
CLIP B/32 40 %|512M|.560||||.511
CLIP B/32 50 %|640M|.546||||.505
Random 75 %|960M|.456||||.442
Random 50 %|640M|.453||||.433
Random 25 %|320M|.447||||.434
Random 10 %|128M|.426||||.442
Random 1 %|12.8M|.135||||.218
Image (IN-21k)|450M|.527||||.471
Text-based (IN-1k)|42.7M|.419||||.361
Image ∩ CLIP B/32 30 %|143M|.632||||.528
Image (IN-21k) ∩ CLIP B/32 30 %|211M|.605||||.519
Image (IN-21k) ∩ CLIP L/14 30 %|208M|.506||||.471
""",
    ("xlarge", "DataComp, arXiv 2304.14108, table 28"): """
CLIP B/32 30 %|3.84B|.764|.640|.628|.599|.638
CLIP L/14 20 %|2.56B|.761|.649|.630|.575|.636
CLIP L/14 25 %|3.2B|.768|.656|.621|.585|.637
""",
    ("medium", DFN): "DFN 15 %|19.2M|.371|.298|.388|.288|.373",
    ("large", DFN): """
DFN|192M|.678|.540|.555|.534|.560
DFN (public networks)|192M|.591|.481|.522|.503|.532
""",
    ("xlarge", DFN): "DFN-2B|1.9B|.814|.688|.656|.649|.669",
    ("medium", RERUN): """
negCLIPLoss 30 %|33M|.288|.238|.354|.253|.344
negCLIPLoss ∩ NormSim (IN-1k)|22M|.328|.268|.362|.265|.353
negCLIPLoss ∩ NormSim (target)|22M|.327|.265|.375|.265|.357
SDM|18M|.352|.271|.386|.268|.364
""",
    ("medium", FLYT): "Mixing-FLYT, Soft Cap Sampling||.401||||.377",
    ("small", ECODATUM): "EcoDatum||||||.182",
    ("small", BYOD): "CC12M||.099||||.205",
    ("medium", BYOD): "All five sources||.371||||.367",
    ("large", BYOD): "CommonPool and five sources, 6 times||.620||||.549",
    ("xlarge", BYOD): "CommonPool and four sources||.766||||.659",
}

_SIZES = {"K": 1e3, "M": 1e6, "B": 1e9}
_UNSURE = {
    DFN: ("sizes at large and xlarge follow from the paper's 15 % of the pool",),
    "DataComp, arXiv 2304.14108, table 26": ("Basic: table 3 of the paper prints the row without the size rule",),
}
EVALUATION_NOTE = "averages printed before May 2023 used another Flickr split"


def rows() -> list[Row]:
    """Every published row, each with its source."""
    listed = []
    for (scale, source), text in _RESULTS.items():
        for line in text.strip().splitlines():
            recipe, size, *numbers, average = line.split("|")
            groups = {name: float(number) if number else None for name, number in zip(GROUPS, numbers)}
            listed.append(
                Row(run="", recipe=recipe, scale=scale, kept=_size(size), average=float(average), groups=groups,
                    published=True, source=source, notes=_UNSURE.get(source, ()), state="published",
                    track="byod" if source == BYOD else "filtering")
            )  # fmt: skip
    return listed


def _size(text: str) -> int | None:
    return round(float(text[:-1]) * _SIZES[text[-1]]) if text else None


def frontier(scale: str) -> list[Row]:
    """The published rows that no smaller or equal subset beats, by subset size ascending: the line of a chart."""
    sized = sorted(
        (row for row in rows() if row.scale == scale and row.kept), key=lambda row: (row.kept, -(row.average or 0))
    )
    best, kept = -1.0, []
    for row in sized:
        if (row.average or 0.0) > best:
            best = row.average or 0.0
            kept.append(row)
    return kept
