"""Files that an objective has put into an artifact store, as Optuna notes them with a trial."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.storage.sqlite.attributes import Attributes

if TYPE_CHECKING:
    from hptui.storage.sqlite.attributes import Attribute

_PREFIX: Final = "artifacts:"
_MAX_CHARS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file in an artifact store; its texts are not sanitised. Nothing stores how large it is."""

    id: str
    filename: str
    mimetype: str
    encoding: str
    """Empty where there is none."""

    def to_json(self) -> dict[str, Any]:
        """Return it with the names that Optuna has for its fields."""
        return {
            "artifact_id": self.id,
            "filename": self.filename,
            "mimetype": self.mimetype or None,
            "encoding": self.encoding or None,
        }


def split_artifacts(attributes: Attributes) -> tuple[tuple[Artifact, ...], Attributes]:
    """Return the artifacts that system attributes tell of, and the attributes that are left."""
    found: list[Artifact] = []
    left: list[Attribute] = []
    for each in attributes.found:
        artifact = _artifact(each) if each.key.startswith(_PREFIX) else None
        if artifact is None:
            left.append(each)
        else:
            found.append(artifact)
    found.sort(key=lambda each: (each.filename, each.id))
    return tuple(found), Attributes(tuple(left), attributes.n_omitted)


def _artifact(attribute: Attribute) -> Artifact | None:
    data: object = attribute.value
    try:
        # Optuna stores a text of JSON.
        data = json.loads(data) if isinstance(data, str) else data
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    fields = cast("dict[str, object]", data)

    def text(key: str) -> str:
        value = fields.get(key)
        return value[:_MAX_CHARS] if isinstance(value, str) else ""

    filename = text("filename")
    id_ = text("artifact_id") or attribute.key.removeprefix(_PREFIX)
    return Artifact(id_, filename, text("mimetype"), text("encoding")) if filename else None
