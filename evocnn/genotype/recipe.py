"""The recipe gene: how a network is trained."""

from dataclasses import dataclass, replace
from typing import ClassVar

from evocnn.genotype.gene import Gene, number, word
from evocnn.genotype.genome import Fidelity

OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "muon")
SCHEDULES = ("cosine", "constant", "step", "exponential", "restarts", "cyclical", "one-cycle")
INITIALIZATIONS = ("torch", "he", "xavier", "orthogonal")
AUGMENTATIONS = ("flip", "shift", "rotate", "elastic", "noise", "cutout", "mixup", "brightness")


@dataclass(frozen=True, slots=True)
class Recipe(Gene):
    """Optimizer, learning rate and its schedule, regularization, initialization, augmentation.

    Each kind of augmentation has a strength of its own; at 0 it is absent. All are drawn anew for each
    training image in each epoch, but for mixup's weight, which is one for a batch.

    Attributes:
        optimizer: `sgd` (Nesterov momentum 0.9), `adam`, `adamw`, `nadam`, `rmsprop` or `muon`
            (Jordan et al. 2024; at the learning rates of `adamw`, which trains the vectors).
        learning_rate: Peak learning rate.
        weight_decay: Decay of weights; normalizations and biases are spared.
        batch_size: Images in a step, at least 2: batch normalization cannot learn from one.
        epochs: Passes over the training images; 0 for as many as the experiment says.
        schedule: Course of the learning rate: half a cosine (Loshchilov and Hutter 2017), constant,
            steps, exponential decay, cosine with warm restarts (ibid.), cyclical (Smith 2017) or
            one cycle (Smith and Topin 2018).
        smoothing: Share of the label that is spread over all classes (Szegedy et al. 2016).
        initialization: `torch`'s own, `he` (2015), `xavier` (Glorot and Bengio 2010) or
            `orthogonal` (Saxe et al. 2014).
        flip: Probability of a mirror image, left to right.
        shift: Largest shift, as a share of the side.
        rotate: Largest rotation in degrees.
        elastic: Size of elastic displacements, as a share of the side (Simard et al. 2003).
        noise: Standard deviation of added noise, in standard deviations of the pixels.
        cutout: Side of the square that is cut out, as a share of the image's (DeVries and Taylor 2017).
        mixup: Parameter of the beta distribution of the mixture (Zhang et al. 2018).
        brightness: Largest shift of brightness and contrast, in standard deviations of the pixels.
        clip: Largest norm of the gradient, over all weights; longer ones are shortened (Pascanu et al.
            2013). 0 leaves them.
        average: Decay of an exponential moving average of the weights, whose figures count (Polyak and
            Juditsky 1992). 0 keeps none.
    """

    code: ClassVar[str] = ""
    optimizer: str = word(*OPTIMIZERS, prefix="", shown=True)
    learning_rate: float = number(" lr=", default=0.05, low=1e-12, shown=True)
    weight_decay: float = number(" wd=", default=0.0)
    batch_size: int = number(" batch=", default=64, low=2)
    epochs: int = number(" epochs=", default=0)
    schedule: str = word(*SCHEDULES)
    smoothing: float = number(" smoothing=", default=0.0, below=1)
    initialization: str = word(*INITIALIZATIONS, prefix=" init=")
    flip: float = number(" flip=", default=0.0, below=1)
    shift: float = number(" shift=", default=0.0, below=1)
    rotate: float = number(" rotate=", default=0.0, below=180)
    elastic: float = number(" elastic=", default=0.0, below=1)
    noise: float = number(" noise=", default=0.0, below=10)
    cutout: float = number(" cutout=", default=0.0, below=1)
    mixup: float = number(" mixup=", default=0.0, below=10)
    brightness: float = number(" brightness=", default=0.0, below=10)
    clip: float = number(" clip=", default=0.0)
    average: float = number(" average=", default=0.0, below=1)

    def at(self, fidelity: Fidelity) -> Fidelity:
        """Return a fidelity with this recipe's own number of epochs, if it has one."""
        return replace(fidelity, epochs=self.epochs) if self.epochs else fidelity
