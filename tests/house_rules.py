"""What a linter does not know: the lineage, the order inside a paper's file, and what no file may do."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from topfive.models import TIMELINE

SOURCE = Path(__file__).parents[1] / "src" / "topfive"
MODULES = sorted(SOURCE.rglob("*.py"))
PAPERS = [path for path in sorted((SOURCE / "models").glob("*.py")) if path.name != "__init__.py"]
LINES = 400
WITH_TORCH = {"train", "explain", "export", "weights", "models", "nn", "search", "claims"}
SOURCE_OF_A_PAPER = re.compile(r"arXiv:\d{4}\.\d{4,5}|doi:10\.\S+|\b(NIPS|NeurIPS|CVPR|ICLR|ICML|ECCV|ICCV|BMVC) \d{4}")


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def imports(tree: ast.Module) -> list[str]:
    """Full names of what a file imports, wherever in the file."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def ancestors(path: Path) -> set[str]:
    """The papers that a paper's file imports."""
    prefix = "topfive.models."
    names = imports(ast.parse(path.read_text(encoding="utf-8")))
    return {name.removeprefix(prefix).split(".")[0] for name in names if name.startswith(prefix)}


def newer_ancestors(path: Path, order: list[str]) -> list[str]:
    return [name for name in ancestors(path) if order.index(name) >= order.index(path.stem)]


def part(statement: ast.stmt) -> int:
    """A statement's place in a paper's file: docstring 0, imports 1, PAPER 2, blocks and network 3, VARIANTS 4."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return 1
    if isinstance(statement, ast.Expr):
        return 0
    names = [target.id for target in getattr(statement, "targets", []) if isinstance(target, ast.Name)]
    return {"PAPER": 2, "VARIANTS": 4}.get(names[0] if names else "", 3)


def misplaced(tree: ast.Module) -> list[int]:
    """Lines that come after what they should stand before."""
    return [after.lineno for before, after in pairwise(tree.body) if part(after) < part(before)]


def test_there_is_something_to_check() -> None:
    assert len(PAPERS) >= 8
    assert len(MODULES) > len(PAPERS)


def test_every_paper_is_in_the_timeline() -> None:
    assert {path.stem for path in PAPERS} == {module.__name__.split(".")[-1] for module in TIMELINE}


@pytest.mark.parametrize("path", PAPERS, ids=name_of)
def test_a_paper_imports_only_older_papers(path: Path) -> None:
    order = [module.__name__.split(".")[-1] for module in TIMELINE]
    assert newer_ancestors(path, order) == []


def test_an_import_of_a_newer_paper_is_seen(tmp_path: Path) -> None:
    old = tmp_path / "vgg.py"
    old.write_text("from topfive.models.resnet import Basic\n", encoding="utf-8")
    assert newer_ancestors(old, ["vgg", "resnet"]) == ["resnet"]
    old.write_text("from topfive.models import resnet\n", encoding="utf-8")
    assert newer_ancestors(old, ["vgg", "resnet"]) == ["resnet"]


@pytest.mark.parametrize("path", PAPERS, ids=name_of)
def test_a_papers_file_names_its_paper_and_keeps_the_order(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree) or ""
    assert SOURCE_OF_A_PAPER.search(docstring)
    assert "[N, C, H, W]" in docstring
    assert misplaced(tree) == []
    assert {2, 4} <= {part(statement) for statement in tree.body}
    assert part(tree.body[-1]) == 4


def test_a_block_after_the_variants_is_seen() -> None:
    assert misplaced(ast.parse('"""Doc."""\nimport torch\nPAPER = 1\nVARIANTS = ()\nclass Block: ...\n')) == [5]


def offenders(offends: Callable[[Path, ast.Module], object]) -> list[str]:
    """The files that break a rule."""
    return [name_of(path) for path in MODULES if offends(path, ast.parse(path.read_text(encoding="utf-8")))]


def calls(tree: ast.Module) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_no_file_is_long() -> None:
    assert offenders(lambda path, _: len(path.read_text(encoding="utf-8").splitlines()) > LINES) == []


def test_every_module_says_what_it_is() -> None:
    assert offenders(lambda _, tree: not ast.get_docstring(tree)) == []


def test_only_the_command_line_prints_or_exits() -> None:
    forbidden = {"print", "exit", "quit", "sys.exit", "os._exit"}

    def offends(path: Path, tree: ast.Module) -> bool:
        return path.parent.name != "cli" and any(ast.unparse(call.func) in forbidden for call in calls(tree))

    assert offenders(offends) == []


def loads_pickle(tree: ast.Module) -> bool:
    given = {(keyword.arg, ast.unparse(keyword.value)) for call in calls(tree) for keyword in call.keywords}
    unsaid = (
        call
        for call in calls(tree)
        if ast.unparse(call.func) == "torch.load" and "weights_only" not in {keyword.arg for keyword in call.keywords}
    )
    modules = {name.split(".")[0] for name in imports(tree)}
    return bool(
        {("weights_only", "False"), ("allow_pickle", "True")} & given
        or {"pickle", "dill", "joblib", "shelve"} & modules
        or any(unsaid)
    )


def test_no_pickle_is_loaded() -> None:
    assert offenders(lambda _, tree: loads_pickle(tree)) == []


@pytest.mark.parametrize(
    "line", ["torch.load(x)", "torch.load(x, weights_only=False)", "np.load(x, allow_pickle=True)", "import pickle"]
)
def test_a_pickle_that_is_loaded_is_seen(line: str) -> None:
    assert loads_pickle(ast.parse(line))
    assert not loads_pickle(ast.parse("torch.load(x, weights_only=True)"))


def test_torch_stays_on_its_floors() -> None:
    def offends(path: Path, tree: ast.Module) -> bool:
        floor = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if floor == "cli":  # which stands above them all, and imports inside a verb
            tree = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        return floor not in WITH_TORCH and "torch" in {name.split(".")[0] for name in imports(tree)}

    assert offenders(offends) == []


def test_oracles_stay_in_the_tests() -> None:
    assert offenders(lambda _, tree: {"timm", "pytorchcv"} & {name.split(".")[0] for name in imports(tree)}) == []
