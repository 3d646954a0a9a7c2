"""Optuna's brute force sampler over a tree that is kept from one trial to the next."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BruteForceSampler
from optuna.samplers._brute_force import _UNEXPANDED_NODE, _TreeNode
from optuna.trial import TrialState

from hptui.engine.sampling.reader import Follower
from hptui.engine.sampling.tree import ContradictionError, Node, Path, Range, Step, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, slots=True)
class _Counted:
    """A node as Optuna's `_TreeNode` looks at its children."""

    n_open: int
    n_open_running: int
    """Ends of which nothing is known and that a running trial has come to."""
    is_running: bool

    def count_unexpanded(self, exclude_running: bool) -> int:
        return self.n_open - self.n_open_running if exclude_running else self.n_open

    def is_any_expandable(self, exclude_running: bool) -> bool:
        return self.count_unexpanded(exclude_running) > 0


class QuickBruteForceSampler(BruteForceSampler):
    """Draws what `BruteForceSampler` draws, and ends the study where it does.

    Where trials contradict each other, or values are not in range, Optuna's own code goes through
    all trials, and says what is wrong with them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Optuna's own
        super().__init__(*args, **kwargs)
        self._forget()

    def _forget(self) -> None:
        self._follower = Follower()
        self._tree = Tree()
        self._is_contradictory = False
        self._known: dict[str, BaseDistribution] = {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's own type
        """Draw a value, more likely one below which more is untried."""
        exclude_running = not self._avoid_premature_stop
        try:
            values = self._range_of(param_name, param_distribution)
            options = self._options(study, trial, param_name, values)
        except ContradictionError:
            options = None
        if options is None or not options.is_any_expandable(exclude_running):
            return super().sample_independent(study, trial, param_name, param_distribution)
        value = options.sample_child(self._rng.rng, exclude_running)
        return param_distribution.to_external_repr(value)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """End the study when nothing is left to try."""
        try:
            n_left = self._n_left_after(study, trial)
        except ContradictionError:
            n_left = None
        if not n_left:
            super().after_trial(study, trial, state, values)

    def _options(
        self, study: optuna.Study, trial: FrozenTrial, name: str, values: Range
    ) -> _TreeNode:
        """Return the values that may follow in a trial, as Optuna chooses from them."""
        running = self._look(study, trial)
        path = self._path_of(trial)
        node = self._tree.find(path)
        if node is None or node.children is None:
            options = _TreeNode()
            options.expand(name, cast("Any", values))
            return options
        if not node.asks(name, values):
            raise ContradictionError("Another parameter follows.")
        n_open_running = dict.fromkeys(node.children, 0)
        at: set[float] = set()
        for end, its_path in running:
            if len(its_path) <= len(path) or list(its_path[: len(path)]) != list(path):
                continue
            value = its_path[len(path)].value
            n_open_running[value] += end.children is None
            if len(its_path) == len(path) + 1:
                at.add(value)
        children = {
            value: _UNEXPANDED_NODE
            if child is None
            else _Counted(child.n_open, n_open_running[value], value in at)
            for value, child in node.children.items()
        }
        return _TreeNode(name, cast("Any", children))

    def _n_left_after(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """Return how much is untried when a trial has ended."""
        running = self._look(study, trial)
        path = self._path_of(trial)
        if not path or not self._tree.end(path):
            raise ContradictionError("Nothing, or a value that is not in range.")
        n_open = self._tree.root.n_open
        if self._avoid_premature_stop:
            return n_open
        return n_open - sum(end.children is None for end, _ in running)

    def _look(self, study: optuna.Study, but: FrozenTrial) -> list[tuple[Node, Path]]:
        """Take in what has ended; return where the other running trials are, each node once."""
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        ended, is_other = self._follower.ended(trials)
        if is_other:
            self._forget()
            ended, _ = self._follower.ended(trials)
        if self._is_contradictory:
            raise ContradictionError("Trials contradict each other.")
        try:
            for trial in ended:
                self._tree.end(self._path_of(trial))
            paths = [
                self._path_of(trial)
                for trial in self._follower.open_trials()
                if trial.state is TrialState.RUNNING and trial.number != but.number
            ]
            found = [(self._tree.add(path), path) for path in paths]
        except ContradictionError:
            self._is_contradictory = True
            raise
        return list({id(node): (node, path) for node, path in found if node is not None}.values())

    def _path_of(self, trial: FrozenTrial) -> Path:
        path: list[Step] = []
        for name, each in trial.distributions.items():
            values = self._range_of(name, each)
            value = trial.params[name]
            is_choice = isinstance(each, CategoricalDistribution)
            path.append(Step(name, values, each.to_internal_repr(value) if is_choice else value))
        return path

    def _range_of(self, name: str, distribution: BaseDistribution) -> Range:
        """Return the values that a parameter may take, choices by their places.

        Raises:
            ContradictionError: It had other choices before, or some that cannot be told apart.
        """
        known = self._known.get(name)
        if isinstance(distribution, CategoricalDistribution):
            if known is None:
                _check_choices(distribution)
                self._known[name] = distribution
            elif known != distribution:
                raise ContradictionError(f"Other choices of {name}.")
            return 0, len(distribution.choices) - 1, 1
        if isinstance(known, CategoricalDistribution):
            raise ContradictionError(f"{name} had choices.")
        assert isinstance(distribution, IntDistribution | FloatDistribution)
        self._known[name] = distribution
        return distribution.low, distribution.high, distribution.step


def _check_choices(distribution: CategoricalDistribution) -> None:
    """Check that choices can be told apart by their values.

    Raises:
        ContradictionError: They are equal, not hashable, or no numbers.
    """
    choices = distribution.choices
    try:
        are_distinct = len(set(choices)) == len(choices)
    except TypeError:
        are_distinct = False
    if not are_distinct or any(isinstance(each, float) and math.isnan(each) for each in choices):
        raise ContradictionError("Choices that are equal.")
