"""What a linter does not know: the lineage, the order inside a paper's file, and what no file may do."""

from __future__ import annotations

import ast
import re
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


def imports(path: Path) -> list[str]:
    """Full names of the modules that a file imports, wherever in the file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def ancestors(path: Path) -> set[str]:
    """The papers that a paper's file imports."""
    prefix = "topfive.models."
    return {name.removeprefix(prefix).split(".")[0] for name in imports(path) if name.startswith(prefix)}


def newer_ancestors(path: Path, order: list[str]) -> list[str]:
    return [name for name in ancestors(path) if order.index(name) >= order.index(path.stem)]


def part(statement: ast.stmt) -> int:
    """Where a statement of a paper's file belongs: docstring 0, imports 1, PAPER 2, blocks and network 3, VARIANTS 4."""
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


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    if path.parent.name == "cli":
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not {ast.unparse(call.func) for call in calls} & {"print", "exit", "quit", "sys.exit", "os._exit"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_pickle_is_loaded(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not {"pickle", "dill", "joblib", "shelve"} & {name.split(".")[0] for name in imports(path)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for keyword in call.keywords:
            assert (keyword.arg, ast.unparse(keyword.value)) != ("weights_only", "False")
            assert (keyword.arg, ast.unparse(keyword.value)) != ("allow_pickle", "True")
        if ast.unparse(call.func) == "torch.load":
            assert "weights_only" in {keyword.arg for keyword in call.keywords}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_torch_stays_on_its_floors(path: Path) -> None:
    floor = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if floor not in WITH_TORCH:
        assert "torch" not in {name.split(".")[0] for name in imports(path)}
    assert "timm" not in {name.split(".")[0] for name in imports(path)}
