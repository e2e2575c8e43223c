"""What benchmarks share: the model of a network that was trained by itself, outside of any run."""

from evocnn.deploy.description import Input, Origin
from evocnn.deploy.model import Model
from evocnn.evaluation import EvaluationRequest
from evocnn.genotype import Chromosome, Fidelity, Shape
from evocnn.phenotype import build
from evocnn.training.data import Framing, ImageSet
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.images import channel_statistics
from evocnn.training.protocol import Protocol
from evocnn.training.state import load_weights


def trained_alone(
    chromosome: Chromosome, sides: tuple[ImageSet, ImageSet], epochs: int, origin: Origin
) -> tuple[Model, float]:
    """Return the model of a chromosome, trained with seed 0, and its validation accuracy.

    Args:
        chromosome: The network.
        sides: Training and validation images.
        epochs: Length of the training.
        origin: What the model says of where it comes from.
    """
    training, validation = sides
    request = EvaluationRequest(chromosome, Fidelity(epochs, len(training)), saves_state=True)
    evaluation = TrainingEvaluator(training, validation, Protocol(seed=0))(request)
    assert evaluation.state is not None, evaluation.reason  # noqa: S101 - it diverged: no benchmark
    network = build(chromosome, Shape(*training.shape), training.n_classes)
    network.load_state_dict(load_weights(evaluation.state)[0])
    mean, deviation = (tuple(map(float, figures)) for figures in channel_statistics(training.images))
    form = Input(training.shape, Framing(), mean, deviation)
    model = Model(network.eval(), chromosome, form, training.class_names, origin)
    return model, evaluation.metrics["validation_accuracy"]
