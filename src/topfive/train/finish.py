"""What follows the last step: the best weights calibrated, shipped, and measured as shipped."""
from __future__ import annotations
from dataclasses import dataclass
from topfive.train.loop import answers
from topfive.evaluate.metrics import rank
from topfive.train.batches import EvaluationBatches
@dataclass(frozen=True)
class Report:
    n: int
    top1: float
def finish(state, work, splits, preprocess):
    if state.best.weights: state.evaluated.load_state_dict(state.best.weights)
    l,y=answers(state.evaluated, EvaluationBatches(splits.test, preprocess, 256, 2), work)
    return Report(len(y), float((rank(l,y)==0).mean()))
