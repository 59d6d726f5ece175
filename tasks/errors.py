"""What goes wrong in operation, in words its user can act on."""

from collections.abc import Sequence


class OpsError(Exception):
    """An expected failure: its text is shown to the user as it is, in Chinese.

    Anything that is not an OpsError is a bug and crashes with its traceback.
    """


class Refused(OpsError):
    """The tool could have done it, and declined: a rule, a lock, bad input. Exit code 1."""

    def __init__(self, message: str, problems: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(str(problem) for problem in self.problems)])
