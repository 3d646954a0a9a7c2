"""The form that forks a study: another space, a filter, another direction or objectives."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from hptui.domain.spaces.choice_lists import read_choices, spell_choices, split_choices
from hptui.domain.spaces.edits import ParamEdit, apply_edit, parse_space_option
from hptui.domain.spaces.param_edit import UNSET, Unset, about, set_fields, show
from hptui.domain.spaces.space import ChoiceParam, IntParam, ParamSpec, describe
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError, UsageError
from hptui.storage.mirror.mirrors import folder_for_new
from hptui.ui.forms.fields import FormField
from hptui.ui.studies import study_actions
from hptui.ui.studies.transfer_form import FormContent, LookAhead, TransferForm, ahead, done

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.storage.read.study_reader import StudyReader
    from hptui.storage.transfer.fork_plan import ForkRequest
    from hptui.ui.studies.study_actions import Outcome
    from hptui.ui.studies.transfer_form import Progress, Texts

Direction = Literal["minimize", "maximize"]
_PARAM = "param:"


class ForkForm(TransferForm):
    """Asks in what a fork is to differ from its study.

    Args:
        path: The study's file.
        study_name: Its name in the file.
        filter_text: Stands in the field for the filter.
        saved_filters: Filters by the names under which they were saved.
        edits: What the space is to be changed to at first.
    """

    verb = "fork"

    def __init__(
        self,
        path: Path,
        study_name: str,
        *,
        filter_text: str = "",
        saved_filters: Mapping[str, str],
        edits: Mapping[str, ParamEdit] | None = None,
    ) -> None:
        self.title = f"Fork {study_name}"
        self._path, self._study_name = path, study_name
        self._filter_text, self._saved = filter_text, saved_filters
        self._first_edits = edits or {}
        self._reader: StudyReader | None = None
        self._space: Mapping[str, ParamSpec] = {}

    def read(self, on_progress: Progress) -> FormContent:
        """Read the study."""
        from hptui.engine.studies.renaming import free_name
        from hptui.storage.read.stored_spaces import read_latest_spaces
        from hptui.storage.read.study_facts import read_facts
        from hptui.storage.read.study_reader import StudyReader

        self._reader = reader = StudyReader(self._path, self._study_name, on_progress=on_progress)
        with reader:
            reader.refresh()
        self._space = read_latest_spaces(self._path, self._study_name)
        names = read_facts(self._path, self._study_name, len(reader.trials.directions)).metric_names
        several = [
            FormField(
                "objectives",
                "objectives",
                ",".join(names or map(str, range(len(reader.trials.directions)))),
                "which objectives, in which order",
            )
        ]
        return FormContent(
            (
                FormField("name", "name", free_name(folder_for_new(self._path), self._study_name)),
                FormField("filter", "filter", self._filter_text, "state:complete -tag:bad"),
                *(several if len(reader.trials.directions) > 1 else ()),
                FormField(
                    "direction",
                    "direction",
                    ",".join(reader.trials.directions),
                    suggestions=("minimize", "maximize"),
                ),
                *(
                    FormField(f"{_PARAM}{name}", name, spell_space(self._effective(name, spec)))
                    for name, spec in self._space.items()
                ),
            )
        )

    def look(self, texts: Texts, marked: frozenset[str]) -> LookAhead:  # noqa: ARG002 - no marks
        """Return what the fork would keep."""
        from hptui.engine.studies.forking import plan_of

        assert self._reader is not None, "it was read"
        name = texts["name"]
        problem = study_actions.name_problem(folder_for_new(self._path), "", name)
        with self._reader as reader:
            # Another thread may have read before: the file is opened anew.
            reader.refresh()
        plan = plan_of(self._reader, self._request(texts))
        lines = ahead(name if problem is None else "The fork", plan.n_kept, plan.left_out)
        if problem is not None:
            return LookAhead((f"name: {problem}", *lines), can_do=False)
        if not plan.n_kept:
            return LookAhead((*lines, "Nothing would be kept, so no fork is made."), can_do=False)
        return LookAhead((*lines, "They get new numbers; the original study is not changed."))

    def transfer(self, texts: Texts, marked: frozenset[str], on_progress: Progress) -> Outcome:  # noqa: ARG002 - no marks
        """Make the fork."""
        from hptui.engine.studies.forking import fork_study

        name = texts["name"]
        fork = fork_study(
            self._path, self._study_name, name, self._request(texts), on_progress=on_progress
        )
        text = done(name, fork.plan.n_kept, fork.plan.left_out)
        return study_actions.Outcome(text, study=(fork.path, name))

    def _effective(self, name: str, spec: ParamSpec) -> ParamSpec:
        edit = self._first_edits.get(name)
        if edit is None:
            return spec
        if isinstance(spec, ChoiceParam) and not isinstance(edit.choices, Unset):
            return ChoiceParam(edit.choices)
        return apply_edit(name, spec, edit)

    def _request(self, texts: Texts) -> ForkRequest:
        from hptui.engine.studies.apply_filter import chosen_rows
        from hptui.storage.transfer.fork_plan import ForkRequest

        assert self._reader is not None, "it was read"
        filter_text = texts["filter"].strip()
        objectives = texts.get("objectives")
        edits = {
            name: edit
            for name, spec in self._space.items()
            if not (edit := edit_of(name, spec, texts[f"{_PARAM}{name}"])).is_empty
        }
        return ForkRequest(
            edits=edits,
            directions=_directions(texts["direction"]),
            objectives=None if objectives is None else _listed(objectives),
            choose=partial(chosen_rows, filter_text, self._saved) if filter_text else None,
        )


def spell_space(spec: ParamSpec) -> str:
    """Return a parameter's space as it is typed: `1e-05..0.1:log`, `rbf|poly`."""
    if isinstance(spec, ChoiceParam):
        return spell_choices(spec.choices)
    has_step = spec.step is not None and not (isinstance(spec, IntParam) and spec.step == 1)
    scale = ":log" if spec.log else f":step={spec.step!r}" if has_step else ""
    return f"{spec.low!r}..{spec.high!r}{scale}"


def edit_of(name: str, spec: ParamSpec, text: str) -> ParamEdit:
    """Return the edit that makes of a parameter what was typed; empty where that changes nothing.

    Raises:
        SpaceError: It is no space, or none for this kind of parameter.
    """
    text = text.strip()
    if not text or text == spell_space(spec):
        return ParamEdit()
    if isinstance(spec, ChoiceParam):
        choices = about(name, lambda: read_choices(split_choices(text), spec.choices, can_add=True))
        return ParamEdit(choices=choices)
    given = _range(name, text)
    whole = ParamEdit(
        low=spec.low if isinstance(given.low, Unset) else given.low,
        high=spec.high if isinstance(given.high, Unset) else given.high,
        log=False if isinstance(given.log, Unset) else given.log,
        step=None if isinstance(given.step, Unset) else given.step,
    )
    now = apply_edit(name, spec, whole)
    assert not isinstance(now, ChoiceParam), describe(now)
    changed = {
        key: value if getattr(now, key) != getattr(spec, key) else UNSET
        for key, value in set_fields(whole).items()
    }
    return ParamEdit(**changed)


def _range(name: str, text: str) -> ParamEdit:
    if ".." not in text and not text.startswith(":"):
        raise SpaceError(
            f"{safe_line(name, max_chars=60)}: {show(text)} is not a range.",
            hint="Write it like 1e-5..0.1:log, 2..12:step=2, ..5 or 1..",
        )
    return parse_space_option(f"{name}={text}")[1]


def _directions(text: str) -> tuple[Direction, ...]:
    words = _listed(text)
    for word in words:
        if word not in ("minimize", "maximize"):
            raise UsageError(
                f"direction: {safe_line(word, max_chars=40)!r} is neither minimize nor maximize."
            )
    return cast("tuple[Direction, ...]", words)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))
