"""Search: architectures found for given images and a given device.

A `SearchSpace` says which decisions make an architecture, a strategy proposes answers from the history of trials, an
evaluator trains what was proposed, an executor runs evaluators beside each other, and the journal is both the log of
it all and the checkpoint from which a search goes on.
"""
