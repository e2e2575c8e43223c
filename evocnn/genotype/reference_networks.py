"""Well-known networks made by hand, as text forms: founders, and a measure of what genes can say.

Layers and head follow the source exactly, to the last parameter, except that ReLU6 is ReLU.
The recipe says what the source says and a recipe can say, for the package's own networks what is
usual; epochs are left to the experiment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from evocnn.errors import GeneError, did_you_mean
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene import Shape
from evocnn.genotype.layers import LAYERS


@dataclass(frozen=True, slots=True)
class ReferenceNetwork:
    """A network made by hand.

    Attributes:
        text: The chromosome's one-line form.
        source: Where the network is described.
        input_shape: Shape of the images that the source, or its usual task, has.
        n_classes: Number of classes of that task.
        parameters: Published number of parameters for such images and classes; computed by hand
            where the network is this package's own.
    """

    text: str
    source: str
    input_shape: Shape
    n_classes: int
    parameters: int


REFERENCE_NETWORKS: Mapping[str, ReferenceNetwork] = MappingProxyType(
    {
        "lenet-5": ReferenceNetwork(
            text=(
                "conv6k5 tanh norm=none · pool average"
                " · conv16k5 valid tanh norm=none · pool average"
                " · conv120k5 valid tanh norm=none"
                " | flatten dense84 tanh"
                " | sgd lr=.05 step"
            ),
            source=(
                "LeCun et al. 1998, figure 2, as it is taught: every map of the third layer sees all of the"
                " second, pools have no weights, a linear output. The same padding of the first convolution"
                " stands for the 32x32 fields that held the 28x28 digits."
            ),
            input_shape=Shape(1, 28, 28),
            n_classes=10,
            parameters=61_706,
        ),
        "tutorial": ReferenceNetwork(
            text=(
                "conv32k3 valid norm=none · pool"
                " · conv64k3 valid norm=none · pool"
                " · conv64k3 valid norm=none"
                " | flatten dense64"
                " | adam lr=.001 batch=32 constant init=xavier"
            ),
            source=(
                "TensorFlow's tutorial 'Convolutional Neural Network (CNN)'; Chollet 2017, 'Deep Learning"
                " with Python', section 5.1. Optimizer, batch and initialization are Keras's defaults."
            ),
            input_shape=Shape(1, 28, 28),
            n_classes=10,
            parameters=93_322,
        ),
        "vgg-11": ReferenceNetwork(
            text=(
                "conv64k3 norm=none · pool"
                " · conv128k3 norm=none · pool"
                " · conv256k3 norm=none · conv256k3 norm=none · pool"
                " · conv512k3 norm=none · conv512k3 norm=none · pool"
                " · conv512k3 norm=none · conv512k3 norm=none · pool"
                " | flatten dense4096,4096 drop.5"
                " | sgd lr=.01 wd=.0005 batch=256 step init=xavier flip=.5"
            ),
            source=(
                "Simonyan and Zisserman 2014, table 1, configuration A; their dropout stands behind the"
                " first dense layer, too."
            ),
            input_shape=Shape(3, 224, 224),
            n_classes=1000,
            parameters=132_863_336,
        ),
        "vgg-like": ReferenceNetwork(
            text=(
                "conv32k3 · conv32k3 · pool"
                " · conv64k3 · conv64k3 · pool"
                " · conv128k3 · conv128k3 · pool"
                " | flatten dense128 drop.5"
                " | sgd lr=.05 wd=.0005 batch=128 init=he flip=.5"
            ),
            source=(
                "This package's own: the pattern of Simonyan and Zisserman 2014, with batch normalization,"
                " for small images."
            ),
            input_shape=Shape(3, 32, 32),
            n_classes=10,
            parameters=551_018,
        ),
        "resnet-20": ReferenceNetwork(
            text=(
                "conv16k3"
                " · res16k3 · res16k3 · res16k3"
                " · res32k3s2 · res32k3 · res32k3"
                " · res64k3s2 · res64k3 · res64k3"
                " | gap"
                " | sgd lr=.1 wd=.0001 batch=128 step init=he flip=.5 shift=.125"
            ),
            source=(
                "He et al. 2015, 'Deep Residual Learning', section 4.2, n = 3, with projections (option B)"
                " where the paper's has none (option A, 269,722 parameters)."
            ),
            input_shape=Shape(3, 32, 32),
            n_classes=10,
            parameters=272_474,
        ),
        "resnet-like": ReferenceNetwork(
            text=(
                "conv16k3"
                " · res16k3 · res16k3"
                " · res32k3s2 · res32k3"
                " · res64k3s2 · res64k3"
                " | gap"
                " | sgd lr=.1 wd=.0001 batch=128 step init=he"
            ),
            source="This package's own: the network of He et al. 2015, section 4.2, with n = 2.",
            input_shape=Shape(1, 28, 28),
            n_classes=10,
            parameters=174_970,
        ),
        "mobilenet-v2": ReferenceNetwork(
            text=(
                "conv32k3s2"
                " · inv16k3e1"
                " · inv24k3s2e6 · inv24k3e6"
                " · inv32k3s2e6 · inv32k3e6 · inv32k3e6"
                " · inv64k3s2e6 · inv64k3e6 · inv64k3e6 · inv64k3e6"
                " · inv96k3e6 · inv96k3e6 · inv96k3e6"
                " · inv160k3s2e6 · inv160k3e6 · inv160k3e6"
                " · inv320k3e6"
                " · conv1280k1"
                " | gap drop.2"
                " | rmsprop lr=.045 wd=4e-05 batch=96 exponential"
            ),
            source=(
                "Sandler et al. 2018, table 2, with ReLU for ReLU6; parameters and the head's dropout as in"
                " torchvision's mobilenet_v2."
            ),
            input_shape=Shape(3, 224, 224),
            n_classes=1000,
            parameters=3_504_872,
        ),
        "mobile-like": ReferenceNetwork(
            text=(
                "conv16k3"
                " · inv16k3e1"
                " · inv24k3s2e6 · inv24k3e6"
                " · inv32k3s2e6 · inv32k3e6"
                " · inv64k3s2e6"
                " · conv128k1"
                " | gap drop.2"
                " | sgd lr=.05 wd=4e-05 batch=96"
            ),
            source="This package's own: the pattern of Sandler et al. 2018, narrow, for small images.",
            input_shape=Shape(1, 28, 28),
            n_classes=10,
            parameters=70_250,
        ),
    }
)


def reference_network(name: str) -> Chromosome:
    """Return the chromosome of a well-known network made by hand.

    Args:
        name: A key of `REFERENCE_NETWORKS`, such as `lenet-5` or `resnet-20`.

    Raises:
        GeneError: There is no such network.
    """
    network = REFERENCE_NETWORKS.get(name)
    if network is None:
        hint = did_you_mean(name, REFERENCE_NETWORKS) or "; choose one"
        message = (
            f"a reference network must be one of {sorted(REFERENCE_NETWORKS)}, but it was '{name}'{hint}"
        )
        raise GeneError(message)
    return Chromosome.parse(network.text, LAYERS)
