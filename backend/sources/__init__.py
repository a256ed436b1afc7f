"""Sources: what pairs come from; each import makes or extends a pool and leaves a report."""

from backend.sources.datacomp import import_datacomp
from backend.sources.report import Report
from backend.sources.table import import_table
from backend.sources.tars import index_shards
from backend.sources.webdataset import import_webdataset

__all__ = ["Report", "import_datacomp", "import_table", "import_webdataset", "index_shards"]
