"""Scripts in which another library makes the study, or stands around the script."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from tests.registry.test_script import told_by

from hptui.registry.scripts.script_source import is_script

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

SEARCH = dedent("""
    import optuna
    from optuna.distributions import FloatDistribution
    from optuna_integration import OptunaSearchCV
    from sklearn.datasets import load_iris
    from sklearn.svm import SVC
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def main():
        pipe = make_pipeline(StandardScaler(), SVC())
        space = {"svc__C": FloatDistribution(1e-3, 1e2, log=True)}
        search = OptunaSearchCV(pipe, space, n_trials=7, random_state=3)
        search.fit(*load_iris(return_X_y=True))
        print(search.best_score_)

    if __name__ == "__main__":
        main()
    """)

TUNER = dedent("""
    import numpy as np
    import optuna_integration.lightgbm as lgb

    X = np.random.default_rng(0).random((60, 3))
    data = lgb.Dataset(X, X[:, 0] > 0.5)
    params = {"objective": "binary", "metric": "binary_logloss", "verbosity": -1}
    booster = lgb.train(params, data, valid_sets=[data], num_boost_round=2)
    print(booster.params)
    """)

HYDRA = dedent("""
    import hydra, optuna

    @hydra.main(version_base=None, config_path="conf", config_name="config")
    def main(cfg):
        study = optuna.create_study(direction=cfg.study.direction)
        study.optimize(lambda t: t.suggest_float("x", 0, cfg.high), n_trials=cfg.n_trials)
        return study.best_value

    if __name__ == "__main__":
        main()
    """)


def test_a_search_of_optuna_integration_hands_over_its_study(tmp_path: Path) -> None:
    pytest.importorskip("optuna_integration")
    told = told_by(SEARCH, tmp_path)
    assert is_script(SEARCH.encode(), tmp_path / "tune.py")
    assert (told["directions"], told["n_trials"], told["n_calls"]) == (["maximize"], 7, 1)
    assert (told["sampler"], told["line"]) == ("tpe", 14)


def test_a_tuner_that_goes_step_by_step_says_what_to_do_instead(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm")
    told = told_by(TUNER, tmp_path)
    assert is_script(TUNER.encode(), tmp_path / "tune.py")
    assert (
        "tune.py uses LightGBM's tuner (line 8), which tunes parameters in steps"
        in (told["message"])
    )
    assert "objective(trial) that trains with lightgbm.train" in told["hint"]


def test_hydra_stands_around_a_script_and_takes_its_overrides(tmp_path: Path) -> None:
    pytest.importorskip("hydra")
    (tmp_path / "conf").mkdir()
    config = "high: 2.0\nn_trials: 5\nstudy: {direction: minimize}\n"
    (tmp_path / "conf" / "config.yaml").write_text(config)
    told = told_by(HYDRA, tmp_path, "", "n_trials=9", "study.direction=maximize")
    assert (told["directions"], told["n_trials"]) == (["maximize"], 9)
    refused = told_by(HYDRA, tmp_path, "", "trials=9")
    assert "Could not override 'trials'" in refused["message"]
    assert "Pass its arguments after --: hptui run tune.py -- ARGUMENTS." in refused["hint"]
