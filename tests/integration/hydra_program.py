"""A program of hydra's, with groups, as its users write them; configured by the files beside it."""

# pyright: basic, reportMissingImports=false

import logging
from pathlib import Path

import hydra

log = logging.getLogger(__name__)


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    for epoch in range(1, cfg.epochs + 1):
        log.info("epoch %d: val_loss=%g", epoch, cfg.lr + cfg.model.width / epoch)
    # Hydra has gone to the folder of this run.
    Path("model.txt").write_text(f"{cfg.model.name} {cfg.get('tags')}")


if __name__ == "__main__":
    main()  # pyright: ignore[reportCallIssue]
