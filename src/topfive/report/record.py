"""What a reader needs to use the run or to repeat it: the file shipped, its speed, recipe and environment."""

from __future__ import annotations

from topfive.evaluate import LabelEvaluation
from topfive.report.contents import Contents
from topfive.report.headline import Figure
from topfive.report.section import Section
from topfive.report.wording import amount, duration, size


def shipped(contents: Contents) -> Section | None:
    file = contents.shipped
    if file is None:
        return None
    figures = [Figure("File", size(file.file_bytes), "all that is needed to use it")]
    if file.params is not None:
        figures.append(Figure("Parameters", amount(file.params), f"{file.params:,} trainable"))
    if file.macs is not None:
        figures.append(Figure("Multiply-accumulates", amount(file.macs), f"{file.macs:,} an image"))
    if file.speed is not None:
        threads = f"{file.speed.threads} {'thread' if file.speed.threads == 1 else 'threads'}"
        slowest = f"median of one image by itself; 95% within {duration(file.speed.latency_p95)}"
        many = f"images a second, {file.speed.batch_size} at a time, on {threads}"
        figures += [
            Figure("Latency", duration(file.speed.latency_p50), slowest),
            Figure("Throughput", f"{file.speed.throughput:,.{0 if file.speed.throughput >= 100 else 1}f}", many),
        ]
    several = isinstance(contents.evaluation, LabelEvaluation)
    fitted = "a threshold for each class" if several else f"the calibration (temperature {file.temperature:.3f})"
    view = {
        "shipped": file,
        "fitted": fitted,
        "figures": figures,
        "processor": str(contents.environment.get("processor", "")),
    }
    return Section("file", "The shipped file", "shipped.html", view)


def made(contents: Contents) -> Section | None:
    tables = [("Recipe", contents.recipe), ("Environment", contents.environment)]
    filled = [(name, list(values.items())) for name, values in tables if values]
    return Section("recipe", "How it was made", "made.html", {"tables": filled}) if filled else None
