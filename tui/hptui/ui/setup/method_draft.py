"""A sampler or a pruner while its options are edited."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.methods.asked_methods import METHODS
from hptui.domain.methods.option_text import find_method, make_spec, read_method, read_option
from hptui.domain.methods.options import Method, MethodSpec, Option, OptionValue, spell_value
from hptui.domain.methods.own_method import is_own
from hptui.domain.texts.text import safe_line
from hptui.errors import OptionError
from hptui.registry.own_methods import described, located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.methods.options import Family


@dataclass(frozen=True, slots=True)
class MethodDraft:
    """A method with the options given so far; every change is checked and gives another draft."""

    family: Family
    method: Method
    given: Mapping[str, OptionValue] = field(default_factory=dict[str, OptionValue])
    """Options that differ from their defaults."""

    @classmethod
    def read(cls, family: Family, text: str) -> MethodDraft:
        """Read what `hptui run` takes, `tpe:n_startup_trials=20`.

        Of a class of the person's own the options are read from its source.

        Raises:
            OptionError: A name is unknown or a value is not what is expected.
        """
        method, spec = read_method(family, text, METHODS)
        if is_own(spec.name):
            method = described(family, spec, Path.cwd())
        draft = cls(family, method)
        return replace(draft, given=draft._without_defaults(spec.given()))

    def own(self, text: str) -> MethodDraft:
        """Return the draft of a class of the person's own, as they typed it.

        Raises:
            OptionError: It is none, or its file, module or option is not there.
        """
        _method, spec = read_method(self.family, text, METHODS)
        if not is_own(spec.name):
            raise OptionError(
                f"{safe_line(repr(text))} names no class.",
                hint="Write it like mine.py:MyClass, package.module:MyClass or hub:samplers/NAME.",
            )
        return MethodDraft.read(self.family, str(located(spec, Path.cwd())))

    def choose(self, name: str) -> MethodDraft:
        """Return the draft of another method; options of the same name are kept where they fit."""
        method = find_method(self.family, name, METHODS[self.family])
        draft = MethodDraft(self.family, method)
        for key, value in self.given.items():
            if method.option(key) is not None:
                try:
                    draft = draft.with_text(key, spell_value(value))
                except OptionError:
                    continue
        return draft

    def values(self) -> dict[str, OptionValue]:
        """Return the value of each option, the defaults included."""
        return {option.name: option.default for option in self.method.options} | dict(self.given)

    def text_of(self, option: Option) -> str:
        """Return an option's value as it is typed; empty where one must be given and is not."""
        if option.required and option.name not in self.given:
            return ""
        return spell_value(self.values()[option.name])

    def with_text(self, name: str, text: str) -> MethodDraft:
        """Return the draft with an option set to what was typed; an empty text means its default.

        Raises:
            OptionError: The text is not a value for the option, or options contradict each other.
        """
        option = self.method.option(name)
        assert option is not None, f"{self.method.name} has no option {name}"
        given = dict(self.given)
        given.pop(name, None)
        if text.strip():
            given[name] = read_option(self.method, option, text.strip(), METHODS)
        draft = replace(self, given=self._without_defaults(given))
        if not draft.missing():
            draft.spec()
        return draft

    def next_text(self, option: Option) -> str | None:
        """Return the value after the present one where an option has few of them, else None."""
        values = {"bool": ("false", "true"), "choice": option.choices}.get(option.kind)
        if values is None:
            return None
        ring = [*option.words, *values]
        return ring[(ring.index(self.text_of(option)) + 1) % len(ring)]

    def reason(self, option: Option, n_objectives: int) -> str | None:
        """Return why an option has no effect or is refused beside the others, or None."""
        return option.applies(self.values(), n_objectives)

    def missing(self) -> list[Option]:
        """Return the options that must be given and are not."""
        return [
            each for each in self.method.options if each.required and each.name not in self.given
        ]

    def spec(self) -> MethodSpec:
        """Return the method with its options.

        Raises:
            OptionError: A required option is missing, or two contradict each other.
        """
        return make_spec(self.method, self.given)

    def __str__(self) -> str:
        """Return the spelling that `hptui run` takes, whether it is complete or not."""
        ordered = tuple(
            (option.name, self.given[option.name])
            for option in self.method.options
            if option.name in self.given
        )
        return str(MethodSpec(self.method.name, ordered))

    def _without_defaults(self, given: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
        return {
            option.name: given[option.name]
            for option in self.method.options
            if option.name in given and (option.required or given[option.name] != option.default)
        }
