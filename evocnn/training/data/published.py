"""Data sets that are known by name: their files, checksums, addresses and classes."""

from collections.abc import Mapping
from dataclasses import dataclass

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
KMNIST_CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@dataclass(frozen=True)
class Published:
    """A published data set.

    Attributes:
        source: Its name.
        files: Name of each file and its SHA-256 (hex).
        addresses: Folders on the web that hold the files, tried in turn.
        class_names: One name per class; None where the files themselves name them.
        inner: For an archive, the folder in it.
    """

    source: str
    files: Mapping[str, str]
    addresses: tuple[str, ...]
    class_names: tuple[str, ...] | None = None
    inner: str | None = None


def _idx_files(*checksums: str) -> dict[str, str]:
    """Return the four files of MNIST and its relatives with their checksums."""
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{part}-ubyte.gz": checksum for part, checksum in zip(parts, checksums, strict=True)}


_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_MINDSPORE = "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/"

PUBLISHED = {
    published.source: published
    for published in (
        # LeCun, Cortes & Burges, "The MNIST database of handwritten digits". The authors' own page
        # comes last: it has turned visitors away for years.
        Published(
            "mnist",
            _idx_files(
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "http://yann.lecun.com/exdb/mnist/",
            ),
            tuple("0123456789"),
        ),
        # Xiao, Rasul & Vollgraf (2017), "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
        # Learning Algorithms", arXiv:1708.07747. MIT licence, Zalando SE.
        Published(
            "fashion-mnist",
            _idx_files(
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
            (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            ),
            FASHION_MNIST_CLASSES,
        ),
        # Clanuwat et al. (2018), "Deep Learning for Classical Japanese Literature", arXiv:1812.01718.
        # CC BY-SA 4.0, ROIS-DS Center for Open Data in the Humanities.
        Published(
            "kmnist",
            _idx_files(
                "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
            (
                "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            ),
            KMNIST_CLASSES,
        ),
        # Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny Images".
        Published(
            "cifar-10",
            {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
            (_TORONTO, _MINDSPORE),
            inner="cifar-10-batches-bin",
        ),
        Published(
            "cifar-100",
            {"cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
            (_TORONTO, _MINDSPORE),
            inner="cifar-100-binary",
        ),
    )
}
"""Every data set that a name alone stands for, by that name."""
