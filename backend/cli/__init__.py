"""The command line `poolscope`: each command is thin and calls one function of the backend."""


def main(argv: list[str] | None = None) -> int:
    """Runs one command line (default: this process's); returns 0 done, 2 wrong input, 1 our fault."""
    from .entry import run

    return run(argv)
