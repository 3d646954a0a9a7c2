"""The errors that a person can understand and act on."""

from __future__ import annotations


class HptuiError(Exception):
    """A problem with a sentence that says what is wrong and a hint that says what to do.

    `detail` is the end of a traceback in the user's own code, shown on request.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        if hint:
            # Python shows it below the message, where nobody catches the error.
            self.add_note(hint)


class UsageError(HptuiError):
    """Input that was refused before anything was written."""

    exit_code = 2


class ObjectiveError(UsageError):
    """An objective that cannot be found, imported or called."""


class SpaceError(UsageError):
    """A search space, or an edit of one, that does not hold together."""


class OptionError(UsageError):
    """A sampler or pruner option that is unknown or out of its range."""


class StudyFileError(UsageError):
    """A study file that is refused: foreign, damaged, newer, locked or not there."""


class StudyBusyError(HptuiError):
    """A study that cannot be written now: others have it, or the disk refuses."""


class SamplerError(HptuiError):
    """A sampler that has failed: the run cannot go on with it."""

    def __init__(self, message: str, *, hint: str, detail: str, answer: list[str]) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.answer = answer
        """The type and the message of what it has raised, for the trial that it was asked for."""


class MissingExtraError(UsageError):
    """A feature whose optional package is not installed."""
