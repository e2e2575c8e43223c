"""What benchmarks share: the model of a network that was trained by itself, outside of any run."""

from evocnn.deploy.description import Origin
from evocnn.deploy.model import Model
from evocnn.deploy.trained_state import model_of_state
from evocnn.evaluation import EvaluationRequest
from evocnn.genotype import Chromosome, Fidelity
from evocnn.training.data import ImageSet
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.protocol import Protocol


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
    evaluator = TrainingEvaluator(training, validation, Protocol(seed=0))
    evaluation = evaluator(request)
    assert evaluation.state is not None, evaluation.reason  # noqa: S101 - it diverged: no benchmark
    model = model_of_state(evaluator, chromosome, evaluation.state, origin)
    return model, evaluation.metrics["validation_accuracy"]
