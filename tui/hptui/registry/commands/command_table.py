"""The table that describes a command, in TOML, in a study or as it was typed: read and checked."""

from __future__ import annotations

import os
import shlex
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from hptui.domain.objective import Direction
from hptui.domain.spaces.param_edit import show
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError

if TYPE_CHECKING:
    from collections.abc import Sequence

Take = Literal["last", "min", "max"]
_FILE_CHARS: Final = 1 << 20
ALIASES: Final = {
    "metric": "metrics",
    "direction": "directions",
    "metric_regex": "regexes",
    "metric_take": "take",
}
FILE_FORM: Final = (
    'As in: command = ["python", "train.py", "--lr", "{lr}"], metric = "val_loss", and under '
    '[space] lr = "1e-5..1e-1:log".'
)


def table_of_file(path: Path, cwd: Path) -> dict[str, Any]:
    """Return what `objectives/NAME.toml` says, by the names of a command's fields.

    Args:
        path: The file.
        cwd: Where the command runs, unless the file says so.

    Raises:
        ObjectiveError: It cannot be read, or has no command.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_FILE_CHARS + 1)
        if len(data) > _FILE_CHARS:
            raise ObjectiveError(f"{safe_line(path)} is too long for a command's file.")
        table: dict[str, Any] = tomllib.loads(data.decode())
    except OSError as error:
        raise ObjectiveError(
            f"{safe_line(path)} cannot be read: {error.strerror or error}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ObjectiveError(
            f"{safe_line(path)} is not TOML: {safe_line(error)}.", hint=FILE_FORM
        ) from error
    where = path.name
    words = table.pop("command", None)
    if isinstance(words, str):
        try:
            words = shlex.split(words)
        except ValueError as error:
            raise ObjectiveError(
                f"{safe_line(where)}: the command cannot be read: {error}."
            ) from error
    if words is None:
        raise ObjectiveError(f"{safe_line(where)} has no command.", hint=FILE_FORM)
    given = {ALIASES.get(key, key): value for key, value in table.items()}
    if "grace" in given:
        given["grace_s"] = read_grace(given.pop("grace"), where)
    given["words"] = words
    inside = given.get("cwd", "")
    if not isinstance(inside, str):
        raise _unfit(where, "cwd", inside)
    # Relative to where hptui was started, as every path in the command.
    given["cwd"] = str(Path(os.path.abspath(cwd / os.path.expanduser(inside))))  # noqa: PTH100, PTH111
    given["file"] = str(path)
    return given


def read_grace(value: object, where: str) -> float:
    """Return the seconds of a grace, which may be a number of them or a text like `30s`.

    Raises:
        UsageError: The text is not a time.
        ObjectiveError: It is neither.
    """
    from hptui.domain.texts.run_text import read_duration

    if isinstance(value, str) and value.strip() not in ("0", "0s"):
        return float(read_duration(value))
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _unfit(where, "grace", value)
    return 0.0 if isinstance(value, str) else float(value)


def read_field(where: str, key: str, value: object) -> Any:  # noqa: ANN401 - what the field holds
    """Return a value of a table as its field has it.

    Raises:
        ObjectiveError: It is none for this field.
    """
    read = _READERS.get(key, _text)(value)
    if key == "space" and isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        return {str(name): _space_text(where, name, each) for name, each in table.items()}
    if read is None:
        raise _unfit(where, SHOWN_KEYS.get(key, key), value)
    return read


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _words(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, (list, tuple)):
        return None
    items = cast("Sequence[object]", value)
    read = tuple(each for each in items if isinstance(each, str))
    return read if len(read) == len(items) else None


def _texts(value: object) -> tuple[str, ...] | None:
    return (value,) if isinstance(value, str) else _words(value)


def _directions(value: object) -> tuple[str, ...] | None:
    read = _texts(value)
    return None if read is None or not set(read) <= set(get_args(Direction)) else read


def _variables(value: object) -> dict[str, str] | None:
    if not isinstance(value, Mapping):
        return None
    table = cast("Mapping[object, object]", value)
    read = {name: each for name, each in table.items() if isinstance(each, str)}
    fits = len(read) == len(table) and all(
        isinstance(name, str) and name and "=" not in name for name in read
    )
    return cast("dict[str, str]", read) if fits else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _take(value: object) -> str | None:
    return value if isinstance(value, str) and value in get_args(Take) else None


def _no_table(_value: object) -> None:
    return None


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "words": _words,
    "metrics": _texts,
    "directions": _directions,
    "regexes": _texts,
    "space": _no_table,
    "env": _variables,
    "grace_s": _seconds,
    "pty": _flag,
    "take": _take,
}
SHOWN_KEYS: Final = {
    "words": "command",
    "metrics": "metric",
    "directions": "direction",
    "regexes": "metric_regex",
    "grace_s": "grace",
    "take": "metric_take",
}


def _space_text(where: str, name: str, value: object) -> str:
    """Return a space as it is typed; a list in TOML is a list of choices."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        from hptui.domain.spaces.choice_lists import spell_choices

        return spell_choices(cast("list[Any]", value))
    raise _unfit(where, f"space of {name}", value)


def _unfit(where: str, key: str, value: object) -> ObjectiveError:
    hint = FILE_FORM if where else ""
    return ObjectiveError(told(where, f"{key} cannot be {show(value)}."), hint=hint)


def told(where: str, sentence: str) -> str:
    """Return a sentence with what it is about before it; nothing stands before what was typed."""
    return f"{where}: {sentence}" if where else sentence
