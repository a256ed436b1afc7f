"""Files that are either whole or absent: temporary name, fsync, rename."""

import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, first_line

if TYPE_CHECKING:
    import numpy as np

REMEDY = "restore it from a copy, or remove it"
LONGEST = 100  # characters of a file's name
NETWORK = frozenset((
    "9p", "afs", "beegfs", "ceph", "cifs", "gcsfuse", "glusterfs", "gpfs", "juicefs", "lizardfs", "lustre", "moosefs",
    "nfs", "nfs4", "orangefs", "panfs", "pvfs2", "quobyte", "rclone", "s3fs", "smb3", "smbfs", "sshfs", "vboxsf", "wekafs",
))  # fmt: skip
"""Types of file systems that several machines may mount, without the memory that they would have to share to map a file."""


def slug(name: str) -> str:
    """A file's name, without a suffix, for what is called `name`: readable, and another one for every other name.

    Names that differ in case, in how accents are composed, or in characters that files can't have are told apart by a
    digest, so that they are on file systems that tell less apart too. The file itself holds the name.
    """
    stem = re.sub(r"[^\w\- .,%∩∪()+]", "_", name).strip(" .")[:LONGEST]
    while len(stem.encode(errors="surrogatepass")) > 2 * LONGEST:  # a file's name is limited in bytes
        stem = stem[:-1]
    plain = unicodedata.normalize("NFC", stem).lower()
    own = plain == name and not re.search(r" [0-9a-f]{8}$", name)
    return stem if own else f"{stem} {hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}"


def new(*paths: Path | str, force: bool = False, remedy: str = "replace it with --force") -> None:
    """InputError if there is anything at one of `paths`, before the work that would replace it begins.

    `force` allows files to be replaced, never a directory. `remedy` is the next step beside another name.
    """
    for path in map(Path, paths):
        if path.is_dir():
            raise InputError(f"{str(path)!r} is a directory; give the name of a file.")
        if not force and os.path.lexists(path):
            raise InputError(f"{str(path)!r} exists already; choose another name, or {remedy}.")


def lock(handle: int, *, shared: bool = False) -> bool:
    """Locks an open file for as long as any process has this descriptor; False if others hold the lock.

    The kernel releases it when they die. Raises OSError on a file system without locks.
    """
    import fcntl

    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` once the block ends without an error.

    What a killed process left under the temporary name is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = _part(path)
    try:
        yield part
        _sync(part)
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    with path.open("rb+") as written:
        os.fsync(written.fileno())


def temporary(path: Path) -> Path:
    """Where this machine's processes write what becomes `path`: each machine elsewhere, for locks may end at it."""
    machine = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return path.with_name(f".{path.name[:100]}.{machine}.part")


def _part(path: Path) -> tuple[int, Path]:
    """A new file beside `path`, locked by the descriptor that comes with it: always of the same name, so that the next
    process finds what a killed one left, unless another one writes `path` at this moment."""
    prefix, part = f".{path.name[:100]}.", temporary(path)
    with suppress(OSError):  # of a live process, of another user, or where there are no locks
        if os.path.lexists(part):
            _remove_dead(part)
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if _has(handle, part, without_locks=True):  # nobody takes what was just made for dead
            return handle, part
        os.close(handle)
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=path.parent)
    return handle, Path(name)


def _remove_dead(part: Path) -> None:
    """Removes a temporary file unless the process that writes it lives."""
    handle = os.open(part, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if _holds(handle, part):
            part.unlink()
    finally:
        os.close(handle)


def _has(handle: int, part: Path, *, without_locks: bool) -> bool:
    """As `_holds`, with an answer for a file system without locks."""
    try:
        return _holds(handle, part)
    except OSError:
        return without_locks


def _holds(handle: int, part: Path) -> bool:
    """Whether this descriptor has the lock, and is still that of the file of this name."""
    return lock(handle) and os.path.lexists(part) and os.path.samestat(os.fstat(handle), os.lstat(part))


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path`, which takes its place once the block ends without an error.

    What a killed process left under the temporary name is removed; `path` itself must not be there yet, unless as an
    empty folder, `.` and a link to one too. Raises InputError while another process writes it.
    """
    path = path.resolve()
    part = path.with_name(f".{path.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    handle = os.open(part, os.O_RDONLY)
    try:
        if not _has(handle, part, without_locks=not any(part.iterdir())):  # without locks only an empty one is free
            raise InputError(f"{str(path)!r} is being written by another process: wait for it, choose another name, or "
                             f"remove {part.name!r} beside it if no process writes it.")  # fmt: skip
        for left in part.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        try:
            yield part
            part.rename(path)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    finally:
        os.close(handle)


def on_network(path: Path | str) -> bool:
    """Whether `path` lies on a file system that other machines may mount too, by the type of the mount that holds it."""
    import psutil

    place = Path(path).resolve()
    mounts = [mount for mount in psutil.disk_partitions(all=True) if place.is_relative_to(mount.mountpoint)]
    # of mounts over one another the last counts
    holder = max(enumerate(mounts), key=lambda one: (len(one[1].mountpoint), one[0]), default=None)
    return holder is not None and holder[1].fstype.lower().removeprefix("fuse.") in NETWORK


def tail(path: Path, most: int) -> str:
    """The last bytes of a text file, at most so many, from the start of a line; empty where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as handle:
        start = max(0, handle.seek(0, os.SEEK_END) - most)
        handle.seek(start)
        content = handle.read(most)
    return ((content.partition(b"\n")[2] if start else b"") or content).decode(errors="replace")


def write_bytes(path: Path | str, content: bytes) -> None:
    with replacing(path) as part:
        part.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    """Bytes of a path that are no UTF-8 are written as JSON escapes them."""
    write_bytes(path, content.encode(errors="backslashreplace"))


def write_array(path: Path | str, array: "np.ndarray") -> None:
    """Writes a `.npy`, nothing pickled."""
    import numpy as np

    with replacing(path) as part, part.open("wb") as handle:
        np.save(handle, array, allow_pickle=False)


def write_texts(contents: dict[Path, str]) -> None:
    """Writes files that belong together: they take their places once all of them are on the disk."""
    with ExitStack() as places:
        for path, content in contents.items():
            part = places.enter_context(replacing(path))
            part.write_bytes(content.encode(errors="backslashreplace"))
            _sync(part)


def dump(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False)


def write_json(path: Path | str, content: Any) -> None:
    write_text(path, dump(content) + "\n")


@contextmanager
def reading(path: Path | str, remedy: str = REMEDY) -> Iterator[None]:
    """Whatever a parser raises about the content of `path` becomes one InputError; the system's own errors stay."""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(path, error, remedy) from None
    except Exception as error:  # parsers raise anything: KeyError, EOFError, BadZipFile, RecursionError, …
        raise _damaged(path, error, remedy) from None


def _damaged(path: Path | str, error: Exception, remedy: str) -> InputError:
    line = first_line(error)
    if "pickle" in line or "Python objects" in line:
        line = "it holds Python objects, which are never loaded"
    return InputError(f"{str(path)!r} is damaged or of another kind ({line}); {remedy}.")


def read_json(path: Path | str, kind: type | None = None, *, remedy: str = REMEDY) -> Any:
    """The JSON in a file, of the type `kind` if one is given. Raises InputError if it is not, OSError if it is gone."""
    content = Path(path).read_bytes()
    with reading(path, remedy):
        read = json.loads(content.decode())
        if kind is not None and not isinstance(read, kind):
            raise TypeError(f"a {kind.__name__} is expected, not a {type(read).__name__}")
    return read


def known_json(path: Path | str, default: Any) -> Any:
    """The JSON in a file, if it is of the type of `default`; else `default`: the file is gone or damaged."""
    try:
        return read_json(path, type(default))
    except (OSError, ValueError):
        return default


def read_array(path: Path | str, *, mapped: bool = False, remedy: str = REMEDY) -> "np.ndarray":
    """The array in a `.npy`, nothing unpickled; `mapped` reads it as it is used. Raises as `read_json` does."""
    import numpy as np

    with reading(path, remedy):
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise TypeError("an archive, not an array")
    return array
