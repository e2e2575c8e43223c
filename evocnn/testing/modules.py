"""What torch finds when a gene's module is run: shapes, parameters, FLOPs, gradients."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from evocnn.genotype import LayerGene, Shape
from evocnn.phenotype import layer_module
from evocnn.testing.purity import seed_everything

N_IMAGES = 2
TOLERANCE = 1e-4  # of one image's result alone against its result among others


class Complaint(NamedTuple):
    """A rule that a module breaks, what it did instead, and the way out."""

    rule: str
    value: str
    remedy: str


class Measured(NamedTuple):
    """What torch finds.

    Attributes:
        output: Shape of one image's features behind the module.
        parameters: Trained values.
        flops: Of one image, forward.
        complaints: Rules that the module breaks, in the order of a reader's interest.
    """

    output: Shape | tuple[int, ...]
    parameters: int
    flops: int
    complaints: tuple[Complaint, ...]


def measured(gene: LayerGene, inputs: Sequence[Shape]) -> Measured:
    """Return what torch finds when the module of a gene evaluates and trains.

    As in training, images are channels-last; a single one is in torch's usual order.

    Args:
        gene: The gene.
        inputs: Channels, height and width of its input; of a gene that skips, of both.
    """
    module = layer_module(gene, *inputs)
    images = [torch.randn(N_IMAGES, *shape) for shape in inputs]  # (n, c, h, w) each
    for one in images:
        one[1:].relu_()  # zeros are common behind an activation
    module.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        alone = module(*(one[:1].clone() for one in images))
    output = tuple(alone.shape[1:])
    return Measured(
        Shape(*output) if len(output) == len(Shape._fields) else output,
        sum(p.numel() for p in module.parameters() if p.requires_grad),
        counter.get_total_flops(),
        tuple(_complaints(module.to(memory_format=torch.channels_last), images, alone)),
    )


def _complaints(module: nn.Module, images: list[Tensor], alone: Tensor) -> Iterator[Complaint]:
    """Yield the rules that a module in eval mode breaks."""
    inputs = [one.contiguous(memory_format=torch.channels_last) for one in images]
    with torch.no_grad():
        results = []
        for seed in (1, 2):
            seed_everything(seed)
            results.append(module(*(one.clone() for one in inputs)))
    if not all(result.isfinite().all() for result in results):
        yield Complaint("have finite results", "nan or infinity", "keep divisors and roots away from 0")
    elif not torch.equal(*results):
        rule, value = "be without chance in eval mode", "another result the second time"
        yield Complaint(rule, value, "let chance depend on self.training, as nn.Dropout does")
    elif not torch.allclose(results[0][:1], alone, rtol=TOLERANCE, atol=TOLERANCE):
        rule, value = "treat each image by itself in eval mode", "another result beside a second image"
        yield Complaint(rule, value, "compute nothing over the first dimension but in training")
    yield from _training_complaints(module, inputs)


def _training_complaints(module: nn.Module, inputs: list[Tensor]) -> Iterator[Complaint]:
    """Yield the rules that a module breaks in a training step."""
    module.train()
    leaves = [one.clone().requires_grad_() for one in inputs]
    passed = [leaf * 1 for leaf in leaves]  # what the layer ahead returns: no leaf
    result = module(*passed)
    (result * torch.randn(result.shape)).sum().backward()
    if not all(torch.equal(one, leaf) for one, leaf in zip(passed, leaves, strict=True)):
        rule, value = "leave its input as it is", "changed in place"
        yield Complaint(rule, value, "work on a copy, without inplace=True: a link may read the input, too")
    gradients = {f"parameter {name}": p.grad for name, p in module.named_parameters() if p.requires_grad}
    gradients |= {f"input {number}": leaf.grad for number, leaf in enumerate(leaves)}
    for name, gradient in gradients.items():
        if gradient is None:
            rule, value = "pass gradients to its parameters and inputs", f"none for {name}"
            yield Complaint(rule, value, "use it in forward, without detach or no_grad")
        elif not gradient.isfinite().all():
            rule, value = "have finite gradients", f"nan or infinity for {name}"
            yield Complaint(rule, value, "keep divisors and roots away from 0")
