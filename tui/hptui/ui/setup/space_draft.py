"""A search space while it is edited: what is known of it, what is changed, and what that gives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from hptui.domain.spaces.choice_lists import read_choices, spell_choices, split_choices
from hptui.domain.spaces.choices import choice_key, find_choice, place_of, spell_choice
from hptui.domain.spaces.edits import (
    UNSET,
    ParamEdit,
    Unset,
    apply_edit,
    check_against_history,
    parse_space_option,
    resolve_text,
)
from hptui.domain.spaces.param_edit import about, set_fields, show
from hptui.domain.spaces.space import ChoiceParam, IntParam, ParamSpec, describe
from hptui.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.registry.probing.probe import KnownParam

Field = Literal["low", "high", "log", "step", "fixed"]

_NO_EDIT: Final = ParamEdit()
_NOTHING: Final = ("", "-", "–")  # noqa: RUF001 - what empty fields show
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class SpaceDraft:
    """The parameters of an objective with edits; every change is checked and gives another draft.

    A field that is set to what the objective says is no edit.
    """

    known: Mapping[str, KnownParam] = field(default_factory=dict[str, "KnownParam"])
    """The parameters without edits."""
    edits: Mapping[str, ParamEdit] = field(default_factory=dict[str, ParamEdit])
    """What is wanted; no edit in it is empty."""
    in_force: Mapping[str, ParamEdit] = field(default_factory=dict[str, ParamEdit])
    """What the study has already."""
    stored: Mapping[str, ParamSpec] = field(default_factory=dict[str, ParamSpec])
    """What the study's trials hold, which Optuna does not let change in every way."""

    def with_known(self, known: Mapping[str, KnownParam]) -> SpaceDraft:
        """Return the draft over other parameters; edits that no longer suit them are left out."""
        kept: dict[str, ParamEdit] = {}
        for name, edit in self.edits.items():
            try:
                if name in known:
                    apply_edit(name, known[name].spec, edit)
            except SpaceError:
                continue
            kept[name] = edit
        return replace(self, known=known, edits=kept)

    def edit_of(self, name: str) -> ParamEdit:
        """Return what is wanted of a parameter."""
        return self.edits.get(name, _NO_EDIT)

    def effective(self, name: str) -> ParamSpec:
        """Return the parameter's space with its edit."""
        return apply_edit(name, self.known[name].spec, self.edit_of(name))

    def is_edited(self, name: str) -> bool:
        """Say whether the parameter differs from what the objective says."""
        return name in self.edits

    def is_changed(self, name: str) -> bool:
        """Say whether it differs from what the study has."""
        return self.edit_of(name) != self.in_force.get(name, _NO_EDIT)

    def changes(self) -> dict[str, ParamEdit]:
        """Return the whole edit of each parameter that differs from what the study has."""
        return {name: self.edit_of(name) for name in self.known if self.is_changed(name)}

    def with_text(self, name: str, what: Field, text: str) -> SpaceDraft:
        """Return the draft with one field set to what was typed; an empty text takes it back.

        A whole range (`1e-5..0.1:log`) may be typed as a bound. Of a list of choices the field
        `low` is the list: `rbf|poly`.

        Raises:
            SpaceError: The text is not a value for the field, or the result does not hold together.
        """
        text = text.strip()
        if what == "fixed":
            return self.free(name) if text in _NOTHING else self.fix(name, text)
        spec = self.known[name].spec
        if isinstance(spec, ChoiceParam) and what == "low":
            return self._with_choices(name, spec, text)
        if text in _NOTHING:
            given = ParamEdit(step=None) if what == "step" and text else None
        elif what != "step" and (".." in text or ":" in text):
            given = parse_space_option(f"{name}={text}")[1]
        else:
            given = _parsed(name, what, text)
        edit = self.edit_of(name)
        edit = replace(edit, **{what: UNSET}) if given is None else given.over(edit)
        return self.with_edit(name, edit)

    def _with_choices(self, name: str, spec: ChoiceParam, text: str) -> SpaceDraft:
        chosen = spec.choices
        if text not in _NOTHING:
            chosen = about(name, lambda: read_choices(split_choices(text), spec.choices))
        is_whole = spell_choices(chosen) == spell_choices(spec.choices)
        edit = replace(self.edit_of(name), choices=UNSET if is_whole else chosen)
        return self.with_edit(name, edit)

    def fork_edits(self) -> dict[str, ParamEdit]:
        """Return what a fork would have to change, for this space to be its own.

        Those are the choices and scales that the study cannot change, and what is edited here.
        """
        edits: dict[str, ParamEdit] = {}
        for name in self.known:
            stored, effective = self.stored.get(name), self.effective(name)
            if stored is None or effective == stored or type(effective) is not type(stored):
                continue
            if not self.is_refused(name) and not self.is_changed(name):
                continue
            edits[name] = whole_edit(effective)
        return edits

    def is_refused(self, name: str) -> bool:
        """Say whether the study holds a parameter in a way that does not go with this."""
        try:
            if name in self.stored:
                check_against_history(name, self.effective(name), self.stored[name])
        except SpaceError:
            return True
        return False

    def toggle_log(self, name: str) -> SpaceDraft:
        """Return the draft with the parameter on the other scale.

        Raises:
            SpaceError: It is a list of choices, or the scale does not suit it.
        """
        spec = self.effective(name)
        is_log = not isinstance(spec, ChoiceParam) and spec.log
        return self.with_edit(name, replace(self.edit_of(name), log=not is_log))

    def fix(self, name: str, text: str) -> SpaceDraft:
        """Return the draft with the parameter fixed to the value that `text` spells.

        Raises:
            SpaceError: It cannot have that value.
        """
        value = resolve_text(name, self.effective(name), text)
        return self.with_edit(name, replace(self.edit_of(name), fixed=value))

    def free(self, name: str) -> SpaceDraft:
        """Return the draft with the parameter not fixed."""
        return self.with_edit(name, replace(self.edit_of(name), fixed=UNSET))

    def reset(self, name: str) -> SpaceDraft:
        """Return the draft with the parameter as the objective has it.

        Raises:
            SpaceError: The study holds it in another way.
        """
        return self.with_edit(name, _NO_EDIT)

    def with_edit(self, name: str, edit: ParamEdit) -> SpaceDraft:
        """Return the draft with another edit of a parameter.

        Raises:
            SpaceError: It does not suit the parameter, or what the study holds of it.
        """
        spec = self.known[name].spec
        effective = apply_edit(name, spec, edit)
        if name in self.stored and isinstance(edit.choices, Unset):
            # Another list of choices may be wanted all the same: a fork can have it.
            check_against_history(name, effective, self.stored[name])
        plain = _without_originals(spec, effective, edit)
        edits = {other: each for other, each in self.edits.items() if other != name}
        return replace(self, edits=edits if plain.is_empty else {**edits, name: plain})

    def edited_fields(self, name: str) -> list[str]:
        """Return the fields but the fixed value in which an edit differs from the objective.

        An edit of the study's may say what the objective, or trials with that edit, say too.
        """
        spec, effective = self.known[name].spec, self.effective(name)
        fields = [key for key in set_fields(self.edit_of(name)) if key != "fixed"]
        if isinstance(spec, ChoiceParam) and isinstance(effective, ChoiceParam):
            # 1, 1.0 and True are equal as choices, and are not the same.
            is_same = spell_choices(effective.choices) == spell_choices(spec.choices)
            return [] if is_same else fields
        return [key for key in fields if getattr(effective, key) != getattr(spec, key)]

    def was(self, name: str) -> str:
        """Return what the edited fields were, for a remark: `was 16..512`; empty when unedited."""
        spec, fields = self.known[name].spec, self.edited_fields(name)
        if not fields:
            return ""
        if isinstance(spec, ChoiceParam) or len(fields) > 1:
            return f"was {describe(spec)}"
        original = getattr(spec, fields[0])
        if fields[0] == "log":
            return "was log" if original else "was linear"
        return f"was {'no step' if original is None else repr(original)}"

    def options(self) -> list[str]:
        """Return the options of `hptui run` that bring the study from what it has to this."""
        options: list[str] = []
        for name, want in self.changes().items():
            have = self.in_force.get(name, _NO_EDIT)
            wanted, had = set_fields(want), set_fields(have)
            # A fixed value of before need not lie in the range of now.
            is_fixed_anew = "fixed" in had and _differ(wanted.get("fixed", UNSET), had["fixed"])
            if set(had) - set(wanted) or is_fixed_anew:
                options += _option("--reset", name)
                had = {}
            fields = {
                key: wanted[key] for key in wanted if _differ(wanted[key], had.get(key, UNSET))
            }
            if "choices" in fields:
                options += _option("--choices", f"{name}={spell_choices(fields['choices'])}")
            ranged = {
                key: value for key, value in fields.items() if key not in ("fixed", "choices")
            }
            if ranged:
                options += _option("--space", f"{name}={_spell_range(ranged)}")
            if "fixed" in fields:
                spelled = _spell_fixed(self.effective(name), fields["fixed"])
                options += _option("--fix", f"{name}={spelled}")
        return options


def whole_edit(spec: ParamSpec) -> ParamEdit:
    """Return the edit that makes any parameter of the same kind this one."""
    if isinstance(spec, ChoiceParam):
        return ParamEdit(choices=spec.choices)
    return ParamEdit(spec.low, spec.high, spec.log, None if spec.log else spec.step)


def cell_text(spec: ParamSpec, what: Field, edit: ParamEdit = _NO_EDIT) -> str:
    """Return what stands in a field of a table, and in the editor over it."""
    if what == "fixed":
        return "" if isinstance(edit.fixed, Unset) else spell_choice(edit.fixed)
    if isinstance(spec, ChoiceParam):
        return spell_choices(spec.choices) if what == "low" else ""
    if what == "log":
        return "log" if spec.log else "linear"
    value = getattr(spec, what)
    if what == "step" and (value is None or (isinstance(spec, IntParam) and value == 1)):
        return ""
    return repr(value)


def without_name(name: str, make: Callable[[], _Made]) -> _Made:
    """Call `make`; a `SpaceError` loses the parameter's name, which stands beside it in a table."""
    try:
        return make()
    except SpaceError as error:
        message = error.message.removeprefix(f"Parameter {show(name)}: ")
        if message.startswith(start := f"Parameter {show(name)} "):
            message = f"It {message.removeprefix(start)}"
        raise SpaceError(message[:1].upper() + message[1:], hint=error.hint) from error


def _parsed(name: str, what: Field, text: str) -> ParamEdit:
    if what == "log":
        return parse_space_option(f"{name}=:{text}")[1]
    spelled = {"low": f"{text}..", "high": f"..{text}", "step": f":step={text}"}[what]
    if set(text) & set(":="):
        raise about(name, lambda: _no_number(text))
    return parse_space_option(f"{name}={spelled}")[1]


def _no_number(text: str) -> SpaceError:
    raise SpaceError(f"{show(text)} is not a number.", hint="Write it like 0.1, 1e-5 or 3.")


def _without_originals(spec: ParamSpec, effective: ParamSpec, edit: ParamEdit) -> ParamEdit:
    """Return the edit with its numbers in the parameter's own type and without what it has."""
    if isinstance(spec, ChoiceParam) or isinstance(effective, ChoiceParam):
        return edit
    fields = {
        key: UNSET if getattr(effective, key) == getattr(spec, key) else getattr(effective, key)
        for key in set_fields(edit)
        if key != "fixed"
    }
    if isinstance(spec, IntParam) and fields.get("step") == 1:
        fields["step"] = None
    return replace(edit, **fields)


def _differ(one: Any, other: Any) -> bool:  # noqa: ANN401 - fields of an edit
    # 1, 1.0 and True are equal, and yet a choice may tell them apart.
    if one is UNSET or other is UNSET:
        return one is not other
    return one != other or choice_key(one) != choice_key(other)


def _option(name: str, value: str) -> list[str]:
    # argparse takes what begins with a dash for an option.
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def _spell_range(fields: Mapping[str, object]) -> str:
    low, high = fields.get("low"), fields.get("high")
    text = ""
    if low is not None or high is not None:
        text = f"{'' if low is None else repr(low)}..{'' if high is None else repr(high)}"
    if "log" in fields:
        text += ":log" if fields["log"] else ":linear"
    if "step" in fields:
        text += f":step={'none' if fields['step'] is None else repr(fields['step'])}"
    return text


def _spell_fixed(spec: ParamSpec, value: ChoiceValue) -> str:
    if not isinstance(spec, ChoiceParam):
        return repr(value)
    index = place_of(value, spec.choices)
    spellings = [spell_choice(value), str(value)]
    return next(
        (text for text in spellings if find_choice(spec.choices, text) == index), spellings[0]
    )
