"""An `hptui` whose random sampler thinks for ever about every parameter but `quick`."""

# pyright: basic

from __future__ import annotations

import sys
import threading

import optuna

from hptui.cli.main import main

_draw = optuna.samplers.RandomSampler.sample_independent


def _think(self, study, trial, param_name, param_distribution):
    if param_name != "quick":
        threading.Event().wait()
    return _draw(self, study, trial, param_name, param_distribution)


if __name__ == "__main__":
    optuna.samplers.RandomSampler.sample_independent = _think
    sys.exit(main(sys.argv[1:]))
