"""What a script sets for its study that hptui does not take over: sampler, callbacks, and so on."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hptui.domain.methods.asked_methods import METHODS
from hptui.domain.objective import ScriptSetting
from hptui.domain.texts.text import safe_line
from hptui.registry.source.syntax import called_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.domain.methods.options import Family
    from hptui.registry.source.studies_made import MadeStudy, Script, Verdict

_MAX_SETTINGS: Final = 12
_USUAL: Final = ("TPESampler", "MedianPruner")
"""What hptui takes, too, where they are made without arguments."""
_BY_CALL: Final = {
    "enqueue_trial": ("enqueued trials", "--enqueue"),
    "add_trial": ("added trials", ""),
    "add_trials": ("added trials", ""),
    "set_metric_names": ("names of metrics", ""),
}


def settings_of(script: Script, verdict: Verdict) -> tuple[ScriptSetting, ...]:
    """Return what a file sets for the studies of one objective, in the order of its lines."""
    found: list[tuple[int, ScriptSetting]] = []
    for study in verdict.studies:
        found += _of_study(script, study)
    for call in verdict.runs:
        found += _of_run(call)
    for call in script.calls:
        if called_name(call) in _BY_CALL and isinstance(call.func, ast.Attribute):
            what, option = _BY_CALL[called_name(call)]
            found.append((call.lineno, _setting(what, option, [f"line {call.lineno}"])))
    kept: dict[str, ScriptSetting] = {}
    for _, setting in sorted(found, key=lambda each: each[0]):
        kept.setdefault(setting.text.partition(" (")[0], setting)
    return tuple(kept.values())[:_MAX_SETTINGS]


def _of_study(script: Script, study: MadeStudy) -> Iterator[tuple[int, ScriptSetting]]:
    families: tuple[Family, ...] = ("sampler", "pruner")
    for keyword in study.call.keywords if isinstance(study.call, ast.Call) else ():
        for family in families:
            if keyword.arg != family or _is_none(keyword.value):
                continue
            made = script.made(keyword.value, study)
            name = called_name(made) if isinstance(made, ast.Call) else ""
            if isinstance(made, ast.Call) and name in _USUAL and not (made.args or made.keywords):
                continue
            line = keyword.value.lineno if made is None else made.lineno
            place = f"line {line}" if study.module.is_main else study.place
            yield line, _setting(f"a {family}", _option(family, name), [name, place])
            if isinstance(made, ast.Call) and any(
                each.arg == "constraints_func" for each in made.keywords
            ):
                yield line, _setting("constraints", "", [place])


def _option(family: Family, name: str) -> str:
    method = name.removesuffix(family.title()).lower()
    is_known = any(each.name == method for each in METHODS[family])
    return f"--{family} {method}" if is_known else f"--{family}"


def _of_run(call: ast.Call) -> Iterator[tuple[int, ScriptSetting]]:
    given = {each.arg: each.value for each in call.keywords}
    given |= dict(zip(("n_trials", "timeout"), call.args[1:3], strict=False))
    for name, option in (("n_trials", "--trials"), ("timeout", "--timeout"), ("callbacks", "")):
        value = given.get(name)
        if value is None or _is_none(value):
            continue
        shown = ""
        if isinstance(value, ast.Constant) and option:
            shown = str(value.value)
            option = f"{option} {shown}{'s' if name == 'timeout' else ''}"
        yield value.lineno, _setting(name, option, [shown, f"line {value.lineno}"])


def _setting(what: str, option: str, about: list[str]) -> ScriptSetting:
    shown = ", ".join(each for each in about if each)
    hint = f"; {option}" if option else ""
    return ScriptSetting(option.partition(" ")[0], safe_line(f"{what} ({shown}{hint})"))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
