"""hptui: tune a model from a terminal.

What an objective may use: `objective` (a decorator that adds metadata), `Float`, `Int` and
`Choice` (to declare its space), and `trial_dir` (a folder of its own for the running trial).

For Python and notebooks: `run` tunes a function, `open` returns a study.
"""

# No import stands here: with `python -m hptui` the working folder is still first on the path.
TYPE_CHECKING = False

__all__ = ["Choice", "Float", "Int", "__version__", "objective", "open", "run", "trial_dir"]

if TYPE_CHECKING:
    from hptui.domain.spaces.space import ChoiceParam as Choice
    from hptui.domain.spaces.space import FloatParam as Float
    from hptui.domain.spaces.space import IntParam as Int
    from hptui.domain.trial_folder import trial_dir
    from hptui.domain.version import __version__
    from hptui.notebook import open_study as open  # noqa: A004 - `hptui.open`
    from hptui.notebook import run
    from hptui.registry.decorator import objective

_PUBLIC = {
    "Choice": ("hptui.domain.spaces.space", "ChoiceParam"),
    "Float": ("hptui.domain.spaces.space", "FloatParam"),
    "__version__": ("hptui.domain.version", "__version__"),
    "Int": ("hptui.domain.spaces.space", "IntParam"),
    "open": ("hptui.notebook", "open_study"),
    "run": ("hptui.notebook", "run"),
    "objective": ("hptui.registry.decorator", "objective"),
    "trial_dir": ("hptui.domain.trial_folder", "trial_dir"),
}


def __getattr__(name: str) -> object:
    # Lazy, so that `hptui --help` loads nothing it does not need.
    if name not in _PUBLIC:
        raise AttributeError(f"module 'hptui' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)
