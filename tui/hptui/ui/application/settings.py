"""The person's settings: a TOML file with theme, keys and defaults of new runs."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from hptui.domain.texts.text import safe_line
from hptui.figures.canvas.roles import GLYPHS
from hptui.storage.files.side_files import read_side_file
from hptui.ui.commands.command_table import COMMANDS
from hptui.ui.commands.key_names import key_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.figures.canvas.roles import Glyphs

SETTINGS_VARIABLE = "HPTUI_SETTINGS"
"""Names the settings file, in the place of the one in the configuration folder."""
DEFAULT_THEME = "hptui-dark"
_MAX_BYTES = 1_000_000
_set_aside: Path | None = None
"""In the place of the person's file."""
AtEnd = Literal["nothing", "bell", "notification", "notification-777"]
AT_END: Final[tuple[AtEnd, ...]] = get_args(AtEnd)
Taskbar = Literal["auto", "always", "never"]
TASKBAR: Final[tuple[Taskbar, ...]] = get_args(Taskbar)
_STORAGE_NAME = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person set, checked; what is wrong is left out and told."""

    theme: str = DEFAULT_THEME
    glyphs: Glyphs = "braille"
    """What charts are made of, where the terminal shows more than ASCII."""
    at_end: AtEnd = "nothing"
    """What tells of the end of a run that is on the screen."""
    taskbar: Taskbar = "auto"
    """Whether a run's progress is shown in the taskbar; by itself, on terminals known to do so."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Textual's key names by command id, for the commands that were given others."""
    defaults: Mapping[str, int | float | str] = field(
        default_factory=dict[str, "int | float | str"]
    )
    """Values that a new run begins with, by the names of `DEFAULTS`."""
    filters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Filters of trials by the names under which they are saved, for `@name`."""
    storages: Mapping[str, str] = field(default_factory=dict[str, str])
    """Addresses of servers and journals by the names that people type, as `lab:`."""
    trouble: str = ""
    """What is wrong with the file, in sentences; empty when nothing is."""


DEFAULTS: Mapping[str, tuple[type, ...]] = {
    "trials": (int,),
    "workers": (int,),
    "backend": (str,),
    "hosts": (str,),
    "scheduler": (str,),
    "code": (str,),
    "host-python": (str,),
    "sampler": (str,),
    "pruner": (str,),
    "timeout": (str,),
    "trial-timeout": (str,),
    "devices": (str, int),
    "per-device": (int,),
    "threads": (int,),
    "memory": (str,),
    "python": (str,),
    "repeat": (int,),
    "log-to": (str,),
    "on-best": (str,),
    "on-end": (str,),
    "notify": (str,),
}
"""What `[defaults]` may hold: numbers, or text as `hptui run` takes it."""


def settings_path() -> Path:
    """Return where the settings file is, or would be."""
    named = os.environ.get(SETTINGS_VARIABLE)
    if named:
        return Path(named).absolute()
    if _set_aside is not None:
        return _set_aside
    import platformdirs

    return Path(platformdirs.user_config_dir("hptui")) / "settings.toml"


def set_settings_aside(path: Path) -> None:
    """Use another file than the person's for the rest of this process; a variable still counts."""
    global _set_aside
    _set_aside = path


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings; a file that is broken gives the defaults and says why."""
    path = settings_path() if path is None else path
    try:
        text = read_settings_text(path)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        return Settings(trouble=_about(path, f"cannot be read: {error.strerror or error}"))
    except UnicodeDecodeError:
        return Settings(trouble=_about(path, "is not UTF-8 text"))
    import tomllib

    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Settings(trouble=_about(path, f"is not TOML: {error}"))
    return read_settings(table, path)


def read_settings_text(path: Path) -> str:
    """Return what is in a settings file, which may be a link, as some keep theirs.

    Raises:
        OSError: It is not there, cannot be read, or is longer than 1 MB.
        UnicodeDecodeError: It is not UTF-8 text.
    """
    return read_side_file(path, _MAX_BYTES, follow_link=True)


def _about(path: Path, what: str) -> str:
    return safe_line(f"The settings file {path} {what}. The defaults are used.", max_chars=400)


def read_settings(table: Mapping[str, object], path: Path) -> Settings:
    """Take what is right of a settings table, and say what is not."""
    wrong: list[str] = []
    theme = table.get("theme", DEFAULT_THEME)
    if not isinstance(theme, str):
        wrong.append("theme is not text")
        theme = DEFAULT_THEME
    glyphs = table.get("glyphs", GLYPHS[0])
    if glyphs not in GLYPHS:
        wrong.append(f"glyphs is none of {', '.join(GLYPHS)}")
        glyphs = GLYPHS[0]
    at_end = table.get("at-end", AT_END[0])
    if at_end not in AT_END:
        wrong.append(f"at-end is none of {', '.join(AT_END)}")
        at_end = AT_END[0]
    taskbar = table.get("taskbar", TASKBAR[0])
    if taskbar not in TASKBAR:
        wrong.append(f"taskbar is none of {', '.join(TASKBAR)}")
        taskbar = TASKBAR[0]
    keys = _keys(_section(table, "keys", wrong), wrong)
    defaults = _defaults(_section(table, "defaults", wrong), wrong)
    filters = _filters(_section(table, "filters", wrong), wrong)
    storages = _storages(_section(table, "storages", wrong), wrong)
    known = {"theme", "glyphs", "at-end", "taskbar", "keys", "defaults", "filters", "storages"}
    wrong += [f"{name!r} is not a setting" for name in set(table) - known]
    trouble = f"{path.name}: {'; '.join(wrong)}." if wrong else ""
    trouble = safe_line(trouble, max_chars=400)
    return Settings(theme, glyphs, at_end, taskbar, keys, defaults, filters, storages, trouble)


def _section(table: Mapping[str, object], name: str, wrong: list[str]) -> dict[str, object]:
    section = table.get(name, {})
    if isinstance(section, dict):
        return section  # pyright: ignore[reportUnknownVariableType] - keys of TOML are str
    wrong.append(f"{name} is not a table")
    return {}


def _keys(section: Mapping[str, object], wrong: list[str]) -> dict[str, tuple[str, ...]]:
    known = {command.id for command in COMMANDS}
    keys: dict[str, tuple[str, ...]] = {}
    for command, given in section.items():
        if command not in known:
            wrong.append(f"there is no command {command!r}")
            continue
        texts: list[object] = [given]
        if isinstance(given, list):
            texts = given  # pyright: ignore[reportUnknownVariableType] - checked one by one
        names = [key_name(text) if isinstance(text, str) else None for text in texts]
        if not names or None in names:
            wrong.append(f"{given!r} cannot be a key for {command}")
            continue
        keys[command] = tuple(name for name in names if name is not None)
    return _without_clashes(keys, wrong)


def _without_clashes(
    keys: dict[str, tuple[str, ...]], wrong: list[str]
) -> dict[str, tuple[str, ...]]:
    """Leave out keys that another command of the same screen has."""
    kept = dict(keys)
    for command in COMMANDS:
        mine = kept.get(command.id)
        if mine is None:
            continue
        for other in COMMANDS:
            shares_screen = other.place == command.place or "app" in (other.place, command.place)
            if other.id == command.id or not shares_screen:
                continue
            taken = set(mine) & set(kept.get(other.id, other.keys))
            if taken:
                wrong.append(f"{command.id} cannot have {min(taken)}, which is {other.id}")
                kept.pop(command.id, None)
                break
    return kept


def _defaults(section: Mapping[str, object], wrong: list[str]) -> dict[str, int | float | str]:
    defaults: dict[str, int | float | str] = {}
    for name, value in section.items():
        kinds = DEFAULTS.get(name)
        if kinds is None:
            wrong.append(f"{name!r} is not a default; use {', '.join(DEFAULTS)}")
        elif not isinstance(value, kinds) or isinstance(value, bool):
            wrong.append(f"{name} cannot be {value!r}")
        elif isinstance(value, int | float | str):
            defaults[name] = value
    return defaults


def _filters(section: Mapping[str, object], wrong: list[str]) -> dict[str, str]:
    filters: dict[str, str] = {}
    for name, value in section.items():
        if isinstance(value, str):
            filters[name] = value
        else:
            wrong.append(f"the filter {name!r} is not text")
    return filters


def _storages(section: Mapping[str, object], wrong: list[str]) -> dict[str, str]:
    storages: dict[str, str] = {}
    for name, value in section.items():
        if not isinstance(value, str):
            wrong.append(f"the storage {name!r} is not text")
        elif not _STORAGE_NAME.fullmatch(name):
            wrong.append(f"{name!r} is no name for a storage: letters, digits, - and _")
        else:
            storages[name] = os.path.expanduser(value)  # noqa: PTH111 - it may be an address
    return storages


def remember_theme(name: str) -> None:
    """Write the theme into the settings file and leave the rest of it as it stands.

    A file that cannot be written, or that is broken, is left alone.
    """
    path = settings_path()
    try:
        text = read_settings_text(path) if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        return
    lines = text.splitlines()
    first_table = next((i for i, line in enumerate(lines) if line.lstrip().startswith("[")), None)
    top = lines[:first_table]
    rest = lines[first_table:] if first_table is not None else []
    setting = f'theme = "{name}"'
    at = next((i for i, line in enumerate(top) if line.split("=")[0].strip() == "theme"), None)
    if at is None:
        top = [setting, *top]
    else:
        top[at] = setting
    with contextlib.suppress(OSError):
        write_settings("\n".join((*top, *rest)) + "\n", path)


def write_settings(text: str, path: Path) -> None:
    """Write the settings file as a whole, or leave it as it is.

    Raises:
        OSError: It cannot be written.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileNotFoundError):
            part.chmod(path.stat().st_mode & 0o777)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
