"""Names of studies that can become names of files."""

from __future__ import annotations

import re
from typing import Final

from hptui.domain.text import safe_line
from hptui.errors import UsageError

MAX_NAME_CHARS: Final = 100
_NAME: Final = re.compile(r"[^\W_](?:[\w. -]*[\w.-])?|_[\w.-]*")


def check_study_name(name: str) -> None:
    """Refuse names that cannot safely become a file's name.

    Raises:
        UsageError: The name is too long, or holds something else than letters, digits, dots,
            dashes, underscores and inner spaces, or begins with a dot or a dash.
    """
    if len(name) > MAX_NAME_CHARS or not _NAME.fullmatch(name):
        raise UsageError(
            f"{safe_line(name, max_chars=60)!r} cannot be a study's name.",
            hint="Use letters, digits, dots, dashes and underscores, at most "
            f"{MAX_NAME_CHARS}, not beginning with a dot or dash.",
        )
