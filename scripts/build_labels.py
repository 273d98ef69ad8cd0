"""Write src/topfive/labels/imagenet.tsv: the 1,000 ImageNet synsets with their WordNet 3.0 lemmas.

Needs Debian's `wordnet-base` (its data.noun has the WordNet 3.0 offsets that ImageNet's identifiers are) and timm,
whose list of identifiers says which thousand were used.  Usage: python scripts/build_labels.py [data.noun]
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

NOUNS = Path("/usr/share/wordnet/data.noun")
TARGET = Path(__file__).parents[1] / "src/topfive/labels/imagenet.tsv"


def licence(nouns: Path) -> list[str]:
    """The licence that WordNet's own files begin with, and that every copy must carry (lines numbered from 1)."""
    lines = []
    for line in nouns.read_text(encoding="utf-8").splitlines():
        if not line.startswith("  "):
            break
        lines.append(line.strip().partition(" ")[2].strip())
    return lines


def lemmas(nouns: Path) -> dict[str, list[str]]:
    """Offset (eight digits) -> lemmas of every noun synset; the count of lemmas is hexadecimal (wndb(5WN))."""
    table = {}
    for line in nouns.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            continue
        offset, _, _, count, *words = line.split(" ")
        table[offset] = [word.replace("_", " ") for word in words[: 2 * int(count, 16) : 2]]
    return table


def main() -> None:
    nouns = Path(sys.argv[1]) if len(sys.argv) > 1 else NOUNS
    synsets = sorted(resources.files("timm").joinpath("data/_info/imagenet_synsets.txt").read_text().split())
    table = lemmas(nouns)
    header = [
        "The 1,000 ImageNet classes in the order of their index: WordNet 3.0 noun offset, then its lemmas split by |.",
        "",
        *licence(nouns),
    ]
    rows = [f"{synset}\t{'|'.join(table[synset.removeprefix('n')])}" for synset in synsets]
    text = "".join(f"# {line}".rstrip() + "\n" for line in header) + "".join(f"{row}\n" for row in rows)
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET}: {len(rows)} classes")


if __name__ == "__main__":
    main()
