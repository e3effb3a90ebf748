"""Image sets as one uint8 tensor each: two embedded in the package, torchvision's on request.

`digits()` and `fashion()` need no network. `torchvision_set(...)` reads MNIST, FashionMNIST, KMNIST, CIFAR10
and CelebA through torchvision's own loaders; nothing is downloaded unless `download=True`.
"""

import errno
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Split = Literal["train", "test", "all"]

EMBEDDED = Path(__file__).parent / "embedded"
SHA256 = {
    "digits": "0128c5969578125d7dcfd3811598c2f5e118f0cbc7b704a408a56a007741677a",
    "fashion": "b283a41349b3f87d7cc159c1d80eeb3f1c7e800a02dcea637bdbc53b9ac28ac2",
}
DIGITS = tuple("0123456789")
FASHION = (
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
# For each of torchvision's sets: the folder under `root` that holds it, and the embedded set to use instead.
_TORCHVISION = {
    "MNIST": ("MNIST/raw", "digits"),
    "FashionMNIST": ("FashionMNIST/raw", "fashion"),
    "KMNIST": ("KMNIST/raw", "digits"),
    "CIFAR10": ("cifar-10-batches-py", "fashion"),
    "CelebA": ("celeba", "fashion"),
}
TORCHVISION_NAMES = tuple(_TORCHVISION)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A labelled image set held as one tensor; it is a source: `shape`, `range` and `sample`.

    Args:
        name: name of the set, for messages and file names.
        pixels: uint8 `(N, C, H, W)`, 0 to 255.
        labels: int64 `(N,)`, indices into `classes` (from 0; without names there is no last one), or float32 `(N, k)`,
            measured quantities; on the same device.
        classes: name of each class; none for measured quantities.

    Raises:
        ValueError: if shapes, dtypes or labels do not fit together.
    """

    name: str
    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.pixels.dtype != torch.uint8 or self.pixels.ndim != 4 or len(self.pixels) == 0:
            raise ValueError(
                f"pixels must be a non-empty uint8 tensor (N, C, H, W), got {self.pixels.dtype} "
                f"{tuple(self.pixels.shape)}; give 0..255, not the scaled images"
            )
        if self.pixels.shape[3] <= 4 < self.pixels.shape[1]:
            raise ValueError(
                f"pixels must be (N, C, H, W), got {tuple(self.pixels.shape)}, which looks like (N, H, W, C): use "
                "pixels.permute(0, 3, 1, 2)"
            )
        dimensions = 2 if self.labels.is_floating_point() else 1
        known = self.labels.dtype in (torch.int64, torch.float32)
        if not known or self.labels.ndim != dimensions or len(self.labels) != len(self.pixels):
            raise ValueError(
                f"labels must be int64 of shape ({len(self.pixels)},), or float32 of shape ({len(self.pixels)}, k), "
                f"one per image, got {self.labels.dtype} {tuple(self.labels.shape)}"
            )
        self._check_labels()

    def _check_labels(self) -> None:
        if self.labels.is_meta:  # it has a shape and no values
            return
        if self.labels.is_floating_point():
            if not self.labels.isfinite().all():
                raise ValueError("labels that are measured quantities must be finite, got NaN or infinity")
            return
        low, high = (int(value) for value in self.labels.aminmax())
        most = len(self.classes) - 1 if self.classes else high
        if low < 0 or high > most:
            must = f"from 0 to {most}, places in the {most + 1} classes" if self.classes else "at least 0"
            raise ValueError(f"labels must be {must}, got labels from {low} to {high}: the first class has label 0")

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        held = f"{len(self)} of {self.shape}, {len(self.classes)} classes, {self.device}"
        return f"ImageSet({self.name!r}, {held})"

    @property
    def device(self) -> torch.device:
        """Device that holds the pixels."""
        return self.pixels.device

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image, `(C, H, W)`."""
        return tuple(self.pixels.shape[1:])

    @property
    def range(self) -> tuple[float, float]:
        """Range of a sample's values: [-1, 1], for a generator that ends in tanh."""
        return (-1.0, 1.0)

    @property
    def images(self) -> Tensor:
        """The whole set as float32 in [-1, 1], `pixels / 127.5 - 1`; a new tensor on every use."""
        return scaled(self.pixels)

    def sample(
        self, n: int, generator: torch.Generator | None = None, device: str | torch.device | None = None
    ) -> Tensor:
        """Draw `n` images with replacement; only the batch is converted to float.

        Args:
            n: number of images, at least 1.
            generator: source of randomness, best on the set's device (indices drawn elsewhere are copied).
            device: where the batch goes; the set's own device by default.

        Returns:
            float32 `(n, C, H, W)` in [-1, 1].

        Raises:
            ValueError: if `n` < 1.
        """
        return scaled(self.pixels[self._rows(n, generator)]).to(device or self.device)

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw `n` images with replacement, as `sample` does, and their labels.

        Returns:
            float32 `(n, C, H, W)` in [-1, 1], and the labels `(n, ...)`.
        """
        rows = self._rows(n, generator)
        return scaled(self.pixels[rows]), self.labels[rows]

    def _rows(self, n: int, generator: torch.Generator | None) -> Tensor:
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        drawn_on = self.device if generator is None else generator.device
        return torch.randint(len(self), (n,), generator=generator, device=drawn_on).to(self.device)

    def with_labels(self, labels: Tensor, classes: tuple[str, ...] = ()) -> "ImageSet":
        """Return the same images under other labels: classes (N,), int64, or measured quantities (N, k), float."""
        return replace(self, labels=labels.to(self.device), classes=classes)

    def to(self, device: str | torch.device) -> "ImageSet":
        """Return the set with its tensors on `device`."""
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def split(self) -> tuple["ImageSet", "ImageSet"]:
        """Split in stored order: the first four fifths to train on, the last fifth to test with."""
        cut = len(self) * 4 // 5
        if cut == 0:
            raise ValueError(f"a set must hold at least 2 images to be split, {self.name!r} holds {len(self)}")
        return self._part(slice(cut)), self._part(slice(cut, None))

    def _part(self, rows: slice) -> "ImageSet":
        return replace(self, pixels=self.pixels[rows], labels=self.labels[rows])


def scaled(pixels: Tensor) -> Tensor:
    """Return pixels 0..255 (any shape, any number type) as new float32 numbers in [-1, 1]: `pixels / 127.5 - 1`."""
    return pixels.to(torch.float32, copy=True).div_(127.5).sub_(1.0)


def digits(split: Split = "train") -> ImageSet:
    """Load the embedded digits: 5000 MNIST images of 28x28, 500 a class, shuffled.

    Args:
        split: `"train"` (the first 4000), `"test"` (the last 1000) or `"all"`; each is class balanced.

    Raises:
        FileNotFoundError: if the package's file is missing.
        ValueError: if the file is damaged or `split` is unknown.

    Source: lecun1998mnist.
    """
    return _embedded("digits", DIGITS, split)


def fashion(split: Split = "train") -> ImageSet:
    """Load the embedded clothes: 5000 Fashion-MNIST images of 28x28, 500 a class, shuffled.

    Args:
        split: `"train"` (the first 4000), `"test"` (the last 1000) or `"all"`; each is class balanced.

    Raises:
        FileNotFoundError: if the package's file is missing.
        ValueError: if the file is damaged or `split` is unknown.

    Source: xiao2017fashion.
    """
    return _embedded("fashion", FASHION, split)


def _embedded(name: str, classes: tuple[str, ...], split: Split) -> ImageSet:
    """Read one embedded set; 20 ms, so nothing is cached."""
    if split not in ("train", "test", "all"):
        raise ValueError(f"split must be 'train', 'test' or 'all', got {split!r}")
    path = EMBEDDED / f"{name}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is part of gan_tutor and is missing; install gan_tutor again")
    packed = path.read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if found != SHA256[name]:
        raise ValueError(
            f"{path} must have sha256 {SHA256[name]}, got {found}: the file is damaged; install gan_tutor again"
        )
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        pixels, labels = torch.from_numpy(arrays["pixels"]), torch.from_numpy(arrays["labels"])
    whole = ImageSet(name, pixels, labels.to(torch.int64), classes)
    return whole if split == "all" else whole.split()[split == "test"]


def torchvision_set(
    name: str,
    root: str | Path,
    *,
    download: bool = False,
    split: Literal["train", "test"] = "train",
    size: int | None = None,
) -> ImageSet:
    """Read one of torchvision's image sets into one tensor.

    torchvision checks the md5 of what it downloads (and of CIFAR10's and CelebA's files on every load).
    CelebA's faces are cropped to their central square and resized to 64x64, which takes minutes and 2 GB for
    the training set; they have no class, so every label is 0.

    Args:
        name: `"MNIST"`, `"FashionMNIST"`, `"KMNIST"`, `"CIFAR10"` or `"CelebA"`.
        root: folder under which torchvision keeps its files, e.g. `root/MNIST/raw`.
        download: fetch missing files from the set's own host; without it nothing is downloaded.
        split: `"train"` or `"test"`, as the authors of the set divided it.
        size: height and width in pixels to crop and resize to; the set's own by default (64 for CelebA).

    Raises:
        FileNotFoundError: if the files are not under `root` and `download` is False.
        ConnectionError: if the download fails.
        PermissionError: if the downloaded files cannot be written.
        ValueError: if a name, split or size is not one of those above, or the files are damaged.

    Source: lecun1998mnist, xiao2017fashion.
    """
    if name not in _TORCHVISION:
        raise ValueError(f"name must be one of {', '.join(TORCHVISION_NAMES)}, got {name!r}")
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")
    loaded = _open_torchvision(name, Path(root), download, split)
    if name == "CelebA":
        pixels = _read_faces(loaded, size or 64)
        return ImageSet(name, pixels, torch.zeros(len(pixels), dtype=torch.int64), ("face",))
    pixels = torch.as_tensor(loaded.data)
    # MNIST and its kin are (N, H, W); CIFAR10 is (N, H, W, C).
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    if size is not None:
        pixels = torch.cat([_square(chunk, size) for chunk in pixels.split(1000)])
    return ImageSet(
        name, pixels.contiguous(), torch.as_tensor(loaded.targets, dtype=torch.int64), tuple(loaded.classes)
    )


def _open_torchvision(name: str, root: Path, download: bool, split: str) -> Any:
    """Construct torchvision's data set, turning its many errors into three."""
    # Imported here: torchvision.datasets takes as long to import as the rest of this package.
    from torchvision import datasets

    folder, embedded = _TORCHVISION[name]
    instead = f"or use the embedded data.{embedded}(), which needs no download"
    build: Callable[..., Any] = getattr(datasets, name)
    which = {"split": split} if name == "CelebA" else {"train": split == "train"}
    try:
        return build(root, download=download, **which)
    except (OSError, RuntimeError, ValueError, AssertionError, EOFError, ImportError) as error:
        if download:
            if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.EROFS:
                raise PermissionError(
                    f"{name} could not be downloaded: {root / folder} cannot be written; give a root that can, "
                    f"{instead}"
                ) from error
            cure = "install that package" if "pip install" in str(error) else "check the network"
            raise ConnectionError(
                f"{name} could not be downloaded into {root / folder} ({' '.join(str(error).split())}); {cure} and "
                f"try again, put the files there by hand, {instead}"
            ) from error
        if isinstance(error, RuntimeError) and "download=True" in str(error):
            raise FileNotFoundError(
                f"{name} must lie in {root / folder} and was not found complete there; give the root "
                f"that holds it, download it once with torchvision_set({name!r}, {str(root)!r}, "
                f"download=True), {instead}"
            ) from error
        raise ValueError(
            f"the files of {name} in {root / folder} are damaged ({error}); delete them and download again, {instead}"
        ) from error


def _read_faces(loaded: Any, size: int) -> Tensor:
    from torchvision.transforms.functional import pil_to_tensor

    pixels = torch.empty(len(loaded), 3, size, size, dtype=torch.uint8)
    for row, (picture, _) in enumerate(loaded):
        pixels[row] = _square(pil_to_tensor(picture), size)
    return pixels


def _square(pixels: Tensor, size: int) -> Tensor:
    """Crop uint8 `(..., C, H, W)` to its central square and resize it to `size`, with antialiasing."""
    from torchvision.transforms.functional import center_crop, resize

    side = min(pixels.shape[-2:])
    result: Tensor = resize(center_crop(pixels, [side, side]), [size, size], antialias=True)
    return result
