from __future__ import annotations

from types import ModuleType

import pytest

from topfive.cli.lineage import ancestors, descendants, file_of, imported_papers, stem, title_and_idea
from topfive.models import TIMELINE, pnasnet, resnet, spec, vgg, wide_resnet


def test_ancestors_are_the_imports() -> None:
    assert ancestors(vgg) == ("alexnet",)
    assert ancestors(resnet) == ()
    assert "wide_resnet" in descendants(resnet)
    assert {"resnet", "preresnet"} <= set(ancestors(wide_resnet))


@pytest.mark.parametrize(
    "source",
    [
        "from topfive.models.resnet import Basic",
        "from topfive.models import resnet",
        "import topfive.models.resnet",
        "def later():\n    from topfive.models.resnet import Basic",
    ],
)
def test_every_way_to_import_is_seen(source: str) -> None:
    assert imported_papers(source) == {"resnet"}


def test_other_imports_are_no_ancestors() -> None:
    assert imported_papers("from topfive.nn.conv import ConvNorm\nimport torch\nfrom . import vgg") == set()


def test_the_file_of_a_variant() -> None:
    assert file_of(spec("wide_resnet50_2")) is wide_resnet
    assert file_of(spec("pnas:n1-f8-s8-c1:separable_3x3@0+max_3x3@1")) is pnasnet  # which only its name describes


@pytest.mark.parametrize("module", TIMELINE, ids=stem)
def test_every_paper_has_a_title_and_an_idea(module: ModuleType) -> None:
    title, idea = title_and_idea(module)
    assert 2 <= len(title) <= 35
    assert 10 <= len(idea) <= 110


def test_an_idea_ends_with_its_sentence() -> None:
    module = ModuleType("paper", "Net: halves 2.5 times,\nor so.  Nobody 1999.")
    assert title_and_idea(module) == ("Net", "halves 2.5 times, or so")
    with pytest.raises(ValueError, match="does not begin"):
        title_and_idea(ModuleType("paper", "A network."))
