"""The decorator that adds metadata to an objective; it never changes how the objective runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from hptui.domain.objective import ATTRIBUTE, Direction, ObjectiveInfo
from hptui.errors import ObjectiveError

if TYPE_CHECKING:
    from hptui.domain.spaces.space import ParamSpec

ObjectiveT = TypeVar("ObjectiveT", bound=Callable[..., object])


def objective(
    name: str | None = None,
    *,
    summary: str = "",
    direction: Direction | None = None,
    directions: Sequence[Direction] = (),
    metric_names: Sequence[str] = (),
    sampler: str = "tpe",
    pruner: str = "median",
    tags: Sequence[str] = (),
    space: Mapping[str, ParamSpec] | None = None,
) -> Callable[[ObjectiveT], ObjectiveT]:
    """Describe an objective: its name, directions, suggested sampler and pruner, and space.

    The decorated callable is returned as it is. `hptui objectives` reads these arguments from
    the source without running it, so they should be literals.

    Args:
        name: How people call it; the function's name with dashes by default.
        summary: One line; the first line of the docstring by default.
        direction: `minimize` (the default) or `maximize`, for one objective.
        directions: The same, one for each value that is returned.
        metric_names: One name for each value.
        sampler: Suggested sampler, spelled as for `--sampler`.
        pruner: Suggested pruner, spelled as for `--pruner`.
        tags: Words to find it by.
        space: Declared parameters, `{"lr": Float(1e-5, 1e-1, log=True)}`.

    Raises:
        ObjectiveError: Both `direction` and `directions` are given, or one is neither
            `minimize` nor `maximize`, or the decorator is written without its parentheses.
    """
    if callable(name):
        raise ObjectiveError(
            "The decorator was given a function instead of a name.",
            hint="Write @hptui.objective() with its parentheses.",
        )
    if direction is not None and directions:
        raise ObjectiveError("Give direction or directions, not both.")
    chosen = tuple(directions) or (direction or "minimize",)
    for each in chosen:
        if each not in ("minimize", "maximize"):
            raise ObjectiveError(f"direction is {each!r}; it must be 'minimize' or 'maximize'.")

    def describe(function: ObjectiveT) -> ObjectiveT:
        plain_name = cast("str", getattr(function, "__name__", type(function).__name__))
        lines = (function.__doc__ or "").strip().splitlines()
        info = ObjectiveInfo(
            name=name or plain_name.replace("_", "-"),
            summary=summary or (lines[0] if lines else ""),
            directions=chosen,
            metric_names=tuple(metric_names),
            sampler=sampler,
            pruner=pruner,
            tags=tuple(tags),
            space=dict(space or {}),
        )
        setattr(function, ATTRIBUTE, info)
        return function

    return describe
