"""The one error type for wrong input."""


class InputError(ValueError):
    """The user's input is wrong.

    The message is one line that names the value, what is allowed and the next step.
    The command line prints it and exits with code 2; the app shows it in place.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


def first_line(error: BaseException, most: int = 200) -> str:
    """What went wrong, in one line of at most so many characters; its type where an error says nothing."""
    return (next(iter(str(error).strip().splitlines()), "") or type(error).__name__)[:most]
