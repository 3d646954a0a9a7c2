"""Reading what CMA-ES stored in a trial as plain numbers, without unpickling it.

Optuna keeps the optimizer in a trial as a pickle, and a pickle runs what it names. A short list of
harmless names is no protection either: an array of objects over bytes of the file crashes the
interpreter, and a few bytes ask for gigabytes. So the instructions of the pickle are followed here
one by one, as far as `cmaes` 0.10 to 0.13 uses them under NumPy 1 and 2. They can give numbers,
texts and arrays whose numbers are in the file to the last byte, and nothing else. The result is
compared with a new optimizer of the same shape.
"""

from __future__ import annotations

import math
import pickletools
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StateError", "read_optimizer"]

_MAX_BYTES: Final = 1 << 26
_MAX_DIMENSIONS: Final = 10_000
_MAX_POPULATION: Final = 1_000_000
_MAX_GENERATION: Final = 1_000_000_000
_RESAMPLINGS_A_DIMENSION: Final = 10
"""What Optuna gives; `cmaes` itself has at least this many."""
_LEAST_RESAMPLINGS: Final = 100

_OPTIMIZERS: Final = {
    ("cmaes._cma", "CMA"): "CMA",
    ("cmaes._sepcma", "SepCMA"): "SepCMA",
    ("cmaes._cmawm", "CMAwM"): "CMAwM",
}
_NUMPY: Final = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    **{
        (f"numpy.{core}.{module}", name): name
        for core in ("_core", "core")
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    },
}
_NAMES: Final = _OPTIMIZERS | _NUMPY
_CHANGING: Final = frozenset(
    {
        *("_p_sigma", "_pc", "_mean", "_C", "_c_1d", "_sigma", "_tolx"),
        *("_Emean", "_ESigma", "_Vmean", "_VSigma", "_eta_mean", "_eta_Sigma"),
        *("_discrete_idx", "_discrete_space_low", "_discrete_space_size", "_discrete_space_step"),
        *("_continuous_idx", "_continuous_space", "m_z_lim_low", "m_z_lim_up", "_A"),
    }
)
"""What is of this optimizer; all other numbers follow from how many there are."""
_UNSET: Final = "_funhist_values"
"""Its first contents are whatever was in memory."""
_MOST: Final = 1e64
_LAZY: Final = frozenset({"_B", "_D"})
"""Computed when they are needed, None till then."""


class StateError(ValueError):
    """What is stored is not a state of CMA-ES that can be used."""


@dataclass(eq=False)
class _Name:
    """A class or function that the pickle names."""

    name: str


@dataclass(eq=False)
class _Dtype:
    """Numbers of eight bytes."""

    numpy: np.dtype[Any]


@dataclass(eq=False)
class _Array:
    """An array; None until its contents have been read."""

    numbers: np.ndarray[Any, Any] | None = None


@dataclass(eq=False)
class _Optimizer:
    """An optimizer, by the values of its attributes."""

    name: str
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])


_MARK: Final = object()
_NATIVE: Final = "<" if sys.byteorder == "little" else ">"


def read_optimizer(state: str) -> Any:  # noqa: ANN401 - cmaes is optional and untyped
    """Return the CMA-ES optimizer that `state`, hexadecimal text from a trial, describes.

    Raises:
        StateError: `state` is damaged, or describes anything but such an optimizer, or one whose
            numbers cannot be its own.
    """
    try:
        data = bytes.fromhex(state)
        if len(data) > _MAX_BYTES:
            raise StateError(f"it has {len(data)} bytes")
        found = _Reader(data).result()
        if not isinstance(found, _Optimizer):
            raise StateError("it holds no optimizer")
        return _built(found)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise StateError(str(error) or type(error).__name__) from error


class _Reader:
    """Follows the instructions of a pickle that give numbers."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._steps: dict[str, Callable[[Any], None]] = {
            "PROTO": _nothing,
            "FRAME": _nothing,
            "MARK": lambda _: self._stack.append(_MARK),
            "MEMOIZE": lambda _: self._memo.__setitem__(len(self._memo), self._stack[-1]),
            "NONE": lambda _: self._stack.append(None),
            "NEWTRUE": lambda _: self._stack.append(True),
            "NEWFALSE": lambda _: self._stack.append(False),
            "EMPTY_DICT": lambda _: self._stack.append({}),
            "EMPTY_TUPLE": lambda _: self._stack.append(()),
            "TUPLE": lambda _: self._stack.append(tuple(self._since_mark())),
            "SETITEMS": self._set_items,
            "STACK_GLOBAL": self._stack_global,
            "GLOBAL": lambda arg: self._name(*arg.split(" ", 1)),
            "NEWOBJ": self._new,
            "REDUCE": self._call,
            "BUILD": self._build,
        }
        for name in ("BINPUT", "LONG_BINPUT"):
            self._steps[name] = lambda arg: self._memo.__setitem__(arg, self._stack[-1])
        for name in ("BINGET", "LONG_BINGET"):
            self._steps[name] = lambda arg: self._stack.append(self._memo[arg])
        for size, name in enumerate(("TUPLE1", "TUPLE2", "TUPLE3"), 1):
            self._steps[name] = lambda _, size=size: self._stack.append(tuple(self._pop(size)))
        for name in (
            *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
            *("SHORT_BINUNICODE", "BINUNICODE"),
            *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        ):
            self._steps[name] = self._stack.append

    def result(self) -> object:
        """Return what the pickle holds."""
        for opcode, argument, _ in pickletools.genops(self._data):
            if opcode.name == "STOP":
                (found,) = self._stack
                return found
            step = self._steps.get(opcode.name)
            if step is None:
                raise StateError(f"{opcode.name} does not belong there")
            step(argument)
        raise StateError("it is cut off")

    def _pop(self, size: int) -> list[Any]:
        if len(self._stack) < size:
            raise StateError("it is cut off")
        taken = self._stack[-size:]
        del self._stack[-size:]
        return taken

    def _since_mark(self) -> list[Any]:
        at = len(self._stack) - 1 - self._stack[::-1].index(_MARK)
        taken = self._stack[at + 1 :]
        del self._stack[at:]
        return taken

    def _set_items(self, _: object) -> None:
        pairs = self._since_mark()
        target = self._stack[-1]
        if not isinstance(target, dict) or len(pairs) % 2:
            raise StateError("values stand where no dict is")
        for name, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(name, str):
                raise StateError("an attribute has no name")
            cast("dict[str, Any]", target)[name] = value

    def _stack_global(self, _: object) -> None:
        module, name = self._pop(2)
        self._name(module, name)

    def _name(self, module: object, name: object) -> None:
        known = _NAMES.get((str(module), str(name)))
        if known is None:
            raise StateError(f"{module}.{name} does not belong there")
        self._stack.append(_Name(known))

    def _new(self, _: object) -> None:
        named, arguments = self._pop(2)
        if not isinstance(named, _Name) or named.name not in _OPTIMIZERS.values() or arguments:
            raise StateError("an object does not belong there")
        self._stack.append(_Optimizer(named.name))

    def _call(self, _: object) -> None:
        named, arguments = self._pop(2)
        called = _CALLS.get(named.name) if isinstance(named, _Name) else None
        if called is None or not isinstance(arguments, tuple):
            raise StateError("a call does not belong there")
        self._stack.append(called(*cast("tuple[Any, ...]", arguments)))

    def _build(self, _: object) -> None:
        built, state = self._pop(2)
        if isinstance(built, _Dtype):
            built.numpy = _ordered(built.numpy, state[1])
        elif isinstance(built, _Array):
            _, shape, dtype, is_by_columns, data = state
            built.numbers = _numbers(data, dtype, shape, "F" if is_by_columns else "C")
        elif isinstance(built, _Optimizer) and isinstance(state, dict):
            built.attributes = cast("dict[str, Any]", state)
        else:
            raise StateError("a state does not belong there")
        self._stack.append(built)


def _nothing(_: object) -> None:
    """Pass over what says how the rest is stored."""


def _dtype(code: object, *_: object) -> _Dtype:
    if code not in ("f8", "i8"):
        raise StateError(f"numbers of kind {code!r} do not belong there")
    # A copy, as unpickling makes one, so that Optuna's next pickle is the same to the byte.
    return _Dtype(np.dtype(str(code), False, True))


def _ordered(dtype: np.dtype[Any], order: object) -> np.dtype[Any]:
    if order not in ("<", ">"):
        raise StateError(f"bytes in the order {order!r} do not belong there")
    return dtype if order == _NATIVE else dtype.newbyteorder(cast("Any", order))


def _scalar(dtype: object, data: object) -> np.generic:
    return cast("np.generic", _numbers(data, dtype, (), "C")[()])


def _blank(named: object, *_: object) -> _Array:
    if not isinstance(named, _Name) or named.name != "ndarray":
        raise StateError("an array of another class does not belong there")
    return _Array()


def _whole(data: object, dtype: object, shape: object, order: object) -> _Array:
    return _Array(_numbers(data, dtype, shape, order))


def _numbers(data: object, dtype: object, shape: object, order: object) -> np.ndarray[Any, Any]:
    if not (
        isinstance(data, (bytes, bytearray))
        and isinstance(dtype, _Dtype)
        and isinstance(shape, tuple)
        and order in ("C", "F")
    ):
        raise StateError("an array is damaged")
    sizes = cast("tuple[Any, ...]", shape)
    if not all(type(each) is int and each >= 0 for each in sizes):
        raise StateError("an array has no sizes")
    if math.prod(sizes) * dtype.numpy.itemsize != len(data):
        raise StateError("an array is cut off")
    return np.frombuffer(data, dtype.numpy).reshape(sizes, order=order).copy(order)


_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "dtype": _dtype,
    "scalar": _scalar,
    "_reconstruct": _blank,
    "_frombuffer": _whole,
}


def _built(found: _Optimizer) -> Any:  # noqa: ANN401 - cmaes is optional and untyped
    attributes = {
        name: value.numbers if isinstance(value, _Array) else value
        for name, value in found.attributes.items()
    }
    inner = attributes.get("_cma")
    if isinstance(inner, _Optimizer):
        if found.name != "CMAwM" or inner.name != "CMA":
            raise StateError("an optimizer holds another one")
        attributes["_cma"] = _built(inner)
    template = _new_one(found.name, attributes)
    _require_fit(template, attributes)
    optimizer: Any = cast("Any", object).__new__(type(template))
    if found.name == "CMAwM":
        # Names are interned, as unpickling does it.
        optimizer.__dict__.update({sys.intern(name): each for name, each in attributes.items()})
    else:
        optimizer.__setstate__(attributes)
    return optimizer


def _new_one(name: str, attributes: dict[str, Any]) -> Any:  # noqa: ANN401 - cmaes is untyped
    """Return a new optimizer with as many dimensions and individuals."""
    import cmaes  # pyright: ignore[reportMissingTypeStubs]

    sizes = attributes["_cma"].__dict__ if name == "CMAwM" else attributes
    n_dim = _int(sizes, "_n_dim", 1, _MAX_DIMENSIONS)
    size = _int(sizes, "_popsize", 2, _MAX_POPULATION)
    # The memory that the new one takes is no more than what the state itself holds.
    if len(sizes["_mean"]) != n_dim or len(sizes["_weights"]) not in (size, size // 2):
        raise StateError("its arrays do not fit its sizes")
    mean = np.full(n_dim, 0.5)
    if name == "CMA":
        is_adapting = attributes.get("_lr_adapt") is True
        return cmaes.CMA(mean, 1.0, population_size=size, lr_adapt=is_adapting)
    if name == "SepCMA":
        return cmaes.SepCMA(mean, 1.0, population_size=size)
    steps = np.zeros(n_dim)
    discrete = attributes["_discrete_idx"]
    if sorted((*discrete, *attributes["_continuous_idx"])) != list(range(n_dim)):
        raise StateError("its dimensions are mixed up")
    steps[discrete] = 1.0
    bounds = np.tile([0.0, 1.0], (n_dim, 1))
    return cmaes.CMAwM(mean, 1.0, bounds, steps, population_size=size)


def _int(attributes: dict[str, Any], name: str, low: int, high: int) -> int:
    value = attributes[name]
    if type(value) is not int or not low <= value <= high:
        raise StateError(f"{name} is {value!r:.40}")
    return value


def _require_fit(template: Any, attributes: dict[str, Any]) -> None:  # noqa: ANN401 - untyped
    """Refuse attributes that an optimizer of this shape cannot have.

    Raises:
        StateError: One is missing, strange, infinite, or of another shape.
    """
    expected = template.__getstate__()
    if expected.keys() != attributes.keys():
        raise StateError("it is of another version of cmaes")
    n_dim = template.dim
    for name, value in attributes.items():
        if name in _LAZY:
            if value is not None:
                raise StateError(f"{name} is there")
        elif name == "_bounds":
            _require_bounds(value, n_dim)
        elif name == "_g":
            _int(attributes, name, 0, _MAX_GENERATION)
        elif name == "_n_max_resampling":
            most = max(_LEAST_RESAMPLINGS, _RESAMPLINGS_A_DIMENSION * n_dim)
            _int(attributes, name, 1, most)
        elif name != "_cma" and not _is_like(expected[name], value, name):
            raise StateError(f"{name} does not fit")
    if "_sigma" in attributes and not attributes["_sigma"] > 0:
        raise StateError("_sigma is not above zero")


def _require_bounds(bounds: object, n_dim: int) -> None:
    if bounds is None:
        return
    pairs = cast("np.ndarray[Any, Any]", np.asarray(bounds))
    if pairs.dtype != float or pairs.shape != (n_dim, 2):
        raise StateError("_bounds do not fit")
    if not np.all(pairs[:, 0] <= pairs[:, 1]):
        raise StateError("_bounds are the wrong way round")


def _is_like(expected: object, value: object, name: str) -> bool:
    if isinstance(expected, (bool, int)):
        return type(value) is type(expected) and value == expected
    mine, given = (cast("np.ndarray[Any, Any]", np.asarray(each)) for each in (expected, value))
    if given.shape != mine.shape or given.dtype != mine.dtype:
        return False
    if name == _UNSET:
        return True
    if name in _CHANGING:
        return bool((np.abs(given) < _MOST).all())
    return np.allclose(given, mine, rtol=1e-9, atol=0.0)
