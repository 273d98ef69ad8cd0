"""What holds for every strategy: a function of history, in any space."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topfive.errors import UsageError
from topfive.search.space import Decision, SearchSpace
from topfive.search.strategies import STRATEGIES, strategy_named
from topfive.search.trial import Failure, Measurement, Trial

pytestmark = pytest.mark.usefixtures("few_steps")

PROCESS = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("toy", sys.argv[1])
toy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toy)
from topfive.search.strategies import STRATEGIES, strategy_named, surrogate
surrogate.STEPS = 3
print(json.dumps({name: [trial.choices for trial in toy.searched(toy.row(), strategy_named(name, 3), 4)]
                  for name in STRATEGIES}))
"""


@pytest.fixture(params=sorted(STRATEGIES))
def name(request):
    return request.param


def test_a_resumed_search_goes_on_as_one_that_never_stopped(toy, name):
    whole = toy.searched(toy.row(), strategy_named(name), rounds=5)
    for rounds in (1, 3):
        begun = toy.searched(toy.row(), strategy_named(name), rounds)
        assert toy.searched(toy.row(), strategy_named(name), 5 - rounds, history=begun) == whole


def test_what_was_asked_before_changes_nothing(toy, name):
    strategy, rng = strategy_named(name), np.random.default_rng
    whole = toy.searched(toy.row(), strategy, rounds=4)
    other = toy.searched(toy.row(), strategy, rounds=2, seed=1)
    strategy(toy.row(), other, 20, rng(0))
    early = [trial for trial in whole if trial.round < 2]
    assert strategy(toy.row(), early, 20, rng(4)) == strategy_named(name)(toy.row(), early, 20, rng(4))
    assert strategy(toy.row(), whole, 20, rng(4)) == strategy_named(name)(toy.row(), whole, 20, rng(4))


def test_results_make_a_difference(toy, name):
    """Without this, those that ignore history would pass all the others."""
    strategy = strategy_named(name)
    good, bad = (
        [trial.choices for trial in toy.searched(toy.row(), strategy, 12, reward=reward)]
        for reward in (toy.worth, lambda choices: -toy.worth(choices))
    )
    assert (good[-20:] != bad[-20:]) or name == "random"


def test_a_fresh_process_proposes_the_same(toy):
    own = {
        name: [list(trial.choices) for trial in toy.searched(toy.row(), strategy_named(name, 3), 4)]
        for name in STRATEGIES
    }
    here = Path(__file__).with_name("conftest.py")
    done = subprocess.run([sys.executable, "-c", PROCESS, str(here)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == own


@st.composite
def spaces(draw):
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    levels = draw(st.sets(st.integers(1, len(sizes)), max_size=3)) | {len(sizes)}
    asked = tuple(Decision(str(place), tuple("abc"[:size])) for place, size in enumerate(sizes))
    structure = draw(st.sampled_from([str, lambda choices: str(sorted(choices))]))
    return SearchSpace("any", asked, str, structure, tuple(sorted(levels)))


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(space=spaces(), count=st.integers(1, 7), failing=st.booleans())
def test_in_any_space_proposals_are_of_it_and_a_search_ends(name, space, count, failing):
    """archai's bug: a constrained space loops for ever.  Here rounds without anything new end a search."""
    strategy, history, fruitless, known = strategy_named(name), [], 0, set()
    for number in range(3 * space.size * len(space.levels) + 8):
        proposals = strategy(space, history, count, np.random.default_rng(number))
        assert len(proposals) <= count
        new = {space.key(space.checked(choices)) for choices in proposals} - known
        known |= new
        fruitless = 0 if new else fruitless + 1
        if not proposals or fruitless == 3:
            break
        for choices in proposals:
            reward = None if failing and sum(choices) % 2 else 1 / (1 + sum(choices))
            outcome = Failure("too big") if reward is None else Measurement(reward, 1, 1, 1.0)
            history.append(Trial(len(history), number, choices, space.key(choices), "", outcome, reward))
    else:
        raise AssertionError("it never ended")


@pytest.mark.parametrize(("quick", "times"), [("evolution", 4), ("reinforce", 2), ("ppo", 2), ("pnas", 4)])
def test_the_optimum_is_found_sooner_than_by_chance(toy, monkeypatch, quick, times):
    monkeypatch.undo()  # surrogates learn
    took = [sum(toy.models(toy.row(), strategy_named(s), 1.0, seed) for seed in (0, 1)) for s in (quick, "random")]
    assert took[0] < took[1] / times


def test_unknown_names_are_told_the_nearest():
    with pytest.raises(UsageError, match=r"did you mean 'evolution'\?"):
        strategy_named("evolutoin")


def test_settings_can_be_read_in_a_journal(name):
    """No address of an object, which would differ in the next process."""
    assert dataclasses.is_dataclass(strategy_named(name))
    assert " at 0x" not in repr(strategy_named(name))
