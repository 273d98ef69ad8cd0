"""`topfive search DATA`: from images to an architecture made for them, held against a hand-made one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from rich.console import Console
from rich.text import Text
from typer import Argument, Option

from topfive.cli.recipe_flags import seconds_from
from topfive.cli.search_progress import BEST, trials_table
from topfive.cli.search_table import as_line
from topfive.errors import UsageError, need_to_train, shown
from topfive.report.wording import duration, percent

if TYPE_CHECKING:
    from topfive.search.protocols import Executor
    from topfive.search.settings import Budget, Config
    from topfive.search.trial import Trial
    from topfive.search.whole import Outcome

ANY = "lenet5"  # a network's name, where the data are opened and it does not matter
TRIAL_SECONDS = 900.0  # a trial that takes longer hangs
TRIAL_MEMORY = 0.8  # share of the machine's memory that all trials together may take


def search(
    data: Annotated[str | None, Argument(help="A folder, a CSV file or a name (topfive data list).")] = None,
    time: Annotated[str | None, Option(help="Of all of it. Default: 60m, or as --trials take.")] = None,
    trials: Annotated[int | None, Option(min=1, help="Networks to evaluate at most.")] = None,
    space: Annotated[str | None, Option(help="What networks may be made of. Default: what suits the images.")] = None,
    strategy: Annotated[
        str | None, Option(help="random, evolution, reinforce, ppo, pnas or pnas-rnn. Default: evolution.")
    ] = None,
    objective: Annotated[
        str | None, Option(help="accuracy, or MnasNet's reward, soft or hard, against the limit that is stated.")
    ] = None,
    max_latency: Annotated[
        str | None, Option(metavar="TIME", help="Most for one image on one thread of this machine, e.g. 2ms.")
    ] = None,
    max_macs: Annotated[
        str | None, Option(metavar="NUMBER", help="Most multiply-accumulates for one image, e.g. 10M.")
    ] = None,
    seed: Annotated[int | None, Option(min=0, help="Decides every random draw. Default: 0.")] = None,
    round: Annotated[int | None, Option(min=1, help="Networks that are proposed at a time. Default: 8.")] = None,
    trial_images: Annotated[int | None, Option(min=2, help="Images that a trial learns from.")] = None,
    trial_epochs: Annotated[int | None, Option(min=1, help="How often it sees them.")] = None,
    train_time: Annotated[
        str | None, Option(help="Of each of the two trainings at the end; 0 for none. Default: 0.15 of the time.")
    ] = None,
    out: Annotated[Path | None, Option(help="The folder of the search. Default: runs/DATA-search.")] = None,
    resume: Annotated[
        str | None, Option(metavar="[DIR]", help="Continue the search in DIR, or in --out where no DIR follows.")
    ] = None,
    executor: Annotated[Literal["local", "ray"], Option(help="Processes here, or a Ray cluster.")] = "local",
    workers: Annotated[int | None, Option(min=1, help="Trials at a time. Default: one a core.")] = None,
    evaluator: Annotated[
        str | None, Option(metavar="table:FILE", help="Answer from a table that topfive search tabulate made.")
    ] = None,
    data_root: Annotated[Path | None, Option(help="Where named data sets lie.")] = None,
    split_seed: Annotated[int, Option(help="Decides which images are held out, where the data do not say.")] = 0,
    val_fraction: Annotated[float, Option(help="Share of images held out to choose the best epoch.")] = 0.1,
    test_fraction: Annotated[float, Option(help="Share of images held out to measure the result.")] = 0.1,
    as_json: Annotated[bool, Option("--json", help="One JSON line a trial on stdout, and one for the result.")] = False,
) -> None:
    """Search the architecture for given images, and train it against a hand-made network of the same cost.

    Trials train small networks for seconds on some of the training images; the best one is trained in full, by the
    same recipe as a hand-made network with as many multiply-accumulates, and both are compared on the test images.

    A search that was stopped or killed goes on with --resume. Its parts have their own help: topfive search tabulate
    --help.
    """
    from topfive.evaluate.limits import limits_from

    limits = limits_from(latency=max_latency, macs=max_macs)
    if evaluator is not None:
        from topfive.cli.search_table import replay

        if data is not None:
            raise UsageError("search", data, "a table needs no images", "Leave out DATA, or --evaluator")
        replay(evaluator, space, strategy, objective, limits.macs, trials, seed or 0, round, as_json)
        return
    need_to_train()
    from topfive.cli.progress import TrainingProgress
    from topfive.cli.search_progress import SearchProgress
    from topfive.search.choice import check_names, settings_for
    from topfive.search.settings import Config, Source
    from topfive.search.whole import whole
    from topfive.train import DataChoices, Request, settle
    from topfive.train.run import new_folder

    data, folder, begun = _place(data, out, resume)
    wishes = {
        "space": space,
        "strategy": strategy,
        "objective": objective,
        "max_latency": limits.latency,
        "max_macs": limits.macs,
        "seed": seed,
        "round": round,
        "training": trial_images,
        "epochs": trial_epochs,
    }
    given: dict[str, Any] = {name: value for name, value in wishes.items() if value is not None}
    if begun is None:
        check_names(given)
    budget = _budget(time, trials, train_time, begun)
    choices = DataChoices(split_seed, val_fraction, test_fraction)
    if begun is not None:
        old = begun.source
        data = data or old.source
        data_root = data_root or (None if old.root is None else Path(old.root))
        choices = DataChoices(**{field.name: getattr(old, field.name) for field in dataclasses.fields(DataChoices)})
    with TrainingProgress() as training:
        settled = settle(Request(data, settings={"model": ANY}, data_root=data_root, choices=choices), training)
        splits = settled.splits
        if begun is None:
            settings = settings_for(splits, given, training)
        else:
            settings = dataclasses.replace(begun.settings, **given, fingerprint=splits.fingerprint)
        if folder is None:
            folder = new_folder(None, f"{Path(splits.name).stem}-search")
        config = Config(source=Source(**settled.source), settings=settings, budget=budget)
        training.note(_told(budget, folder))
        outcome = whole(
            folder,
            config,
            splits,
            _executor(executor, workers),
            lambda taken: SearchProgress(budget.search_seconds, budget.trials, taken),
            training,
        )
    if as_json:
        for line in (*map(_line, outcome.trials), _contract(outcome)):
            print(json.dumps(line))
    else:
        _print(outcome, Console(highlight=False))


def _place(data: str | None, out: Path | None, resume: str | None) -> tuple[str | None, Path | None, Config | None]:
    """The data, the folder where it is named, and what the search in it was begun with."""
    from topfive.search.settings import CONFIG, read_config
    from topfive.train.run import new_folder

    if resume and data is None and out is not None and not (Path(resume) / CONFIG).exists():
        data, resume = resume, ""  # in `--resume DATA --out DIR`, DATA stands where a folder may
    if resume is None:
        return data, None if out is None else new_folder(out, ""), None
    if resume:
        return data, Path(resume), read_config(Path(resume))
    if out is None:
        raise UsageError("--resume", None, "which search?", "Name its folder: --resume runs/NAME, or give --out")
    return data, out, read_config(out) if (out / CONFIG).exists() else None


def _budget(time: str | None, trials: int | None, train_time: str | None, begun: Config | None) -> Budget:
    """What is stated, and else what the search was begun with."""
    from topfive.search.choice import budget_for

    seconds = None if time is None else seconds_from(time)
    training = None if train_time is None else 0.0 if train_time.strip() in ("0", "0s") else seconds_from(train_time)
    if begun is None:
        return budget_for(seconds, trials, training)
    old = begun.budget
    return budget_for(
        old.time if seconds is None and trials is None else seconds,
        old.trials if trials is None and seconds is None else trials,
        old.train_time if training is None and seconds is None else training,
    )


def _executor(name: str, workers: int | None) -> Executor:
    from topfive.search.executors.cluster import Cluster
    from topfive.search.executors.local import Local, cores
    from topfive.train.loading import memory_bytes

    count = workers or cores()
    memory = int(TRIAL_MEMORY * memory_bytes() / count)
    if name == "ray":
        return Cluster(workers=workers, local=Local(1, memory, TRIAL_SECONDS))
    return Local(count, memory, TRIAL_SECONDS)


def _told(budget: Budget, folder: Path) -> str:
    """How the time is shared."""
    parts = [f"{budget.trials} networks"] if budget.trials else []
    if budget.search_seconds is not None:
        parts.append(f"{duration(budget.search_seconds)} of searching")
    if budget.train_time:
        parts.append(f"then {duration(budget.train_time)} for the winner and as much for a hand-made network")
    return f"{', '.join(parts)}; written to {shown(folder)}"


def _line(trial: Trial) -> dict[str, Any]:
    return {**as_line(trial), "seconds": getattr(trial.outcome, "seconds", None)}


def _contract(outcome: Outcome) -> dict[str, Any]:
    """The last line of `--json`."""
    from topfive.search.finals import GENOTYPE

    found: dict[str, Any] = {
        "search": str(outcome.folder),
        "genotype": str(outcome.folder / GENOTYPE),
        "model": outcome.winner.model,
        "trial": outcome.winner.number,
        "reward": outcome.winner.reward,
        "second_look": [{"trial": trial.number, "reward": trial.reward} for trial in outcome.again],
    }
    if outcome.comparison is None:
        return found
    pair = outcome.comparison.pairs[0].paired
    assert pair is not None
    for name, run in zip(("winner", "rival"), outcome.comparison.runs.values(), strict=True):
        result = run.result
        found[name] = {"run": str(run.folder), "model": result.model, "top1": result.figure, "macs": result.macs}
    interval = [pair.interval.low, pair.interval.high]
    return {**found, "n": pair.n, "difference": pair.difference, "interval": interval, "p": pair.p}


def _print(outcome: Outcome, console: Console) -> None:
    from topfive.search.finals import GENOTYPE, best_of
    from topfive.search.page import verdict
    from topfive.search.whole import PAGE

    console.print(trials_table(best_of(outcome.trials)[:BEST]))
    console.soft_wrap = True
    console.print()
    if outcome.comparison is not None:
        for name, run in outcome.comparison.runs.items():
            interval = outcome.comparison.intervals[name]
            bounds = f"{percent(interval.low)} to {percent(interval.high)}"
            console.print(Text(f"{name:<7} {percent(run.result.figure)}  95% interval {bounds}  {shown(run.folder)}"))
        console.print(Text(verdict(outcome.comparison)))
    console.print(Text(shown(outcome.folder / PAGE)))
    console.print(Text(f"topfive train DATA --model {shown(outcome.folder / GENOTYPE)}"))
