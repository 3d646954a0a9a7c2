"""`hptui page`: the same figures as Optuna draws of the file, in a page that needs nothing else."""

from __future__ import annotations

import json
import math
import re
import webbrowser
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from tests.analysis.plain_studies import PlainStudy, made, tuned
from tests.made_trials import param_of
from tests.storage.study_file import FLOAT, StudyFile

from hptui.analysis.stopping.advice import build_advice, regret_history
from hptui.analysis.stopping.advice_text import advice_sentences
from hptui.cli.commands.reading import page
from hptui.cli.main import main
from hptui.cli.output import page_figures as page_figures_module
from hptui.cli.output.page_figures import page_figures
from hptui.domain.spaces.space import FloatParam
from hptui.errors import UsageError
from hptui.figures.kinds import KINDS, PAGE_KINDS
from hptui.figures.request import FigureRequest, PlottedStudy
from hptui.storage.read.study_reader import StudyReader

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")


EVIL = '</script><script src="https://evil.example/x.js"></script><a href="https://evil.example">x'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def plain(folder: Path) -> PlainStudy:
    return tuned(folder / "plain.db")


@pytest.fixture(scope="module")
def evil(folder: Path) -> Path:
    choice = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": ["a", EVIL]}})
    path = folder / "evil.db"
    with StudyFile(path) as file:
        file.add_study(f"{EVIL}\u202e", ("MINIMIZE", "MAXIMIZE"))
        for at in range(4):
            params = {EVIL: (0.1 + at / 10, FLOAT), "kind": (at % 2, choice)}
            told = {EVIL: [EVIL, {EVIL: at}]}
            file.add_trial((float(at), at / 2), params=params, user_attributes=told)
        file.add_trial((math.inf, 0.0))
    return path


class Parts(HTMLParser):
    """What a page would load, and its texts outside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["script"]:
            self.texts.append(data)


def request_of(study: PlainStudy, **options: Any) -> FigureRequest:
    plotted = PlottedStudy(study.path, study.study.study_name, study.trials, ())
    return FigureRequest((plotted,), **options)


def drawn(figure: Any) -> Any:
    """What a figure holds, as the browser gets it."""
    data = json.loads(figure.to_json())["data"]
    for trace in data:
        trace.pop("name", None)
    return data


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("history", {"target_name": "value"}),
        ("edf", {"target_name": "value"}),
        ("slice", {"target_name": "value"}),
        ("contour", {"target_name": "value", "params": ["lr", "width"]}),
        ("rank", {"target_name": "value", "params": ["lr", "width"]}),
        ("parallel", {"target_name": "value"}),
        ("importance", {"target_name": "value"}),
        ("timeline", {}),
        ("intermediate", {}),
    ],
)
def test_figures_are_those_that_optuna_draws_of_the_file(
    plain: PlainStudy, kind: str, options: dict[str, Any]
):
    (ours,) = page_figures(PAGE_KINDS[kind], request_of(plain))
    theirs = getattr(optuna.visualization, PAGE_KINDS[kind].function)(plain.study, **options)
    assert drawn(ours.figure) == drawn(theirs)


@pytest.mark.parametrize("others", [0, 1])
def test_a_history_of_chosen_trials_has_their_numbers_and_values(plain: PlainStudy, others: int):
    # One of them has a number that only a damaged file holds.
    numbers = np.array([3, 7, 9, 12, 2**40])
    whole = made([5.0, 4.0, 1.0, 2.0, 3.0], infeasible=[2])
    trials = replace(whole, numbers=numbers)
    study = PlottedStudy(plain.path, "part", trials, ())
    request = FigureRequest((study,) * (1 + others))
    (ours,) = page_figures(PAGE_KINDS["history"], request)
    traces = ours.figure.data[:1] if others else ours.figure.data[::2]
    points = {x: y for trace in traces for x, y in zip(trace.x, trace.y, strict=True)}
    expected = {3: 5.0, 7: 4.0, 9: 1.0, 12: 2.0, 2**40: 3.0}
    if others:
        # Of several studies only feasible trials are drawn.
        del expected[9]
    assert points == expected
    best = ours.figure.data[1]
    assert dict(zip(best.x, best.y, strict=True))[2**40] == 2.0


def test_advice_is_optunas_figure_of_what_our_own_model_says(plain: PlainStudy):
    xs = np.random.default_rng(0).random(60)
    losses = np.stack([(xs - 0.3) ** 2, -xs], axis=1)
    trials = made(
        losses, ("minimize", "maximize"), params={"x": param_of("x", FloatParam(0, 1), xs)}
    )
    study = PlottedStudy(plain.path, "two", trials, ())
    figures = page_figures(PAGE_KINDS["advice"], FigureRequest((study,)))
    for objective, each in enumerate(figures):
        traces = (trace for trace in each.figure.data if trace.x is not None)
        ys = {x: y for trace in traces for x, y in zip(trace.x, trace.y, strict=True)}
        left = {number: y for number, y in ys.items() if not math.isnan(y)}
        assert left == regret_history(trials, objective)
        assert (min(left), max(left)) == (19, 59)
        advice = build_advice(trials, objective)
        assert left[59] == advice.regret.left
        assert each.sentences == advice_sentences(advice)
        # What could be said then does not know what came later.
        early = min(left)
        before = made(
            losses[: early + 1],
            ("minimize", "maximize"),
            params={"x": param_of("x", FloatParam(0, 1), xs[: early + 1])},
        )
        assert left[early] == build_advice(before, objective).regret.left
    assert len(figures) == 2


def test_user_attributes_are_told_as_optuna_tells_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    path = folder / "told.db"
    with StudyFile(path) as file:
        file.add_study("told", ("MINIMIZE", "MAXIMIZE"))
        for at in range(5):
            told = {"fold": at, "host": "a", "parts": [1, {"x": None}]} if at != 2 else {}
            params = {"x": (at / 5, FLOAT)}
            file.add_trial((float(at), at / 2), params=params, user_attributes=told)
    with StudyReader(path, "told") as reader:
        reader.refresh()
    theirs = optuna.load_study(study_name="told", storage=f"sqlite:///{path}")
    names = ["value 0", "value 1"]
    request = FigureRequest((PlottedStudy(path, "told", reader.trials, ()),))
    for kind, options in (("pareto", {"target_names": names}), ("timeline", {})):
        (ours,) = page_figures(PAGE_KINDS[kind], request)
        expected = getattr(optuna.visualization, PAGE_KINDS[kind].function)(theirs, **options)
        assert drawn(ours.figure) == drawn(expected)
        assert "user_attrs" in ours.figure.to_json()
        assert ours.sentences == ()
    monkeypatch.setattr(page_figures_module, "_MAX_ATTRIBUTE_CHARS", 40)
    (ours,) = page_figures(PAGE_KINDS["pareto"], request)
    assert "user_attrs" not in ours.figure.to_json()
    assert ours.sentences[0].startswith("User attributes are left out")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_contour_with_too_many_cells_is_of_chosen_trials_and_says_so(
    plain: PlainStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page_figures_module, "_MAX_CELLS", 150)
    monkeypatch.setattr(page_figures_module, "_MOST_CHOSEN", 10)
    request = request_of(plain, params=("lr", "width"))
    (ours,) = page_figures(PAGE_KINDS["contour"], request)
    complete = [each for each in plain.study.trials if each.state.name == "COMPLETE"]
    broken = [any(value > 0 for value in each.constraints.values()) for each in complete]
    by_value = sorted(
        zip(broken, complete, strict=True), key=lambda pair: (pair[0], pair[1].value or 0.0)
    )
    rest = sorted(each.number for _, each in by_value[5:])
    chosen = {each.number for _, each in by_value[:5]}
    chosen |= {rest[int(at)] for at in np.linspace(0, len(rest) - 1, 5)}
    few = optuna.create_study()
    few.add_trials([each for each in plain.study.trials if each.number in chosen])
    theirs = optuna.visualization.plot_contour(few, params=["lr", "width"], target_name="value")
    assert drawn(ours.figure) == drawn(theirs)
    assert f"shows 10 of {len(complete)} complete trials: the best 5" in ours.sentences[0]
    target = tmp_path / "a.html"
    arguments = ["contour", "--param", "lr", "--param", "width", "-o", str(target)]
    assert main(["page", str(plain.path), *arguments]) == 0
    assert "the best 5" in target.read_text("utf-8")


def test_every_figure_that_optuna_has_too_has_its_page():
    assert set(KINDS) - {"progress"} == set(PAGE_KINDS), "Optuna draws no progress over time"
    functions = {kind.function for kind in PAGE_KINDS.values()}
    assert functions == {
        name
        for name in optuna.visualization.__all__
        if name.startswith("plot_") and hasattr(optuna.visualization, name)
    }


def test_a_log_axis_and_one_objective_are_kept(evil: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(evil.parent)
        assert main(["page", str(evil), "--objective", "1", "--log", "--json"]) == 0
    (written,) = [each for each in evil.parent.iterdir() if each.name.endswith("-history.html")]
    text = written.read_text("utf-8")
    # Optuna's line of bests comes only with one objective.
    assert "Best Value" in text
    assert '"type":"log"' in text
    assert text.count("<h2>") == 1


def test_a_page_loads_nothing_and_obeys_no_name(
    evil: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for kind in ("history", "slice", "parallel", "pareto", "timeline"):
        target = tmp_path / f"{kind}.html"
        arguments = ["--filter", "value_0<100"] if kind == "slice" else []
        assert main(["page", str(evil), kind, "-o", str(target), *arguments]) == 0
        assert capsys.readouterr().out.strip() == str(target)
        text = target.read_text("utf-8")
        parts = Parts(text)
        assert parts.loads == []
        assert parts.tags.count("script") == text.count("<script")
        assert any(EVIL in each for each in parts.texts)
        assert not any("\u202e" in each for each in parts.texts)
        # Plotly reads a little HTML in labels; what it gets of a name is no tag.
        assert "evil.example" in text
        assert not re.search(r"(<|\\u003c)a href", text.rpartition("Plotly.newPlot")[2])
        assert ("<code>value_0&lt;100</code>" in text) == (kind == "slice")


def test_what_is_there_stays_unless_one_says_so(
    plain: PlainStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    target = tmp_path / "mine.html"
    target.write_text("mine")
    page_of = ["page", str(plain.path), "edf", "-o", str(target)]
    assert main(page_of) == 2
    assert "already exists" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert main([*page_of, "--overwrite", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"file": str(target), "figures": 1, "opened": False}
    assert "Plotly.newPlot" in target.read_text("utf-8")


def test_the_browser_is_opened_only_where_there_is_a_display(
    plain: PlainStudy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    opened: list[str] = []

    def show(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", show)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    page_of = ["page", str(plain.path), "edf", "--open", "-o"]
    assert main([*page_of, str(tmp_path / "one.html")]) == 0
    assert "There is no display" in capsys.readouterr().err
    monkeypatch.setenv("DISPLAY", ":0")
    assert main([*page_of, str(tmp_path / "two.html")]) == 0
    assert opened == [(tmp_path / "two.html").as_uri()]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_optuna_cannot_draw_is_refused_with_its_reason(plain: PlainStudy):
    values = [1e308, -1e308, 0.0, 1.0]
    trials = made(values, params={"x": param_of("x", FloatParam(0, 1), [0.1, 0.2, 0.3, 0.4])})
    request = FigureRequest((PlottedStudy(plain.path, "far", trials, ()),))
    with pytest.raises(UsageError, match="plot_parallel_coordinate cannot draw these trials"):
        page_figures(PAGE_KINDS["parallel"], request)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("plain.db", "pareto"), "A Pareto front needs two objectives"),
        (("plain.db", "hypervolume"), "A hypervolume needs two objectives"),
        (("evil.db", "advice"), "Too early to say"),
        (("evil.db", "intermediate"), "has reported an intermediate value"),
        (("plain.db", "timeline", "--log"), "--log has no effect on a timeline page"),
        (("plain.db", "slice", "--param", "nope"), "has a parameter 'nope'"),
        (("plain.db", "contour", "--param", "lr"), "needs two parameters"),
        (("plain.db", "history", "--filter", "state:fail"), "No trial of plain has completed yet"),
        (("plain.db", "history", "-o", "x.svg"), "must end in .html"),
        (("plain.db", "history", "-o", "nowhere/x.html"), "the folder does not exist"),
    ],
)
@pytest.mark.usefixtures("plain", "evil")
def test_what_is_refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    sentence: str,
):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert main(["page", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_without_plotly_it_says_how_to_install_it(
    plain: PlainStudy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def no_spec(_name: str) -> None:
        return None

    monkeypatch.setattr(page, "find_spec", no_spec)
    assert main(["page", str(plain.path)]) == 2
    assert "pip install 'hptui[plot]'" in capsys.readouterr().err
