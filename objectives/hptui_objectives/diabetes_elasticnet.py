# scikit-learn has no type stubs, and what its defaults suggest is too narrow.
# pyright: basic, reportArgumentType=false
"""An elastic net on the diabetes data: how strong the penalty is, and of which kind.

Tuned on 442 patients with 10 measurements and, where asked for, their products; the value is the
root mean squared error in five-fold cross-validation, in the units of the disease score, which
goes from 25 to 346.

Of 30 random trials the median is 55.8 and the best 54.5, which is about all that a linear model
can do; the mean as the forecast gives 77. A trial takes 0.03 to 0.2 s.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import hptui

if TYPE_CHECKING:
    import optuna


@cache
def load_data() -> tuple[Any, Any]:
    """Return the measurements and the disease score a year later."""
    rows, scores = load_diabetes(return_X_y=True, scaled=False)
    return rows, scores


@hptui.objective(
    name="diabetes-elasticnet",
    summary="Elastic net on diabetes: strength and kind of the penalty, products of features",
    direction="minimize",
    metric_names=["RMSE"],
    sampler="tpe",
    pruner="none",
    tags=["regression", "diabetes"],
    space={
        "alpha": hptui.Float(1e-2, 1e2, log=True),
        "l1_ratio": hptui.Float(0.0, 1.0),
        "degree": hptui.Int(1, 2),
    },
)
def objective(trial: optuna.Trial) -> float:
    """Return the cross-validated root mean squared error of an elastic net."""
    pipeline = make_pipeline(
        StandardScaler(),
        PolynomialFeatures(trial.suggest_int("degree", 1, 2), include_bias=False),
        ElasticNet(
            alpha=trial.suggest_float("alpha", 1e-2, 1e2, log=True),
            l1_ratio=trial.suggest_float("l1_ratio", 0.0, 1.0),
            max_iter=20_000,
        ),
    )
    rows, scores = load_data()
    folds = KFold(5, shuffle=True, random_state=0)
    errors = cross_val_score(
        pipeline, rows, scores, cv=folds, scoring="neg_root_mean_squared_error"
    )
    return float(-errors.mean())
