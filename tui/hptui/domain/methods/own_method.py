"""Samplers and pruners that are no method of the tables: a class of the person's own, or a hub's.

They are spelled `mine.py:MySampler`, `package.module:MySampler` or `hub:samplers/name`, with
options behind a second colon or in brackets: `mine.py:MySampler:width=3,kind=fast`. What options
there are only the class tells; here they are texts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hptui.domain.methods.options import Method, MethodSpec, Option
from hptui.domain.texts.text import safe_line
from hptui.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hptui.domain.methods.options import Family

HUB: Final = "hub:"
"""Before the name of a package of OptunaHub's registry."""

_NAME: Final = re.compile(
    r"""
      hub:[\w-]+(?:/[\w-]+)*(?::[A-Za-z_]\w*)?(?![\w.=/-])
    | [^()]*?\.py:[A-Za-z_]\w*(?!\s*[\w=])
    | [A-Za-z_]\w*(?:\.\w+)*:[A-Za-z_]\w*(?!\s*[\w=])
    """,
    re.VERBOSE,
)


def split_own(text: str, known: Iterable[str]) -> tuple[str, str] | None:
    """Return the name of a class of one's own and the text of its options.

    Args:
        text: What was typed.
        known: The names of the tables: `tpe:group` lacks a value and names no class.

    Returns:
        None where `text` names a method of the tables, or nothing.
    """
    text = text.strip()
    found = _NAME.match(text)
    if found is None or found[0].partition(":")[0].lower() in known:
        return None
    name, rest = found[0], text[found.end() :].strip()
    if rest.startswith("(") and rest.endswith(")"):
        return name, rest[1:-1]
    if rest and not rest.startswith(":"):
        return None
    return name, rest[1:]


def is_own(name: str) -> bool:
    """Say whether the name of a method is that of a class of one's own: those have a colon."""
    return ":" in name


def own_method(family: Family, name: str, options: Iterable[Option] = ()) -> Method:
    """Return what stands for such a class where the tables have an entry.

    Args:
        family: Sampler or pruner.
        name: As it is spelled, without options.
        options: Those that its constructor is known to take.
    """
    where, _, attribute = name.rpartition(":")
    is_hub = name.startswith(HUB)
    title = name if is_hub else attribute
    source = "the hub's registry" if is_hub else where
    help_text = f"A {family} from {safe_line(source)}; it runs in a process of its own."
    return Method(name, safe_line(title), help_text, tuple(options))


def text_option(
    name: str, default: str = "", help_text: str = "", *, required: bool = False
) -> Option:
    """Return an option whose value is a text that the class's constructor is given.

    An empty default means that the class has its own.
    """
    return Option(
        name, "text", default, help_text or "An argument of the class.", required=required
    )


def own_spec(name: str, parts: Iterable[str]) -> MethodSpec:
    """Return the spec of a class with options that are written `name=value`.

    Raises:
        OptionError: A part is not that, or a name is given twice.
    """
    values: dict[str, str] = {}
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value or not key.isidentifier():
            raise OptionError(
                f"{safe_line(name)}: {safe_line(repr(part))} is not NAME=VALUE.",
                hint=f"Write {safe_line(name)}:NAME=VALUE with arguments of its constructor.",
            )
        if key in values:
            raise OptionError(f"{safe_line(name)}: {key} is given twice.", hint="Give it once.")
        values[key] = value
    return MethodSpec(name, tuple(values.items()))
