"""How much a parquet unpacks to, before it is unpacked: a few kilobytes may name terabytes."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .npz import Damaged

MOST = 4 << 30  # bytes of one column of a row group
BATCH = 512 << 20  # bytes of one text column of a batch
WIDEST = 64  # bytes of a number with its levels, at most

Opener = Callable[..., pq.ParquetFile]


def rows_at_once(open_file: Opener, columns: Sequence[str], wanted: int) -> int:
    """`wanted`, or fewer rows if a batch of so many could hold more than 512 MiB of one of the text `columns`.

    Read are the metadata, and the dictionary of text that is kept as one: one long entry may stand in every row.
    `open_file(**options)` gives the parquet. Raises Damaged if a column of a row group unpacks to more than 4 GiB.
    """
    metadata = open_file().metadata
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            name = chunk.path_in_schema.split(".")[0]
            if name not in columns:
                continue
            size = max(chunk.total_uncompressed_size, chunk.total_compressed_size, chunk.num_values * WIDEST)
            if size > MOST:
                raise _too_much(name)
            if chunk.physical_type != "BYTE_ARRAY" or not chunk.has_dictionary_page or "." in chunk.path_in_schema:
                continue
            longest = _longest(_dictionaries(open_file, name, group, 1))
            if longest * min(wanted, metadata.row_group(group).num_rows) > BATCH:
                if sum(map(_decoded, _dictionaries(open_file, name, group, 65_536))) > MOST:
                    raise _too_much(name)
                wanted = max(1, BATCH // longest)
    return wanted


def _too_much(name: str) -> Damaged:
    return Damaged(f"{name!r} unpacks to more than {MOST >> 30} GiB in one row group")


def _dictionaries(open_file: Opener, name: str, group: int, rows: int) -> Iterator[pa.Array]:
    """The column in batches, its dictionary not written out; the first batch brings the dictionary."""
    table = open_file(read_dictionary=[name])
    for batch in table.iter_batches(batch_size=rows, columns=[name], row_groups=[group]):
        yield batch.column(0)


def _longest(batches: Iterator[pa.Array]) -> int:
    """Bytes of the longest entry of the dictionary."""
    first = next(batches, None)
    entries = first.dictionary if isinstance(first, pa.DictionaryArray) else first
    return 0 if entries is None else int(pc.max(pc.binary_length(entries)).as_py() or 0)


def _decoded(column: pa.Array) -> int:
    """Bytes of the column once its dictionary is written out."""
    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    return int(pc.sum(pc.cast(pc.binary_length(column.dictionary).take(column.indices), pa.int64())).as_py() or 0)
