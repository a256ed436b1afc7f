"""The pool: pairs, embeddings, scores and flags in one LanceDB database; the only place that touches Lance."""

import os

os.environ.setdefault("LANCE_LOG", "error")  # read once, when lance is imported

from .columns import Column
from .commit import PoolGrew
from .store import Fragment, Pool
from .uids import UID_DTYPE, uid_hex, uid_pairs

__all__ = ["UID_DTYPE", "Column", "Fragment", "Pool", "PoolGrew", "uid_hex", "uid_pairs"]
