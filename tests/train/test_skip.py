import pytest

from topfive.errors import UsageError
from topfive.train.skip import skips_from


@pytest.mark.parametrize(("text", "skips"), [("stop", 0), ("skip:1", 1), ("skip:120", 120)])
def test_what_is_done_about_a_loss_that_is_no_number(text, skips):
    assert skips_from(text) == skips


@pytest.mark.parametrize(
    "text", ["", "skip", "skip:", "skip:0", "skip:-1", "skip:1.5", "skip:1 ", "Stop", "skip:" + "9" * 10]
)
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError, match="--nan"):
        skips_from(text)
