"""The command line `poolscope`: each command is thin and calls one function of the backend."""


def main(argv: list[str] | None = None) -> int:
    """Runs one command line (default: this process's); returns 0 done, 2 wrong input, 1 our fault."""
    from ..processes import collect_seldom
    from .entry import run

    if argv is None:
        collect_seldom()
    return run(argv)
