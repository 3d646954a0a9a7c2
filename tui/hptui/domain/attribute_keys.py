"""The keys of the attributes that hptui stores with studies and trials, and of Optuna's it reads.

They stand in people's files: none of them may ever change.
"""

from __future__ import annotations

from typing import Final

OWN_PREFIX: Final = "hptui:"
"""Before all keys of hptui's own. A trial may not set a system attribute that begins so."""

STUDY_KEY: Final = "hptui:study"
"""Study system attribute: the study's token, its objective and that one's file."""
RUNS_KEY: Final = "hptui:runs"
"""Study system attribute: the newest runs, with their machines."""
EDITS_KEY: Final = "hptui:edits"
"""Study system attribute: the edits of the search space that are in force."""
EDITED_KEY: Final = "hptui:edited"
"""Study system attribute: the parameters that were ever edited."""
SINCE_KEY: Final = "hptui:edits_since"
"""Study system attribute: for each edit in force the number of the first trial that has it."""
ASKED_KEY: Final = "hptui:asked"
"""Study system attribute: the distributions that the objective asks for parameters that were ever
edited, as Optuna spells them."""
ENGINE_PREFIX: Final = "hptui:engine:"
"""Before the study system attributes of the engines that run a study on a server, see
`storage.server.engines`; a run's id follows."""
NEXT_KEY: Final = "hptui:next"
"""Study system attribute: what is prepared for the next run, its trials and workers."""
CHANGES_KEY: Final = "hptui:changes"
"""Study system attribute: the newest changes of space, workers and budget: when, who, and for which
trial first."""
TRANSFERRED_KEY: Final = "hptui:carried"
"""Study system attribute: the number of the last trial whose sampler's state was left behind."""
AFTER_PREFIX: Final = "hptui:after:"
"""Before the study system attributes of genetic samplers since an edit; a number follows."""
TAGGED_KEY: Final = "hptui:tagged"
"""Study system attribute, on servers: when tags of trials were last changed, in seconds since 1970;
by it mirrors know that there are some to be read."""
METRICS_KEY: Final = "study:metric_names"
"""Study system attribute of Optuna's: a name for each objective."""

RUN_KEY: Final = "hptui:run"
"""Trial system attribute: the id of the run that made the trial."""
PLACE_KEY: Final = "hptui:place"
"""Trial system attribute: the devices and the cores that the trial had for itself, where options
gave it some."""
MEMORY_KEY: Final = "hptui:peak_memory"
"""Trial system attribute: the most memory that the trial's processes took, in bytes."""
ERROR_KEY: Final = "hptui:error"
"""Trial system attribute: why the trial failed."""
REPEATS_KEY: Final = "hptui:repeats"
"""Trial system attribute: the values of a configuration that was run several times, each time with
another seed, and their standard deviation."""
PRUNED_KEY: Final = "hptui:pruned"
"""Trial system attribute: why the trial was pruned."""
SEAT_KEY: Final = "hptui:seat"
"""Trial system attribute: where a waiting trial stands in the line, on the scale of numbers."""
RETRY_KEY: Final = "hptui:retry_of"
"""Trial system attribute: the number of the failed trial that this one repeats."""
ANSWERED_KEY: Final = "hptui:answered_by"
"""Trial system attribute: the number of the earlier trial with the same parameters, whose values
this one has without having run."""
RETRY_KEYS: Final = (RETRY_KEY, ANSWERED_KEY, "failed_trial", "retry_history")
"""Trial system attributes of hptui and Optuna that hold numbers of other trials."""
ORIGIN_KEY: Final = "hptui:forked_from"
"""Trial system attribute: the study that a trial was carried over from, and its number there."""
IMPORT_KEY: Final = "hptui:imported_from"
"""Trial system attribute: the file that a trial came from, where in it, and its row's digest."""
REPLAYED_KEY: Final = "hptui:replayed"
"""Trial system attribute: the run and number of a trial that got another number here."""
FIXED_KEY: Final = "hptui:fixed"
"""Trial system attribute: which fixed values the sampler's state in this trial belongs to."""
ENQUEUED_KEY: Final = "fixed_params"
"""Trial system attribute of Optuna's: the parameters with which a trial was enqueued."""

TAGS_KEY: Final = "hptui:tags"
"""User attribute of studies and trials: a list of texts."""
