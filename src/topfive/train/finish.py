"""What follows the last step: the best weights calibrated, shipped as one file, and measured as shipped."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topfive.artifact import Card
from topfive.data import ImageDataset, Splits
from topfive.data.table import label_cell, path_cell
from topfive.evaluate import Evaluation, evaluate, fit_temperature
from topfive.export import Parity, export, golden_images
from topfive.export.folder import write_folder
from topfive.labels import Labels, imagenet
from topfive.models import spec
from topfive.predictor import Predictor
from topfive.preprocess import Preprocess
from topfive.report import Contents, Shipped, worst_mistakes, write_report
from topfive.spec import Paper
from topfive.train.loop import Work, answers
from topfive.train.state import State

ARTIFACT, PREDICTIONS, REPORT = "model.onnx", "predictions.csv", "report.html"


@dataclass(frozen=True)
class Report:
    """A finished run: where it is, and what its artifact scores on `split`, the images it has not learnt from."""

    run: Path
    artifact: Path
    split: str
    evaluation: Evaluation
    parity: Parity
    temperature: float
    seconds: float
    best_epoch: int

    def text(self) -> str:
        """A few lines for people."""
        e = self.evaluation
        low, high = e.top1_interval.low, e.top1_interval.high
        return (
            f"{self.split}: top-1 {e.top1:.2%} (95% {low:.2%} to {high:.2%}), top-5 {e.top5:.2%}, nll {e.nll:.4f}, "
            f"ece {e.ece:.4f} on {e.n} images, measured on the shipped file\n"
            f"epoch {self.best_epoch} was best; trained in {self.seconds:.0f} s; "
            f"the file equals the network to {self.parity.difference:.1e}\n"
            f"{self.artifact}"
        )

    def contract(self) -> dict[str, Any]:
        """What `topfive train --json` prints."""
        return {
            "run": str(self.run),
            "artifact": str(self.artifact),
            "split": self.split,
            "n": self.evaluation.n,
            "top1": self.evaluation.top1,
        }


def finish(state: State, work: Work, splits: Splits, preprocess: Preprocess) -> Report:
    """Ship the weights that did best on the validation images, where there are none the last, and measure the file.

    The temperature is fitted on the validation images (Guo et al. 2017, arXiv:1706.04599, sec. 4.2).
    """
    model = state.evaluated
    if state.best.weights:
        model.load_state_dict(state.best.weights)
    temperature = 1.0
    if work.validation is not None:
        temperature = fit_temperature(*answers(model, work.validation, work))
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
        temperature=temperature,
    )
    write_folder(model, folder, preprocess=preprocess, labels=labels, card=card, temperature=temperature)
    predictor = Predictor.load(folder / ARTIFACT, threads=work.placement.threads, batch_size=64)
    evaluation = evaluate(predictor, measured)
    work.run.write(PREDICTIONS, predictions_table(evaluation, splits.classes).encode())
    report = Report(
        run=folder,
        artifact=folder / ARTIFACT,
        split=split,
        evaluation=evaluation,
        parity=parity,
        temperature=temperature,
        seconds=state.seconds,
        best_epoch=state.best.epoch + 1 if state.best.weights else work.recipe.epochs,
    )
    write_report(folder / REPORT, contents_of(report, work, splits, measured))
    return report


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
        metrics={"val_top1": state.best.top1} if state.best.weights else {},
    )


def predictions_table(evaluation: Evaluation, classes: tuple[str, ...]) -> str:
    """CSV `path,label,predicted,probability,correct`, one row an image, in the order of the data set."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["path", "label", "predicted", "probability", "correct"])
    best = evaluation.probabilities.argmax(axis=1)
    for name, label, guess, row in zip(
        evaluation.names, evaluation.labels, best, evaluation.probabilities, strict=True
    ):
        cells = [path_cell(name), label_cell(classes[label]), label_cell(classes[guess])]
        writer.writerow([*cells, f"{row[guess]:.6f}", int(label == guess)])
    return table.getvalue()


def contents_of(report: Report, work: Work, splits: Splits, measured: ImageDataset) -> Contents:
    """The run as its page tells it."""
    config = work.run.config
    assert config is not None
    model = spec(work.recipe.model)
    return Contents(
        title=work.run.folder.name,
        model=model.name,
        data=splits.name,
        split=report.split,
        evaluation=report.evaluation,
        paper=paper_of(model.paper),
        counts={name: len(part) for name, part in splits.parts()},
        curve=work.run.logged(),
        best_epoch=report.best_epoch,
        mistakes=worst_mistakes(report.evaluation, measured),
        skipped=splits.skipped,
        shipped=Shipped(
            file=ARTIFACT,
            file_bytes=report.artifact.stat().st_size,
            difference=report.parity.difference,
            tolerance=report.parity.tolerance,
            images=report.parity.images,
            agreement=report.parity.top1_agreement,
            temperature=report.temperature,
        ),
        recipe=config["recipe"],
        environment={**config["environment"], **config["placement"]},
        notes=(
            *splits.notes,
            *(f"resumed at step {r['step']}: {', '.join(r['differs'])}" for r in config.get("resumed", ())),
        ),
    )
