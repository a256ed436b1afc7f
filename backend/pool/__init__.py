"""The pool: pairs, embeddings, scores and flags in one LanceDB database; the only place that touches Lance."""

import os

os.environ.setdefault("LANCE_LOG", "error")  # both are read once, when the library is imported
os.environ.setdefault("LANCEDB_LOG", "error")

from .columns import Column
from .commit import PoolGrew
from .fragments import Fragment
from .staging import Staging
from .store import Pool
from .uids import UID_DTYPE, uid_hex, uid_pairs
from .versions import Version

__all__ = ["UID_DTYPE", "Column", "Fragment", "Pool", "PoolGrew", "Staging", "Version", "uid_hex", "uid_pairs"]
