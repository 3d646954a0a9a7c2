"""Objectives as people write them with other libraries; each needs its library to be there."""

# pyright: basic, reportMissingImports=false, reportArgumentType=false, reportPrivateImportUsage=false

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
