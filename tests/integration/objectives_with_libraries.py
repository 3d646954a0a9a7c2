"""Objectives as people write them with other libraries; each needs its library to be there."""

# pyright: basic, reportMissingImports=false, reportArgumentType=false, reportPrivateImportUsage=false

import contextlib
import os

import optuna


def uses_a_torch_loader(trial):
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    model = nn.Linear(8, 1)
    rate = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    loss = torch.tensor(0.0)
    for epoch in range(2):
        for x, y in DataLoader(Rows(), batch_size=64, num_workers=2):
            loss = nn.functional.mse_loss(model(x).squeeze(1), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        trial.report(loss.item(), epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss.item()


def uses_nothing(trial):
    return trial.suggest_float("x", 0, 1)


class Rows:
    def __len__(self):
        return 256

    def __getitem__(self, at):
        import torch

        x = torch.full((8,), at / 256)
        return x, x.sum()


def spawned_rank(rank, queue):
    queue.put(rank)


def uses_torch_spawn(trial):
    import torch.multiprocessing as mp

    queue = mp.get_context("spawn").SimpleQueue()
    mp.spawn(spawned_rank, args=(queue,), nprocs=2, join=True)
    return trial.suggest_float("x", 0, 1) + queue.get() + queue.get()


def uses_lightgbm(trial):
    import joblib
    from lightgbm import LGBMClassifier
    from sklearn.datasets import load_iris

    model = LGBMClassifier(n_estimators=trial.suggest_int("trees", 2, 8), verbose=-1)
    model.fit(*load_iris(return_X_y=True))
    trial.set_user_attr("threads", model._process_n_jobs(None))
    trial.set_user_attr("share", joblib.cpu_count())
    return model.score(*load_iris(return_X_y=True))


def uses_mlflow(trial):
    import mlflow
    from optuna_integration.mlflow import MLflowCallback

    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    callback = MLflowCallback(
        tracking_uri="file:./mlruns", metric_name="loss", mlflow_kwargs={"nested": True}
    )

    @callback.track_in_mlflow()
    def tracked(trial):
        x = trial.suggest_float("x", -1, 1)
        mlflow.log_metric("square", x * x)
        return x * x

    return tracked(trial)


def _lightning(trial, **trainer):
    import lightning.pytorch as pl
    import torch
    from optuna_integration import PyTorchLightningPruningCallback
    from torch.utils.data import DataLoader

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(8, 1)

        def training_step(self, batch, _):
            return torch.nn.functional.mse_loss(self.layer(batch[0]).squeeze(1), batch[1])

        def validation_step(self, batch, _):
            self.log("val_loss", self.training_step(batch, 0), sync_dist=True)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=rate)

    rate = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    callback = PyTorchLightningPruningCallback(trial, monitor="val_loss")
    runner = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **trainer,
    )
    loaders = [DataLoader(Rows(), batch_size=64, num_workers=1) for _ in range(2)]
    runner.fit(Module(), *loaders)
    callback.check_pruned()
    return runner.callback_metrics["val_loss"].item()


def uses_lightning(trial):
    return _lightning(trial, devices=1)


def uses_lightning_in_two_processes(trial):
    return _lightning(trial, devices=2, strategy="ddp_fork")


def uses_an_asynchronous_environment(trial):
    import gymnasium

    seed = trial.suggest_int("seed", 0, 9)
    envs = gymnasium.make_vec("CartPole-v1", num_envs=2, vectorization_mode="async")
    envs.reset(seed=seed)
    total = 0.0
    for _ in range(10):
        _, rewards, *_ = envs.step(envs.action_space.sample())
        total += float(rewards.sum())
    envs.close()
    return total


def uploads_an_artifact(trial):
    from optuna.artifacts import FileSystemArtifactStore, upload_artifact

    x = trial.suggest_float("x", -1, 1)
    os.makedirs("artifacts", exist_ok=True)
    path = f"model-{trial.number}.txt"
    with open(path, "w") as stream:
        stream.write(str(x))
    store = FileSystemArtifactStore("artifacts")
    artifact = upload_artifact(artifact_store=store, file_path=path, study_or_trial=trial)
    trial.set_user_attr("artifact", artifact)
    return x * x


def reports_scores(trial):
    from optuna.terminator import report_cross_validation_scores
    from sklearn.datasets import load_iris
    from sklearn.model_selection import cross_val_score
    from sklearn.svm import SVC

    rate = trial.suggest_float("C", 1e-2, 1e2, log=True)
    scores = cross_val_score(SVC(C=rate), *load_iris(return_X_y=True))
    report_cross_validation_scores(trial, scores.tolist())
    return scores.mean()


def _flipped(trial):
    """Return data for a classifier, and labels to judge it by: those of the second trial lie."""
    from sklearn.datasets import make_classification

    x, y = make_classification(200, 6, random_state=0, class_sep=2.0)
    return x, y, y if trial.number == 0 else (y == 0) * 1


def prunes_lightgbm(trial):
    import lightgbm
    from optuna_integration import LightGBMPruningCallback

    x, y, judged = _flipped(trial)
    data = lightgbm.Dataset(x, y)
    evals: dict = {}
    lightgbm.train(
        {
            "objective": "binary",
            "metric": "binary_logloss",
            "verbose": -1,
            "learning_rate": trial.suggest_float("lr", 0.1, 0.3),
        },
        data,
        num_boost_round=12,
        valid_sets=[data.create_valid(x, judged)],
        callbacks=[
            LightGBMPruningCallback(trial, "binary_logloss"),
            lightgbm.record_evaluation(evals),
        ],
    )
    return evals["valid_0"]["binary_logloss"][-1]


def prunes_xgboost(trial):
    import xgboost
    from optuna_integration import XGBoostPruningCallback

    x, y, judged = _flipped(trial)
    evals: dict = {}
    xgboost.train(
        {"objective": "binary:logistic", "eta": trial.suggest_float("eta", 0.1, 0.3)},
        xgboost.DMatrix(x, y),
        num_boost_round=12,
        evals=[(xgboost.DMatrix(x, judged), "judged")],
        evals_result=evals,
        verbose_eval=False,
        callbacks=[XGBoostPruningCallback(trial, "judged-logloss")],
    )
    return evals["judged"]["logloss"][-1]


def prunes_catboost(trial):
    from catboost import CatBoostClassifier
    from optuna_integration import CatBoostPruningCallback

    x, y, judged = _flipped(trial)
    callback = CatBoostPruningCallback(trial, "Logloss")
    model = CatBoostClassifier(
        iterations=12,
        learning_rate=trial.suggest_float("lr", 0.1, 0.3),
        allow_writing_files=False,
        verbose=False,
    )
    model.fit(x, y, eval_set=[(x, judged)], callbacks=[callback])
    callback.check_pruned()
    return model.get_evals_result()["validation"]["Logloss"][-1]


def prunes_keras(trial):
    import keras
    from optuna_integration import KerasPruningCallback

    x, y, judged = _flipped(trial)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(1, "sigmoid")])
    rate = trial.suggest_float("lr", 0.1, 0.3)
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    history = model.fit(
        x,
        y,
        epochs=8,
        verbose=0,
        validation_data=(x, judged),
        callbacks=[KerasPruningCallback(trial, "val_loss")],
    )
    return history.history["val_loss"][-1]


def _in_the_group(rank, folder, trial):
    import torch.distributed as dist
    from optuna_integration import TorchDistributedTrial

    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    # By default it keeps the group of the first trial in this process, which is closed by now.
    own = TorchDistributedTrial(trial, group=dist.group.WORLD)
    try:
        x = own.suggest_float("x", 0, 1)
        kind = own.suggest_categorical("kind", ["a", "b"])
        for step in range(3):
            own.report(x + own.number, step)
            if own.should_prune():
                raise optuna.TrialPruned
        own.set_user_attr("kinds", [kind] * dist.get_world_size())
        return x
    finally:
        dist.destroy_process_group()


def _be_the_second(folder):
    with contextlib.suppress(optuna.TrialPruned):
        _in_the_group(1, folder, None)


def is_distributed(trial):
    import multiprocessing

    from hptui import trial_dir

    folder = str(trial_dir())
    second = multiprocessing.get_context("spawn").Process(target=_be_the_second, args=(folder,))
    second.start()
    try:
        return _in_the_group(0, folder, trial)
    finally:
        second.join()
        assert second.exitcode == 0
