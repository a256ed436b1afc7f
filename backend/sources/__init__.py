"""Sources: what pairs come from; each import makes or extends a pool and leaves a report."""

from .computed import Joined, import_columns
from .datacomp import import_datacomp
from .look import Part, Plan, look
from .options import Options
from .report import Report
from .retrieval import import_retrieval
from .tars import index_shards
from .webdataset import import_webdataset

__all__ = [
    "Joined",
    "Options",
    "Part",
    "Plan",
    "Report",
    "import_columns",
    "import_datacomp",
    "import_retrieval",
    "import_webdataset",
    "index_shards",
    "look",
]
