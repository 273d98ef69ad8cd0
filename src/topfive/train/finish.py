"""What follows the last step: the best weights calibrated, shipped as one file, and measured as shipped."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topfive.artifact import Card
from topfive.data import ImageDataset, Splits
from topfive.data.dataset import class_counts
from topfive.evaluate import Evaluation, LabelEvaluation
from topfive.evaluate.limits import ANY, Limits
from topfive.evaluate.speed import Speed, measure_speed
from topfive.export import Parity, export, golden_images
from topfive.export.folder import write_folder
from topfive.labels import Labels, imagenet
from topfive.models import spec
from topfive.nn.classifier import Classifier
from topfive.nn.measure import count_facts
from topfive.predictor import Predictor
from topfive.preprocess import Preprocess
from topfive.report import Contents, Shipped, write_report
from topfive.report.predictions import PREDICTIONS
from topfive.report.result import RESULT, LabelResult, Result, to_json
from topfive.spec import Paper
from topfive.train.evidence import Evidence, examples_of
from topfive.train.grown import as_grown
from topfive.train.kept import Kept, within
from topfive.train.loop import Work, answers
from topfive.train.state import State
from topfive.train.task import Decision, Task

ARTIFACT, REPORT = "model.onnx", "report.html"


@dataclass(frozen=True)
class Report:
    """A finished run: where it is, and what its artifact scores on `split`, the images it has not learnt from."""

    run: Path
    artifact: Path
    split: str
    evaluation: Evaluation | LabelEvaluation
    parity: Parity
    decision: Decision
    seconds: float
    best_epoch: int
    task: Task[Any] = field(repr=False)
    kept: Kept | None = None

    def text(self) -> str:
        """A few lines for people."""
        in_floats = "" if self.kept is None or self.kept.precision == "float32" else " in floats"
        lines = [
            f"{self.split}: {self.task.told(self.evaluation)} on {self.evaluation.n} images, "
            "measured on the shipped file",
            f"epoch {self.best_epoch} was best; trained in {self.seconds:.0f} s; "
            f"the file{in_floats} equals the network to {self.parity.difference:.1e}",
            *([] if self.kept is None else [self.kept.text()]),
            f"{self.artifact}",
        ]
        return "\n".join(lines)

    def contract(self) -> dict[str, Any]:
        """What `topfive train --json` prints."""
        return {
            "run": str(self.run),
            "artifact": str(self.artifact),
            "split": self.split,
            "n": self.evaluation.n,
            **self.task.contract(self.evaluation),
            **({} if self.kept is None else self.kept.contract()),
        }


def finish(state: State, work: Work, splits: Splits, preprocess: Preprocess, limits: Limits = ANY) -> Report:
    """Ship the weights that did best on the validation images, where there are none the last, and measure the file.

    Where that breaks the limits, and in int8 does not, it is shipped in int8.  Where the time was over while images
    still grew, the file sees smaller ones.
    """
    work, preprocess = as_grown(state, work, splits, preprocess)
    model = state.evaluated
    if state.best.weights:
        model.load_state_dict(state.best.weights)
    model.remove_sides()  # they have done their part
    task = work.task
    decision = task.undecided
    if work.validation is not None:
        decision = task.decide(*answers(model, work.validation, work))
    split, measured = held_out(splits)
    labels, card = labels_of(splits), card_of(work, splits, state)
    folder = work.run.folder
    parity = export(
        model,
        folder / ARTIFACT,
        preprocess=preprocess,
        labels=labels,
        card=card,
        golden=golden_images(measured, preprocess),
        **vars(decision),
    )
    write_folder(model, folder, preprocess=preprocess, labels=labels, card=card, **vars(decision))
    kept = within(limits, folder / ARTIFACT, model, work, splits, preprocess) if limits else None
    predictor = Predictor.load(folder / ARTIFACT, threads=work.placement.threads, batch_size=64)
    evaluation = task.measure(predictor, measured)
    work.run.write(PREDICTIONS, task.predictions(evaluation, splits.classes).encode(errors="surrogateescape"))
    report = Report(
        run=folder,
        artifact=folder / ARTIFACT,
        split=split,
        evaluation=evaluation,
        parity=parity,
        decision=decision,
        seconds=state.seconds,
        best_epoch=state.best.epoch + 1 if state.best.weights else math.ceil(state.step / work.batches.steps),
        task=task,
        kept=kept,
    )
    result = result_of(report, model, preprocess, measure_speed(predictor), work.recipe.model)
    write_report(folder / REPORT, contents_of(report, result, work, splits, Evidence(model, preprocess)))
    work.run.write(RESULT, to_json(result))  # last: who finds it, finds a finished run
    return report


def result_of(
    report: Report, model: Classifier, preprocess: Preprocess, speed: Speed, name: str
) -> Result | LabelResult:
    """The run in figures."""
    facts = count_facts(spec(name).build, preprocess.side, model.num_classes, model.in_channels)
    return report.task.result(
        report.evaluation,
        report.decision,
        model=name,
        split=report.split,
        best_epoch=report.best_epoch,
        seconds=report.seconds,
        params=facts.params,
        macs=facts.macs,
        file_bytes=report.artifact.stat().st_size,
        speed=speed,
    )


def held_out(splits: Splits) -> tuple[str, ImageDataset]:
    """The images to measure on: test, else val, else, for want of others, train."""
    return next((name, part) for name, part in reversed(splits.parts()) if len(part))


def labels_of(splits: Splits) -> Labels:
    """The data set's class names; where these are ImageNet's synsets, their words too."""
    known = imagenet()
    words = dict(zip(known.synsets, known.names, strict=True))
    if all(name in words for name in splits.classes):
        return Labels(tuple(words[name] for name in splits.classes), splits.classes)
    return Labels(splits.classes)


def paper_of(paper: Paper) -> str:
    """A paper in one line."""
    where = f"arXiv:{paper.arxiv}" if paper.arxiv else str(paper.year)
    return f"{paper.title}. {paper.authors}, {where}"


def card_of(work: Work, splits: Splits, state: State) -> Card:
    """What the file says of its origin."""
    model = spec(work.recipe.model)
    return Card(
        architecture=model.name,
        paper=paper_of(model.paper),
        data=f"{splits.name}, {len(splits.train)} training images, fingerprint {splits.fingerprint[:16]}",
        recipe=work.recipe.digest(),
        metrics={work.task.metric: state.best.score} if state.best.weights else {},
    )


def contents_of(
    report: Report, result: Result | LabelResult, work: Work, splits: Splits, evidence: Evidence
) -> Contents:
    """The run as its page tells it."""
    config = work.run.config
    assert config is not None
    model = spec(work.recipe.model)
    _, measured = held_out(splits)
    mistakes, pairs, troubles = examples_of(report.evaluation, measured, evidence)
    return Contents(
        title=work.run.folder.name,
        model=model.name,
        data=splits.name,
        split=report.split,
        evaluation=report.evaluation,
        paper=paper_of(model.paper),
        counts={name: len(part) for name, part in splits.parts()},
        balance={name: class_counts(part.labels, len(part.classes)) for name, part in splits.parts()},
        curve=work.run.logged(),
        best_epoch=report.best_epoch,
        mistakes=mistakes,
        pairs=pairs,
        skipped=splits.skipped,
        shipped=Shipped(
            file=ARTIFACT,
            file_bytes=result.file_bytes,
            difference=report.parity.difference,
            tolerance=report.parity.tolerance,
            images=report.parity.images,
            agreement=report.parity.top1_agreement,
            temperature=report.decision.temperature,
            params=result.params,
            macs=result.macs,
            speed=result.speed,
            precision="float32" if report.kept is None else report.kept.precision,
            limits="" if report.kept is None else report.kept.text(),
        ),
        recipe=config["recipe"],
        environment={**config["environment"], **config["placement"]},
        notes=(
            *splits.notes,
            *(f"resumed at step {r['step']}: {', '.join(r['differs'])}" for r in config.get("resumed", ())),
            *troubles,
        ),
    )
