"""Exports of a selection: a subset file, a table, a dataset, shards; each with its provenance beside it."""

from .dataset import export_dataset
from .in_place import plan_in_place
from .shards import export_shards
from .subset import export_subset
from .table import export_table

__all__ = ["export_dataset", "export_shards", "export_subset", "export_table", "plan_in_place"]
