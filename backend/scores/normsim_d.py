"""NormSim-D: VAS-D under its later name and with the later paper's defaults."""

from dataclasses import dataclass

from .base import param
from .vas_d import VasD


@dataclass(frozen=True, kw_only=True)
class NormSimD(VasD):
    """NormSim_2-D: VAS-D under its later name, for `NormSim_2^2 = n_t * VAS` ranks the survivors alike.

    The defaults are the later paper's: the start is the top 30 % by CLIPLoss. Everything else is as in VAS-D: (n, d)
    embeddings in, (n,) float32 removal steps out.
    """

    id = "normsim_d"
    order = 210
    title = "NormSim-D"
    formula = r"\text{step } t \text{ removes the lowest } \|(\langle f_j, f_i\rangle)_{j\in S_t}\|_2"
    paper = "Wang et al. 2024 (negCLIPLoss and NormSim), arXiv 2405.19547"
    published = "no table of the paper could be checked; its recipe at the medium scale is CLIPLoss top 30 %, then 20 % in 500 steps"

    quality: str = param(
        "cliploss", "score whose top pairs the trimming starts from; empty: the whole pool", of="score"
    )
