"""What follows the last step: the best weights calibrated, shipped as one file, and measured as shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from topfive.artifact import Card
from topfive.data import ImageDataset, Splits
from topfive.evaluate import Evaluation, evaluate, fit_temperature
from topfive.evaluate.speed import Speed, measure_speed
from topfive.explain import grad_cam, overlay
from topfive.export import Parity, export, golden_images
from topfive.export.folder import write_folder
from topfive.labels import Labels, imagenet
from topfive.models import spec
from topfive.nn.classifier import Classifier
from topfive.nn.measure import count_facts
from topfive.predictor import Predictor
from topfive.preprocess import Preprocess
from topfive.report import Contents, Mistake, Shipped, hardest_pairs, worst_mistakes, write_report
from topfive.report.contents import Pixels
from topfive.report.predictions import PREDICTIONS, predictions_table
from topfive.report.result import RESULT, Result, to_json
from topfive.spec import Paper
from topfive.train.loop import Work, answers
from topfive.train.state import State

ARTIFACT, REPORT = "model.onnx", "report.html"


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
    model.remove_sides()  # they have done their part
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
    work.run.write(PREDICTIONS, predictions_table(evaluation, splits.classes).encode(errors="surrogateescape"))
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
    result = result_of(report, model, preprocess, measure_speed(predictor), work.recipe.model)
    write_report(folder / REPORT, contents_of(report, result, work, splits, Evidence(model, preprocess)))
    work.run.write(RESULT, to_json(result))  # last: who finds it, finds a finished run
    return report


def result_of(report: Report, model: Classifier, preprocess: Preprocess, speed: Speed, name: str) -> Result:
    """The run in figures."""
    evaluation = report.evaluation
    facts = count_facts(spec(name).build, preprocess.side, model.num_classes, model.in_channels)
    return Result(
        model=name,
        split=report.split,
        n=evaluation.n,
        top1=evaluation.top1,
        top5=evaluation.top5,
        macro_f1=evaluation.macro_f1,
        nll=evaluation.nll,
        ece=evaluation.ece,
        temperature=report.temperature,
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
        metrics={"val_top1": state.best.top1} if state.best.weights else {},
    )


@dataclass(frozen=True)
class Evidence:
    """Shows what the network saw of pictures, under where the evidence for a class lies."""

    model: Classifier
    preprocess: Preprocess

    def __call__(self, pictures: Sequence[Pixels], classes: Sequence[int]) -> list[Pixels]:
        seen = np.stack([self.preprocess.pixels(_upright(picture)) for picture in pictures])
        heat = grad_cam(self.model, self.preprocess.normalise(seen), classes)
        return [
            overlay(np.broadcast_to(one.transpose(1, 2, 0), (*one.shape[1:], 3)), where).transpose(2, 0, 1)
            for one, where in zip(seen, heat, strict=True)
        ]


def _upright(picture: Pixels) -> Pixels:
    """[H, W] or [H, W, 3], as preprocessing takes them."""
    return picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)


def contents_of(report: Report, result: Result, work: Work, splits: Splits, evidence: Evidence) -> Contents:
    """The run as its page tells it."""
    config = work.run.config
    assert config is not None
    model = spec(work.recipe.model)
    _, measured = held_out(splits)
    mistakes, troubles = _mistakes(report.evaluation, measured, evidence)
    return Contents(
        title=work.run.folder.name,
        model=model.name,
        data=splits.name,
        split=report.split,
        evaluation=report.evaluation,
        paper=paper_of(model.paper),
        counts={name: len(part) for name, part in splits.parts()},
        balance={name: np.bincount(part.labels, minlength=len(part.classes)) for name, part in splits.parts()},
        curve=work.run.logged(),
        best_epoch=report.best_epoch,
        mistakes=mistakes,
        pairs=hardest_pairs(report.evaluation, measured),
        skipped=splits.skipped,
        shipped=Shipped(
            file=ARTIFACT,
            file_bytes=result.file_bytes,
            difference=report.parity.difference,
            tolerance=report.parity.tolerance,
            images=report.parity.images,
            agreement=report.parity.top1_agreement,
            temperature=report.temperature,
            params=result.params,
            macs=result.macs,
            speed=result.speed,
        ),
        recipe=config["recipe"],
        environment={**config["environment"], **config["placement"]},
        notes=(
            *splits.notes,
            *(f"resumed at step {r['step']}: {', '.join(r['differs'])}" for r in config.get("resumed", ())),
            *troubles,
        ),
    )


def _mistakes(
    evaluation: Evaluation, measured: ImageDataset, evidence: Evidence
) -> tuple[tuple[Mistake, ...], tuple[str, ...]]:
    """The gallery, and notes; what is trained and shipped is not lost because a drawing for its page fails."""
    try:
        return worst_mistakes(evaluation, measured, heat=evidence), ()
    except Exception as error:
        line = (str(error).splitlines() or [""])[0]
        note = f"no map of where the network looked: {line or type(error).__name__}"
        return worst_mistakes(evaluation, measured), (note,)
