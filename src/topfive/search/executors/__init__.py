"""Where evaluations run: here, in processes of this machine, or on many machines."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from pydantic import ValidationError

from topfive.errors import DivergedError, TopfiveError
from topfive.search.protocols import Evaluator, Job
from topfive.search.trial import Failure, Measurement

MAXIMUM_REASON = 300  # characters
OUT_OF_MEMORY = "out of memory"
_TORCH_SAYS = ("not enough memory", "can't allocate memory", "out of memory")


def in_process(
    evaluate: Evaluator, jobs: Iterable[Job]
) -> Generator[tuple[Job, Measurement | Failure] | None, None, None]:
    """An executor for evaluators that take no time: one job after the other, in this process."""
    for job in jobs:
        yield job, attempt(evaluate, job)


def attempt(evaluate: Evaluator, job: Job) -> Measurement | Failure:
    """What comes of one job.  Whatever is raised is a failure: the same job would raise it again."""
    try:
        return evaluate(job.model, job.seed)
    except MemoryError:
        return Failure(OUT_OF_MEMORY)
    except ValidationError as error:
        first = error.errors()[0]
        return Failure(f"measured {first['input']}: {first['msg']}"[:MAXIMUM_REASON])
    except DivergedError as error:
        return Failure(f"diverged: {error.why}"[:MAXIMUM_REASON])
    except TopfiveError as error:
        return Failure(str(error)[:MAXIMUM_REASON])
    except Exception as error:
        text = " ".join(str(error).split())
        if isinstance(error, RuntimeError) and any(words in text for words in _TORCH_SAYS):
            return Failure(OUT_OF_MEMORY)
        return Failure(f"{type(error).__name__}: {text}"[:MAXIMUM_REASON])
