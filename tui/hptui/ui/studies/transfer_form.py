"""Forms of what makes a study of trials that are elsewhere: fields, a look ahead, and the work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.domain.texts.transfer_text import reason_lines, transfer_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hptui.domain.texts.transfer_text import Verb
    from hptui.ui.forms.fields import FormField
    from hptui.ui.studies.study_actions import Outcome

    Progress = Callable[[int, int], None]
    Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FormMark:
    """One thing of a list that can be marked."""

    id: str
    label: str
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class FormContent:
    """What a form asks, once what it is about has been read."""

    fields: tuple[FormField, ...] = ()
    marks: tuple[FormMark, ...] = ()


@dataclass(frozen=True, slots=True)
class LookAhead:
    """What would come of a form as it stands."""

    lines: tuple[str, ...]
    """Not sanitised."""
    can_do: bool = True


class TransferForm(ABC):
    """One kind of form. All methods but `title` work in a thread, and may take a while."""

    title = ""
    verb = "make it"

    def read(self, on_progress: Progress) -> FormContent:  # noqa: ARG002 - for those that read
        """Read what the form is about and return what it asks."""
        return FormContent()

    @abstractmethod
    def look(self, texts: Texts, marked: frozenset[str]) -> LookAhead:
        """Return what would come of it; nothing is written.

        Raises:
            HptuiError: A field is wrong; says which.
        """

    @abstractmethod
    def transfer(self, texts: Texts, marked: frozenset[str], on_progress: Progress) -> Outcome:
        """Do it.

        Raises:
            HptuiError: It cannot be done; nothing has changed.
        """


def ahead(name: str, n_kept: int, left_out: Mapping[str, int], verb: Verb = "have") -> list[str]:
    """Return the lines that say how many trials would be kept, and why not others."""
    sentence = transfer_sentence(name, n_kept, left_out, is_done=False, verb=verb)
    return [sentence, *(f"  {line}" for line in reason_lines(left_out))]


def done(name: str, n_kept: int, left_out: Mapping[str, int], verb: Verb = "have") -> str:
    """Return one sentence that says how many trials were kept."""
    return transfer_sentence(name, n_kept, left_out, is_done=True, verb=verb).rstrip(":.") + "."
