"""Tables of a LanceDB database: connect, open and make them, with one clear line where that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import InputError

if TYPE_CHECKING:
    import lancedb
    from lancedb.table import LanceTable

SUFFIX = ".lance"
STORAGE = "2.1"
FRAGMENT_ROWS = 262_144
MOST_TABLES = 100_000
NEW_TABLE = {"new_table_data_storage_version": STORAGE, "new_table_enable_stable_row_ids": "true"}
PANIC = "PanicException"
FAILURES = (OSError, ValueError, RuntimeError, OverflowError)  # what LanceDB raises for an address, a store or a table


def split(url: str) -> tuple[str, str]:
    """The database and the table's name of `<database>/<name>.lance`."""
    database, _, name = url.rpartition("/")
    return database, name.removesuffix(SUFFIX)


def connect(database: str) -> "lancedb.DBConnection":
    """The database at a directory or URI; credentials come from the environment."""
    import lancedb  # here, for it takes longer to import than a selection takes: see fragments.py

    return lancedb.connect(database)


def open_table(url: str, version: int | None = None) -> "LanceTable":
    """The table at `url`, at its newest version or the one asked for. Raises what LanceDB raises."""
    from lancedb.table import LanceTable

    database, name = split(url)
    location: dict[str, Any] = {} if url.endswith(SUFFIX) else {"location": url}
    with native():
        table = LanceTable.open(connect(database), name, **location)
        if version is not None:
            table.checkout(version)
    return table


def create_table(url: str, schema: pa.Schema, *, overwrite: bool = False) -> None:
    """An empty table whose rows keep their ids. Raises what LanceDB raises, ValueError if there is one already."""
    database, name = split(url)
    connect(database).create_table(
        name, schema=schema, mode="overwrite" if overwrite else "create", storage_options=NEW_TABLE
    )


def names(database: str) -> list[str]:
    """The names of the tables in a database, in alphabetical order."""
    return sorted(connect(database).table_names(limit=MOST_TABLES))


def first_line(error: BaseException) -> str:
    """What went wrong, in one line without the path of the source that says so."""
    return str(error).partition("\n")[0].partition(", /")[0].removeprefix("lance error: ")[:200]


@contextmanager
def native() -> Iterator[None]:
    """A panic of Lance's Rust on a damaged file, which is no Exception, becomes a RuntimeError."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise RuntimeError(f"its content is damaged ({error})") from None


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Whatever Lance raises about damaged or missing files becomes one InputError."""
    try:
        with native():
            yield
    except InputError:
        raise
    except FAILURES as error:
        raise InputError(
            f"{what} can't be read: {first_line(error)}. Its files are damaged or gone; restore them from a copy."
        ) from None


def unreachable(url: str, error: BaseException) -> InputError:
    return InputError(f"{url} can't be read: {first_line(error)}. Check the address and the store's credentials.")
