"""Search by shared weights: one network that holds every cell of a space, trained once.

A door of its own: nothing here is a history of trials.  It costs one training of a network some ten times as slow as
what it finds, instead of hundreds of trainings, and it knows less.  How good a cell is with shared weights says little
of how good it is with its own: the ranks of the two hardly agree, and random search is as good in the papers' spaces
(Li and Talwalkar 2019, arXiv:1902.07638; Yu et al. 2019, arXiv:1902.08142).  What it finds is therefore a proposal, to
be held against random cells of the same space.
"""
