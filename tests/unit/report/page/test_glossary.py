"""The glossary of a page: in the words of the genes, for the kinds of layers that the run has."""

from collections.abc import Callable
from dataclasses import fields

import pytest

from evocnn.genotype import LAYERS, Head, Recipe
from evocnn.report.page.glossary import glossary_of
from evocnn.runs import Run
from evocnn.store import Record


def with_layers(*names: str) -> dict[str, object]:
    return {"layers": [{"gene": name} for name in names], "head": {}, "recipe": {}}


def test_layers_of_the_run_are_told_by_how_their_text_begins(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    records = [
        make_record(0, 0.9, 9, genome=with_layers("link", "depthwise_separable")),
        make_record(1, 0.8, 8, genome=with_layers("residual", "own")),
    ]
    found = dict(glossary_of(make_run(*records)).layers)
    assert found.keys() == {"link", "dws", "res"}
    assert found["dws"].startswith("A depthwise convolution, then a pointwise one")


@pytest.mark.parametrize("gene", LAYERS)
def test_every_layer_has_a_description_to_be_shown(
    gene: type, make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    record = make_record(0, 0.9, 9, genome=with_layers(gene.name()))  # type: ignore[attr-defined]
    ((code, text),) = glossary_of(make_run(record)).layers
    assert code
    assert len(text) > 20


def test_head_and_recipe_are_told_as_text_forms_write_them(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    found = glossary_of(make_run(make_record(0, 0.9, 9, genome=with_layers("conv"))))
    assert dict(found.recipe)["lr="] == "Peak learning rate."
    assert dict(found.recipe)["wd="].startswith("Decay of weights")
    assert dict(found.recipe)["schedule"].startswith("Course of the learning rate")  # words stand alone
    assert dict(found.head)["pooling"].startswith("'gap', the mean over all positions")
    assert len(found.recipe) == len(fields(Recipe))
    assert len(found.head) == len(fields(Head))


def test_a_search_of_no_networks_has_words_alone(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    found = glossary_of(make_run(make_record(0, 0.9, 9, genome=[0.5, 1.0])))
    assert [heading for heading, _ in found.parts] == ["Words"]
