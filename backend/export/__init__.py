"""Exports of a selection: a subset file, a table, shards; each with its provenance beside it."""

from backend.export.in_place import plan_in_place
from backend.export.shards import export_shards
from backend.export.subset import export_subset
from backend.export.table import export_table

__all__ = ["export_shards", "export_subset", "export_table", "plan_in_place"]
