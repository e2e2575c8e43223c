"""Folders of images: layouts, formats, sizes, and what cannot be read."""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from evocnn.errors import DataError
from evocnn.training.data import Framing, ImageSet, detect, load
from evocnn.training.data import folder as folder_module

RNG = np.random.default_rng(0)
Write = Callable[..., Path]


def picture(mode: str = "L", size: tuple[int, int] = (8, 6), level: int = 100) -> Image.Image:
    """Return a picture of one shade, its size as (width, height)."""
    return Image.new("L", size, level).convert(mode)


def save(path: Path, image: Image.Image | None = None, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or picture()).save(path, **options)
    return path


def fill(root: Path, classes: tuple[str, ...] = ("cat", "dog"), n: int = 10) -> Path:
    """Write `n` PNG files a class; the shade tells class and place."""
    for label, name in enumerate(classes):
        for index in range(n):
            save(root / name / f"{index:02}.png", picture(level=100 * label + index))
    return root


def read(root: Path, split: str = "train", **framing: Any) -> ImageSet:
    return load("folder", split, root, framing=Framing(**framing))


def shades(images: ImageSet) -> list[int]:
    return [int(value) for value in images.images[:, 0, 0, 0]]


def test_every_fifth_file_of_each_class_is_a_test_image(tmp_path: Path) -> None:
    fill(tmp_path)
    train, test = read(tmp_path), read(tmp_path, "test")
    assert shades(test) == [4, 9, 104, 109]
    assert shades(train) == [shade for shade in [*range(10), *range(100, 110)] if shade not in shades(test)]
    assert train.class_names == test.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0] * 8 + [1] * 8
    assert (train.shape, train.name, train.notes) == ((1, 6, 8), f"{tmp_path.name} train", ())


def test_the_folders_train_and_test_are_the_splits(tmp_path: Path) -> None:
    fill(tmp_path / "train", ("ape", "cat", "dog"), 5)
    fill(tmp_path / "test", ("dog",), 1)
    assert len(read(tmp_path)) == 15
    test = read(tmp_path, "test")
    assert (test.labels.tolist(), test.class_names) == ([2], ("ape", "cat", "dog"))


def test_a_class_of_the_test_split_alone_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "test", ("cat", "bird"))
    with pytest.raises(DataError, match=r"test must hold the classes of .*train, but 'bird' was another;"):
        read(tmp_path)


def test_train_without_test_has_no_test_split(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    assert len(read(tmp_path)) == 20
    with pytest.raises(
        DataError, match=r"must hold images for the test split, but it held none; add a folder"
    ):
        read(tmp_path, "test")


def test_a_folder_beside_train_and_test_is_noted(tmp_path: Path) -> None:
    for name in ("train", "test", "valid"):
        fill(tmp_path / name)
    assert read(tmp_path).notes == ("1 file left out, beside the folders train and test: valid",)


def test_train_and_test_without_classes_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, ("train", "test"))
    with pytest.raises(DataError, match=r"train must hold one folder a class, but it held none; sort"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "options"), [("jpg", {"quality": 95}), ("png", {}), ("webp", {"lossless": True}), ("jpeg", {})]
)
def test_formats_are_told_by_content_not_by_name(
    suffix: str, options: dict[str, Any], tmp_path: Path
) -> None:
    fill(tmp_path)
    image = Image.fromarray(RNG.integers(0, 255, (6, 8), dtype=np.uint8)).resize((8, 6))
    path = save(tmp_path / "cat" / f"00.{suffix}", image, **options)
    path.rename(tmp_path / "cat" / "00.png")
    got = read(tmp_path, channels="grey").images[0, 0].astype(int)
    assert np.abs(got - np.asarray(image)).mean() < 12


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_orientation_of_a_camera_is_followed(suffix: str, tmp_path: Path) -> None:
    fill(tmp_path)
    upright = np.zeros((6, 8), dtype=np.uint8)
    upright[:, :4] = 250
    stored = Image.fromarray(np.rot90(upright))  # turned left: the tag says to turn it right
    for index in range(10):  # all of them, so that all have one size
        save(tmp_path / "cat" / f"{index:02}.png").unlink()
        save(tmp_path / "cat" / f"{index:02}.{suffix}", stored, exif=exif(6))
    images = read(tmp_path, channels="grey")
    assert images.shape == (1, 6, 8)
    assert images.images[0, 0, :, :3].min() > 200
    assert images.images[0, 0, :, 5:].max() < 50


def sixteen() -> Image.Image:
    return Image.fromarray(np.full((6, 8), 100 * 256 + 7, dtype=np.uint16))


def palette() -> Image.Image:
    image = Image.new("P", (8, 6), 1)
    image.putpalette([0, 0, 0, 100, 100, 100])
    return image


def glass() -> Image.Image:
    """Return what is seen as grey 100: black behind which white paper shines through."""
    return Image.new("RGBA", (8, 6), (0, 0, 0, 155))


@pytest.mark.parametrize(
    ("image", "suffix", "is_grey"),
    [
        (picture("1", level=255), "png", True),
        (picture("L"), "png", True),
        (picture("LA"), "png", True),
        (palette(), "png", True),
        (sixteen(), "png", True),
        (picture("RGB"), "png", False),
        (picture("RGBA"), "png", False),
        (glass(), "png", False),
        (glass(), "webp", False),
        (picture("RGB").convert("CMYK"), "jpg", False),
        (picture("L"), "jpg", True),
    ],
    ids=["1", "L", "LA", "P", "I;16", "RGB", "RGBA", "glass", "glass webp", "CMYK", "JPEG"],
)
def test_every_mode_becomes_8_bits(image: Image.Image, suffix: str, is_grey: bool, tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "cat" / "00.png").unlink()
    save(tmp_path / "cat" / f"00.{suffix}", image)
    images = read(tmp_path)
    assert images.shape[0] == (1 if is_grey else 3)
    expected = 255 if image.mode == "1" else 100
    assert np.abs(images.images[0].astype(int) - expected).max() <= 2


def test_one_coloured_image_makes_all_rgb_unless_grey_is_asked_for(tmp_path: Path) -> None:
    fill(tmp_path)
    assert read(tmp_path).shape[0] == 1
    save(tmp_path / "dog" / "04.png", picture("RGB"))  # in the test split: both splits must agree
    assert (read(tmp_path).shape[0], read(tmp_path, "test").shape[0]) == (3, 3)
    assert read(tmp_path, channels="grey").shape[0] == 1
    (tmp_path / "dog" / "04.png").unlink()
    assert read(tmp_path, channels="rgb").shape[0] == 3


def test_a_coloured_palette_is_no_grey(tmp_path: Path) -> None:
    image = Image.new("P", (8, 6), 0)
    image.putpalette([200, 10, 10])
    save(fill(tmp_path) / "cat" / "00.png", image)
    assert read(tmp_path).images[0, :, 0, 0].tolist() == [200, 10, 10]


def test_other_sizes_need_one_that_is_stated(tmp_path: Path) -> None:
    save(fill(tmp_path) / "cat" / "03.png", picture(size=(500, 400)))
    message = r"must have one size, but they had 2, from 6×8 to 400×500; give data.size \(or --size\), .* 6$"
    with pytest.raises(DataError, match=message):
        read(tmp_path)
    assert read(tmp_path, size=(5, 7), fit="crop").shape == (1, 5, 7)


def test_a_proposed_size_is_a_small_one(tmp_path: Path) -> None:
    fill(tmp_path)
    for index, side in enumerate(range(300, 320)):
        save(tmp_path / ("cat" if index < 10 else "dog") / f"{index % 10:02}.png", picture(size=(side, side)))
    with pytest.raises(DataError, match=r"for instance 128$"):
        read(tmp_path)


def test_a_large_jpeg_is_read_at_a_fraction_and_looks_the_same(tmp_path: Path) -> None:
    ramp = Image.fromarray(np.linspace(0, 250, 800 * 800).reshape(800, 800).astype(np.uint8))
    save(fill(tmp_path) / "cat" / "00.png", ramp)
    exact = read(tmp_path, size=(20, 20)).images[0].astype(int)
    (tmp_path / "cat" / "00.png").unlink()
    save(tmp_path / "cat" / "00.jpg", ramp, quality=95)
    assert np.abs(read(tmp_path, size=(20, 20)).images[0].astype(int) - exact).max() <= 3


def test_files_that_cannot_be_read_are_named_and_counted(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "README").write_text("about")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "cat" / "old.gif").write_bytes(b"GIF89a")
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "cat" / "empty.png").touch()
    whole = io.BytesIO()
    Image.fromarray(RNG.integers(0, 255, (60, 80), dtype=np.uint8)).resize((8, 6)).save(whole, "PNG")
    (tmp_path / "dog" / "01.png").write_bytes(whole.getvalue()[:-30])
    (tmp_path / "dog" / "02.png").write_bytes(whole.getvalue()[:20])
    (tmp_path / "dog" / "dangling.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "dog" / "thumbs").mkdir()
    images = read(tmp_path)
    assert set(images.notes) == {
        "1 file left out, beside the folders of the classes: README",
        "3 files left out, not JPEG, PNG or WEBP: cat/empty.png, cat/notes.txt, cat/old.gif",
        "1 file left out, hidden: cat/.DS_Store",
        "3 files left out, unreadable: dog/01.png, dog/02.png, dog/dangling.png",
        "1 file left out, empty folders: dog/thumbs",
    }
    assert shades(images)[8:] == [100, 103, 105, 106, 107, 108]  # what is left moves up
    assert images.labels.tolist() == [0] * 8 + [1] * 6


def test_a_file_that_cannot_be_read_moves_no_other_between_the_splits(tmp_path: Path) -> None:
    before = shades(read(fill(tmp_path), "test"))
    (tmp_path / "cat" / "01.png").write_bytes((tmp_path / "cat" / "01.png").read_bytes()[:40])
    assert shades(read(tmp_path, "test")) == before


def test_of_many_files_the_first_are_named(tmp_path: Path) -> None:
    fill(tmp_path)
    for index in range(1200):
        (tmp_path / "cat" / f"x{index:04}").touch()
    (note,) = read(tmp_path).notes
    assert (
        note == "1,200 files left out, not JPEG, PNG or WEBP: cat/x0000, cat/x0001, cat/x0002 and 1,197 more"
    )


def test_a_decompression_bomb_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    save(tmp_path / "cat" / "00.png", picture("1", size=(200, 100), level=0))  # 20,000 pixels: an error
    save(tmp_path / "cat" / "01.png", picture("1", size=(150, 100), level=0))  # 15,000: but a warning
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9_000)
    assert read(tmp_path).notes == ("2 files left out, larger than 9,000 pixels: cat/00.png, cat/01.png",)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(fill(tmp_path) / "cat" / "pipe.png")
    assert read(tmp_path).notes == ("1 file left out, not JPEG, PNG or WEBP: cat/pipe.png",)


def test_a_class_without_images_is_named_with_the_reason(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "eel").mkdir()
    (tmp_path / "eel" / "a.txt").touch()
    message = (
        r"at least 2 train images .*class 'eel' had 0 \(1 file left out, not JPEG.*eel/a\.txt\); add images"
    )
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_folders_in_a_class_are_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    save(tmp_path / "cat" / "young" / "a.png")
    with pytest.raises(
        DataError, match=r"cat must hold the images of a class, but it held the folder 'young'"
    ):
        read(tmp_path)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda root: fill(root, ("cat",)), "only 'cat'"),
        (
            lambda root: save(root / "a.png"),
            r"none \(1 file left out, beside the folders of the classes: a\.png\)",
        ),
        (lambda root: save(root / ".hidden" / "a.png"), r"none \(1 file left out, hidden: \.hidden\)"),
    ],
    ids=["one class", "flat", "hidden"],
)
def test_fewer_than_two_folders_are_refused(make: Write, found: str, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(
        DataError, match=rf"must hold at least 2 folders, one a class, but there was {found};"
    ):
        read(tmp_path)


def test_a_link_back_is_refused(tmp_path: Path) -> None:
    (fill(tmp_path) / "loop").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"loop must be a class of its own, but it was a link to .*; remove"):
        read(tmp_path)


def test_one_folder_under_two_names_is_refused(tmp_path: Path) -> None:
    (fill(tmp_path) / "puppy").symlink_to(tmp_path / "dog")
    with pytest.raises(DataError, match=r"puppy must be a class of its own, but it was a link to .*dog;"):
        read(tmp_path)


def test_a_link_to_itself_is_noted(tmp_path: Path) -> None:
    (fill(tmp_path) / "self").symlink_to("self")
    assert read(tmp_path).notes == ("1 file left out, beside the folders of the classes: self",)


def test_a_class_elsewhere_may_be_linked(tmp_path: Path) -> None:
    fill(tmp_path / "store", ("ape",))
    (fill(tmp_path / "mine") / "ape").symlink_to(tmp_path / "store" / "ape")
    assert read(tmp_path / "mine").class_names == ("ape", "cat", "dog")


def test_a_folder_of_nothing_that_can_be_read_is_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"must hold JPEG, PNG, WEBP images .*none could be read; check"):
        read(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing must be readable, but it was not \(No such file"):
        read(tmp_path / "nothing")


def test_folders_are_recognized_by_folders_or_images(tmp_path: Path) -> None:
    assert detect(fill(tmp_path / "a")) == "folder"
    save(tmp_path / "b" / "a.png")
    assert detect(tmp_path / "b") == "folder"  # to be told what is wrong with it


def contents(images: ImageSet) -> npt.NDArray[np.uint8]:
    return np.array(images.images)


def test_a_folder_larger_than_the_share_is_mapped_and_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "images")
    broken = root / "cat" / "01.png"
    broken.write_bytes(broken.read_bytes()[:-30])
    ordinary = read(root)
    monkeypatch.setenv("EVOCNN_MEMORY_SHARE", "0")
    monkeypatch.setenv("EVOCNN_CACHE", str(tmp_path / "cache"))
    first = read(root)
    assert isinstance(first.images, np.memmap)
    assert (first.digest, first.notes) == (ordinary.digest, ordinary.notes)
    monkeypatch.setattr(folder_module, "decode", lambda *_: pytest.fail("decoded again"))
    again = read(root)
    assert (again.digest, again.notes) == (ordinary.digest, ordinary.notes)


def test_a_changed_file_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(tmp_path / "images")
    monkeypatch.setenv("EVOCNN_MEMORY_SHARE", "0")
    monkeypatch.setenv("EVOCNN_CACHE", str(tmp_path / "cache"))
    before = contents(read(root))
    save(root / "cat" / "00.png", picture(level=222))
    os.utime(root / "cat" / "00.png", ns=(1, 1))
    after = contents(read(root))
    assert (before[0, 0, 0, 0], after[0, 0, 0, 0]) == (0, 222)
    assert re.fullmatch(r"[0-9a-f]{64}\.npy", next((tmp_path / "cache" / "mapped").glob("*.npy")).name)
