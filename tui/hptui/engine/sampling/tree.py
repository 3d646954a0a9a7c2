"""Which values have been tried below which, as a tree that grows with the trials.

Optuna makes such a tree of all trials for each parameter that it draws, and counts its ends.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optuna.samplers._brute_force import _enumerate_candidates

Range = tuple[int | float, int | float, int | float | None]
"""Least value, greatest value and step."""


@dataclass(frozen=True, slots=True)
class Step:
    """A parameter that a trial was given."""

    name: str
    values: Range
    value: float
    """As Optuna represents it: of choices the place."""


Path = Sequence[Step]


class ContradictionError(Exception):
    """Trials that no tree holds: they ask for other parameters after the same values."""


class Node:
    """What follows after certain values: nothing is known, a parameter, or the end of a trial."""

    __slots__ = ("children", "n_open", "name", "values")

    def __init__(self) -> None:
        self.name: str | None = None
        self.values: Range | None = None
        self.children: dict[float, Node | None] | None = None
        """By value; None of which nothing is known. Empty at the end of a trial."""
        self.n_open = 1
        """Ends of which nothing is known."""

    def asks(self, name: str, values: Range) -> bool:
        """Say whether it is known that this parameter follows."""
        return self.name == name and self.values == values


class Tree:
    """The tree of a study's trials."""

    def __init__(self) -> None:
        self.root = Node()

    def add(self, path: Path) -> Node | None:
        """Take in what a trial was given; return the last node, None where a value is not in range.

        Raises:
            ContradictionError: The tree does not hold it.
        """
        node, passed = self.root, [self.root]
        for step in path:
            _expand(passed, step)
            children = node.children
            if children is None or step.value not in children:
                return None
            child = children[step.value]
            if child is None:
                child = children[step.value] = Node()
            passed.append(child)
            node = child
        return node

    def end(self, path: Path) -> bool:
        """Take in a trial that has ended; say whether all of its values are in range.

        Raises:
            ContradictionError: The tree does not hold it.
        """
        node = self.add(path)
        if node is None:
            return False
        if node.children:
            raise ContradictionError("A trial has ended where another one went on.")
        if node.children is None:
            node.children = {}
            passed = self.root
            for step in path:
                passed.n_open -= 1
                assert passed.children is not None
                following = passed.children[step.value]
                assert following is not None
                passed = following
            passed.n_open -= 1
        return True

    def find(self, path: Path) -> Node | None:
        """Return the node after a path that `add` has taken in, None where it has not.

        Raises:
            ContradictionError: The tree has another parameter there, or a value is not in range.
        """
        node = self.root
        for step in path:
            if node.children is None:
                return None
            if not node.asks(step.name, step.values) or step.value not in node.children:
                raise ContradictionError("Not what the tree has.")
            following = node.children[step.value]
            if following is None:
                return None
            node = following
        return node


def _expand(passed: Sequence[Node], step: Step) -> None:
    """Let a parameter follow after the last of these nodes."""
    node = passed[-1]
    if node.children is not None:
        if not node.asks(step.name, step.values):
            raise ContradictionError(f"Another parameter than {step.name} or another range.")
        return
    try:
        values = _enumerate_candidates(*step.values)
    except ValueError as error:
        raise ContradictionError(str(error)) from error
    node.name, node.values = step.name, step.values
    node.children = dict.fromkeys(values)
    for each in passed:
        each.n_open += len(node.children) - 1
