"""Which files of tests begin first, may be divided, and are fast; names are relative to `tests`."""

from __future__ import annotations

from typing import Final

DEAREST: Final = (
    "ui/test_setup_screen.py",
    "e2e/test_run.py",
    "e2e/test_sudden_death.py",
    "ui/test_hostile.py",
    "e2e/test_limits.py",
    "e2e/test_refused_runs.py",
    "engine/test_identity.py",
    "engine/test_trial_use.py",
    "ui/test_studies_screen.py",
    "ui/test_study_screen.py",
    "ui/test_terminal.py",
    "ui/test_views.py",
    "zoo/test_zoo.py",
    "engine/test_trash.py",
    "storage/test_interop.py",
    "storage/test_round_trip.py",
    "e2e/test_one_engine.py",
    "e2e/test_refused_writes.py",
    "cli/test_steering.py",
    "docs/test_guides.py",
    "e2e",
    "engine/test_steering.py",
    "registry/test_probe.py",
    "cli/test_damaged_files.py",
    "ui",
    "interop",
    "cli",
    "engine",
    "storage",
    "registry",
    "objectives",
)
"""Files, and folders of files, that take longest; these begin first."""
APART: Final = frozenset(
    {
        "docs/test_guides.py",
        "e2e/test_limits.py",
        "e2e/test_one_engine.py",
        "e2e/test_refused_runs.py",
        "e2e/test_refused_writes.py",
        "e2e/test_run.py",
        "engine/test_identity.py",
        "engine/test_steering.py",
        "engine/test_trial_use.py",
        "ui/test_setup_screen.py",
        "ui/test_studies_screen.py",
        "ui/test_study_screen.py",
        "zoo/test_zoo.py",
    }
)
"""Long files whose tests share nothing: these need not all wait for one worker of xdist."""
FAST: Final = ("domain", "analysis", "figures", "storage", "ui")
"""Folders whose tests need no engine: `make test-fast`."""
NOT_FAST: Final = frozenset(
    {
        "analysis/test_advice.py",
        "analysis/test_edf.py",
        "analysis/test_filter_rows.py",
        "analysis/test_hypervolume.py",
        "analysis/test_importance.py",
        "domain/test_text.py",
        "figures/test_grid.py",
        "figures/test_history_band.py",
        "figures/test_parallel.py",
        "storage/test_study_reader.py",
        "storage/test_contract.py",
        "storage/test_faults.py",
        "storage/test_interop.py",
        "storage/test_round_trip.py",
        "storage/test_upgrade.py",
        "ui/test_annotations.py",
        "ui/test_carrying.py",
        "ui/test_command_screen.py",
        "ui/test_compare_screen.py",
        "ui/test_drive.py",
        "ui/test_failures_screen.py",
        "ui/test_fuzz.py",
        "ui/test_grid.py",
        "ui/test_hostile.py",
        "ui/test_next_run.py",
        "ui/test_publishing.py",
        "ui/test_saved_filters.py",
        "ui/test_settings.py",
        "ui/test_setup_command.py",
        "ui/test_setup_edit_space.py",
        "ui/test_setup_following.py",
        "ui/test_setup_resources.py",
        "ui/test_setup_screen.py",
        "ui/test_stacked.py",
        "ui/test_steering.py",
        "ui/test_studies_screen.py",
        "ui/test_study_feed.py",
        "ui/test_study_screen.py",
        "ui/test_terminal.py",
        "ui/test_themes.py",
        "ui/test_trial_screen.py",
        "ui/test_trial_table.py",
        "ui/test_views.py",
    }
)
"""Files there that start processes, compare with Optuna at length, or play long scripts."""
