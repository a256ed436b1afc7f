"""From a command line to an exit code: the one place where errors become one line."""

import errno
import os
import re
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

from ..errors import InputError
from .console import complain

DONE, FAULT, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

NO_PLACE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP)  # what a path can be wrong in, whatever is asked of it
FULL = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would grow over the limit that is set for this process",
}


def run(argv: list[str] | None = None) -> int:
    from .app import COMMANDS, command

    arguments = sys.argv[1:] if argv is None else list(argv)
    if argv is None and os.environ.get("POOLSCOPE_JOB"):
        signal.signal(signal.SIGTERM, _interrupt)
    if "--debug" in arguments[:1]:
        os.environ["POOLSCOPE_DEBUG"] = "1"
        arguments = arguments[1:]
    try:
        _check_text(arguments)
        known = arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS
        code = command(known).main(arguments, prog_name="poolscope", standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else DONE
    except InputError as error:
        return complain(str(error), WRONG_INPUT)
    except KeyboardInterrupt:
        return complain("interrupted; the same command goes on where this one stopped", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAULT
    except Exception as error:  # the boundary of the process: whatever went wrong becomes one line
        return _explain(error, arguments)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of native code in Rust
            raise
        return complain(_one_line(error), FAULT)


def _check_text(arguments: list[str]) -> None:
    """Bytes that are no text can be the path of something that is there, and nothing else."""
    for word in arguments:
        if not word.isprintable() and any("\ud800" <= c <= "\udfff" for c in word) and not os.path.lexists(word):
            raise InputError(f"{word!r} is not text in UTF-8: write it so, or give a path that exists")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ends the command as Ctrl+C does, once: what it does to end well must not be interrupted again."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _explain(error: Exception, arguments: list[str]) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error)
        return DONE
    usage = getattr(error, "format_message", None)
    if usage:
        return _usage(usage(), error, arguments)
    if isinstance(error.__cause__, EOFError):  # a file cut short; the parser takes it for the end of what is typed
        return complain(_one_line(error.__cause__), FAULT)
    if type(error).__name__ == "Abort":
        return complain("interrupted; the same command goes on where this one stopped", INTERRUPTED)
    full = _full_disk(error)
    if full:
        place = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
        return complain(f"{full}{place}: make room and run the same command again, it goes on", FAULT)
    if isinstance(error, OSError) and error.errno in NO_PLACE and error.filename:
        return complain(
            f"{str(error.filename)[:80]!r} can't be a path here ({error.strerror}): give another", WRONG_INPUT
        )
    if isinstance(error, PermissionError) and error.filename:
        return complain(f"no permission for {error.filename}: choose another path or change its rights", WRONG_INPUT)
    return complain(_one_line(error), FAULT)


def _usage(message: str, error: Exception, arguments: list[str]) -> int:
    """A wrong word on the command line; says the value too, which the parser leaves out."""
    option = re.search(r"Invalid value for '(--[\w-]+)'", message)
    if option and option[1] in arguments[:-1]:
        message = f"{option[1]} {arguments[arguments.index(option[1]) + 1]!r}: {message.partition(': ')[2]}"
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "poolscope"
    return complain(f"{message.rstrip('.')}: see `{path} --help`", WRONG_INPUT)


def _full_disk(error: BaseException) -> str | None:
    """Says what is full, also where a library turned the system's error into text."""
    for number, words in FULL.items():
        wrapped = f"os error {number})" in str(error) or f"[Errno {number}]" in str(error)
        if getattr(error, "errno", None) == number or wrapped:
            return words
    if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return "the jobs table could not be written, is the disk full"
    cause = error.__cause__ or error.__context__
    return _full_disk(cause) if cause else None


def _one_line(error: BaseException) -> str:
    """The error in one line and where its traceback is, which `--debug` shows at once."""
    first = next(iter(str(error).strip().splitlines()), "")
    line = f"{type(error).__name__}: {first}" if first else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    if os.environ.get("POOLSCOPE_DEBUG"):
        sys.stderr.write(trace)
        return line
    try:
        return f"{line} (this is a fault of Poolscope; details: {_keep(trace)})"
    except OSError:
        return f"{line} (this is a fault of Poolscope; `poolscope --debug …` shows the details)"


def _keep(trace: str) -> Path:
    from .. import files
    from ..paths import home

    path = home() / "errors" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    files.write_text(path, f"poolscope {' '.join(sys.argv[1:])}\n\n{trace}")
    return path
