"""Embedded and torchvision image sets: contents, balance, scaling, and every error a reader can meet."""

import errno
import gzip
import importlib.util
import math
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision import datasets

from gan_tutor.data import images
from gan_tutor.data.images import ImageSet

ROOT = Path(__file__).parents[2]
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
LOADERS = [images.digits, images.fashion]


def small_set(n: int = 10) -> ImageSet:
    """Image i is constant at 25 i."""
    pixels = (torch.arange(n) * 25).to(torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2).contiguous()
    return ImageSet("small", pixels, torch.arange(n), tuple(map(str, range(n))))


@pytest.mark.parametrize("load", LOADERS)
def test_embedded_sets_are_whole_balanced_and_disjoint(load):
    whole, train, test = load("all"), load("train"), load("test")
    assert (len(whole), len(train), len(test)) == (5000, 4000, 1000)
    assert whole.shape == (1, 28, 28)
    assert whole.pixels.dtype == torch.uint8
    assert len(whole.classes) == 10
    assert train.labels.bincount().tolist() == [400] * 10
    assert test.labels.bincount().tolist() == [100] * 10
    assert torch.equal(torch.cat([train.pixels, test.pixels]), whole.pixels)
    assert torch.equal(torch.cat([train.labels, test.labels]), whole.labels)
    seen = {image.numpy().tobytes() for image in train.pixels}
    assert sum(image.numpy().tobytes() in seen for image in test.pixels) == 0


@pytest.mark.parametrize("load", LOADERS)
def test_embedded_sets_are_shuffled(load):
    labels = load("all").labels
    same = (labels[1:] == labels[:-1]).float().mean()
    assert 0.003 < same < 0.03  # sorted by class it would be .998; rounds of ten repeat a class at 1 in 10 seams
    assert labels[:10].tolist() != labels[10:20].tolist()


def test_default_split_is_train():
    assert len(images.digits()) == len(images.fashion()) == 4000


def test_labels_fit_the_pictures():
    digits, fashion = images.digits("all"), images.fashion("all")
    ink = torch.stack([digits.images[digits.labels == k].mean() for k in range(10)])
    assert int(ink.argmin()) == 1  # a one has the least ink, a zero the most
    assert int(ink.argmax()) == 0
    cloth = {name: fashion.images[fashion.labels == k].mean() for k, name in enumerate(fashion.classes)}
    assert min(cloth, key=cloth.__getitem__) == "Sandal"
    assert cloth["Pullover"] > cloth["Trouser"]


def test_both_files_are_small():
    assert sum(path.stat().st_size for path in images.EMBEDDED.glob("*.npz")) < 3.1e6


def test_images_are_scaled_to_plus_minus_one():
    scaled = images.scaled(torch.tensor([0, 51, 255], dtype=torch.uint8))
    assert scaled.dtype == torch.float32
    assert scaled.tolist() == pytest.approx([-1.0, -0.6, 1.0], abs=1e-6)
    digits = images.digits()
    assert digits.range == (-1.0, 1.0)
    assert (digits.images.min(), digits.images.max()) == digits.range
    assert torch.equal(((digits.images + 1) * 127.5).round().to(torch.uint8), digits.pixels)


def test_sample_draws_every_image_about_equally_often():
    small = small_set(10)
    drawn = small.sample(20_000, torch.Generator().manual_seed(0))
    assert drawn.shape == (20_000, 1, 2, 2)
    assert drawn.dtype == torch.float32
    values, counts = drawn[:, 0, 0, 0].unique(return_counts=True)
    assert torch.equal(values, small.images[:, 0, 0, 0])
    assert counts.min() > 1800
    assert counts.max() < 2200


def test_sample_is_the_generator_s_alone():
    small = small_set()
    torch.manual_seed(1)
    first = small.sample(50, torch.Generator().manual_seed(3))
    state = torch.get_rng_state()
    second = small.sample(50, torch.Generator().manual_seed(3))
    assert torch.equal(first, second)
    assert torch.equal(state, torch.get_rng_state())


def test_sample_does_not_touch_the_pixels():
    small = small_set()
    before = small.pixels.clone()
    small.sample(5).fill_(7)
    small.images.fill_(7)
    assert torch.equal(small.pixels, before)


def test_sample_needs_a_positive_n():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        small_set().sample(0)


def test_set_moves_between_devices():
    moved = small_set().to("meta")
    assert moved.device.type == "meta"
    assert moved.labels.device.type == "meta"
    assert moved.name == "small"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_set_on_the_gpu_is_sampled_there_without_a_synchronisation():
    digits = images.digits().to("cuda")
    generator = torch.Generator("cuda").manual_seed(0)
    digits.sample(64, generator)
    torch.cuda.set_sync_debug_mode("error")
    try:
        batch = digits.sample(64, generator)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert batch.device.type == "cuda"
    assert batch.shape == (64, 1, 28, 28)
    assert digits.sample(4, torch.Generator().manual_seed(0)).device.type == "cuda"
    assert digits.sample(4, generator, device="cpu").device.type == "cpu"


def test_split_keeps_the_stored_order():
    train, test = small_set(10).split()
    assert train.labels.tolist() == list(range(8))
    assert test.labels.tolist() == [8, 9]
    with pytest.raises(ValueError, match="at least 2 images"):
        small_set(1).split()


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64), "uint8 tensor .* got torch.float32"),
        (
            torch.zeros(2, 4, 4, dtype=torch.uint8),
            torch.zeros(2, dtype=torch.int64),
            r"got torch.uint8 \(2, 4, 4\)",
        ),
        (torch.zeros(0, 1, 4, 4, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), "non-empty"),
        (
            torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
            torch.zeros(3, dtype=torch.int64),
            r"int64 of shape \(2,\)",
        ),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2), "got torch.float32"),
    ],
)
def test_an_image_set_refuses_what_does_not_fit(pixels, labels, message):
    with pytest.raises(ValueError, match=message):
        ImageSet("bad", pixels, labels, ("only",))


def test_an_image_set_says_what_it_is():
    assert repr(small_set()) == "ImageSet('small', 10 of (1, 2, 2), 10 classes, cpu)"


def test_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split must be 'train', 'test' or 'all', got 'valid'"):
        images.digits("valid")


def test_missing_file_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "EMBEDDED", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"digits\.npz is part of gan_tutor and is missing"):
        images.digits()


@pytest.mark.parametrize("damage", ["truncated", "one byte changed"])
def test_damaged_file_says_so(tmp_path, monkeypatch, damage):
    packed = bytearray((images.EMBEDDED / "fashion.npz").read_bytes())
    if damage == "truncated":
        packed = packed[: len(packed) // 2]
    else:
        packed[1000] ^= 1
    (tmp_path / "fashion.npz").write_bytes(packed)
    monkeypatch.setattr(images, "EMBEDDED", tmp_path)
    with pytest.raises(
        ValueError,
        match=r"must have sha256 [0-9a-f]{64}, got [0-9a-f]{64}: the file is damaged; install",
    ):
        images.fashion()


def test_checksums_and_sizes_in_the_notice_are_the_files():
    notice = (images.EMBEDDED / "NOTICE.md").read_text(encoding="utf-8")
    for name, digest in images.SHA256.items():
        assert f"| `{name}.npz` | {(images.EMBEDDED / f'{name}.npz').stat().st_size} | `{digest}` |" in notice
    assert "Creative Commons Attribution-Share Alike 3.0" in notice
    assert "Zalando SE" in notice


@pytest.fixture(scope="module")
def embed_images():
    spec = importlib.util.spec_from_file_location("embed_images", ROOT / "scripts" / "embed_images.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_fashion_is_what_the_script_makes_of_debian_s_files(embed_images):
    pixels, labels = embed_images.deal(*embed_images.read_fashion(DEBIAN))
    whole = images.fashion("all")
    assert torch.equal(torch.from_numpy(pixels), whole.pixels)
    assert torch.equal(torch.from_numpy(labels).long(), whole.labels)


@pytest.mark.parametrize("load", LOADERS)
def test_dealing_the_embedded_images_again_changes_nothing(embed_images, load):
    whole = load("all")
    mixed = torch.randperm(5000, generator=torch.Generator().manual_seed(0))
    pixels, labels = embed_images.deal(whole.pixels[mixed, 0].numpy(), whole.labels[mixed].to(torch.uint8).numpy())
    assert torch.equal(torch.from_numpy(pixels), whole.pixels)
    assert embed_images.pack(pixels, labels) == embed_images.pack(pixels.copy(), labels.copy())


def test_the_script_refuses_other_inputs(embed_images, tmp_path):
    other = tmp_path / "mnist_5k.csv.gz"
    other.write_bytes(gzip.compress(b"1,2,3"))
    with pytest.raises(SystemExit, match="must have sha256 846f"):
        embed_images.read_digits(other)


# torchvision's sets


@pytest.fixture(scope="module")
def debian_root(tmp_path_factory):
    """Full real Fashion-MNIST where torchvision's own loader looks for it."""
    if not DEBIAN.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    root = tmp_path_factory.mktemp("torchvision")
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in DEBIAN.glob("*.gz"):
        with gzip.open(packed) as source, (raw / packed.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
    return root


def test_full_fashion_mnist_loads_through_torchvision(debian_root):
    train = images.torchvision_set("FashionMNIST", debian_root)
    test = images.torchvision_set("FashionMNIST", debian_root, split="test")
    assert train.pixels.shape == (60_000, 1, 28, 28)
    assert train.pixels.dtype == torch.uint8
    assert train.labels.bincount().tolist() == [6000] * 10
    assert len(test) == 10_000
    assert test.labels.bincount().tolist() == [1000] * 10
    assert train.classes == images.FASHION
    assert train.sample(3, torch.Generator().manual_seed(0)).shape == (3, 1, 28, 28)


def test_embedded_fashion_is_part_of_the_full_training_set(debian_root):
    full = images.torchvision_set("FashionMNIST", debian_root)
    label_of = {image.numpy().tobytes(): int(label) for image, label in zip(full.pixels, full.labels, strict=True)}
    whole = images.fashion("all")
    found = [label_of[image.numpy().tobytes()] for image in whole.pixels]
    assert found == whole.labels.tolist()


def test_size_resizes(debian_root):
    test = images.torchvision_set("FashionMNIST", debian_root, split="test", size=32)
    assert test.pixels.shape == (10_000, 1, 32, 32)
    assert test.pixels.dtype == torch.uint8
    original = images.torchvision_set("FashionMNIST", debian_root, split="test")
    assert float(test.images.mean()) == pytest.approx(float(original.images.mean()), abs=0.01)


@pytest.mark.parametrize("name", images.TORCHVISION_NAMES)
def test_missing_set_names_root_remedy_and_the_embedded_alternative(tmp_path, name):
    with pytest.raises(FileNotFoundError) as caught:
        images.torchvision_set(name, tmp_path)
    message = str(caught.value)
    assert str(tmp_path / images._TORCHVISION[name][0]) in message
    assert "download=True" in message
    assert f"data.{images._TORCHVISION[name][1]}()" in message
    assert list(tmp_path.iterdir()) == []


def test_wrong_root_of_an_existing_set_says_so(debian_root):
    with pytest.raises(FileNotFoundError, match="give the root that holds it"):
        images.torchvision_set("FashionMNIST", debian_root / "FashionMNIST")


def test_damaged_set_says_so(debian_root, tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    shutil.copytree(debian_root / "FashionMNIST" / "raw", raw)
    labels = raw / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"files of FashionMNIST in .* are damaged .* delete them"):
        images.torchvision_set("FashionMNIST", tmp_path)


def test_nothing_is_downloaded_unless_asked(tmp_path, monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("a download was tried")

    for module in (datasets.mnist, datasets.cifar, datasets.celeba):
        for function in ("download_and_extract_archive", "download_file_from_google_drive"):
            if hasattr(module, function):
                monkeypatch.setattr(module, function, refuse)
    for name in images.TORCHVISION_NAMES:
        with pytest.raises(FileNotFoundError):
            images.torchvision_set(name, tmp_path)


def test_offline_download_names_the_embedded_alternative(tmp_path, monkeypatch):
    def offline(*arguments, **keywords):
        raise OSError("no route to host")

    monkeypatch.setattr(datasets.mnist, "download_and_extract_archive", offline)
    with pytest.raises(ConnectionError, match=r"no route to host|Error downloading") as caught:
        images.torchvision_set("MNIST", tmp_path, download=True)
    assert "data.digits()" in str(caught.value)
    assert str(tmp_path / "MNIST" / "raw") in str(caught.value)
    assert "check the network" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_root_that_cannot_be_written_is_not_taken_for_a_missing_network(tmp_path, monkeypatch):
    def read_only(*arguments, **keywords):
        raise OSError(errno.EROFS, "Read-only file system", "raw")

    monkeypatch.setattr(datasets.mnist, "download_and_extract_archive", read_only)
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["nowhere"])
    with pytest.raises(
        PermissionError, match=r"raw cannot be written; give a root that can, .*data\.digits\(\)"
    ) as caught:
        images.torchvision_set("MNIST", tmp_path, download=True)
    assert "network" not in str(caught.value)


def test_a_package_that_a_download_needs_is_named_in_place_of_the_network(tmp_path, monkeypatch):
    def lacking(*arguments, **keywords):
        raise RuntimeError("'gdown' is required. You can install it with 'pip install gdown'.")

    monkeypatch.setattr(datasets.CelebA, "__init__", lacking)
    with pytest.raises(ConnectionError, match=r"pip install gdown.*install that package and try again") as caught:
        images.torchvision_set("CelebA", tmp_path, download=True)
    assert "network" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mnist"}, "MNIST, FashionMNIST, KMNIST, CIFAR10, CelebA, got 'mnist'"),
        ({"name": "MNIST", "split": "valid"}, "'train' or 'test', got 'valid'"),
        ({"name": "MNIST", "size": 0}, "at least 1 pixel, got 0"),
    ],
)
def test_impossible_requests_are_refused_with_the_allowed_ones(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        images.torchvision_set(root=tmp_path, **arguments)


def test_cifar_s_channels_come_first(tmp_path, monkeypatch):
    class Cifar:
        classes = ("plane", "car")

        def __init__(self, root, train, download):
            self.data = torch.arange(2 * 32 * 32 * 3).remainder(251).to(torch.uint8).view(2, 32, 32, 3).numpy()
            self.targets = [1, 0]

    monkeypatch.setattr(datasets, "CIFAR10", Cifar)
    cifar = images.torchvision_set("CIFAR10", tmp_path)
    assert cifar.shape == (3, 32, 32)
    assert cifar.labels.tolist() == [1, 0]
    assert cifar.pixels[0, :, 0, 1].tolist() == [3, 4, 5]
    assert cifar.pixels.is_contiguous()


def test_faces_are_cropped_to_the_centre_and_resized(tmp_path, monkeypatch):
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    # Red above and below the central square of 178, green inside.
    face = Image.new("RGB", (178, 218), (255, 0, 0))
    face.paste((0, 255, 0), (0, 20, 178, 198))
    for row in range(4):
        face.save(folder / "img_align_celeba" / f"{row}.jpg", quality=95)
    (folder / "list_eval_partition.txt").write_text("0.jpg 0\n1.jpg 0\n2.jpg 2\n3.jpg 2\n")
    (folder / "identity_CelebA.txt").write_text("0.jpg 1\n1.jpg 1\n2.jpg 1\n3.jpg 1\n")
    for name in ("list_bbox_celeba.txt", "list_landmarks_align_celeba.txt", "list_attr_celeba.txt"):
        (folder / name).write_text("4\nheader\n0.jpg 1\n1.jpg 1\n2.jpg 1\n3.jpg 1\n")
    monkeypatch.setattr(datasets.CelebA, "_check_integrity", lambda self: True)

    faces = images.torchvision_set("CelebA", tmp_path)
    assert faces.pixels.shape == (2, 3, 64, 64)
    assert faces.labels.tolist() == [0, 0]
    red, green = faces.pixels[0, 0].float(), faces.pixels[0, 1].float()
    assert 0 <= float(red[2:-2].mean()) < 10
    assert 245 < float(green[2:-2].mean()) <= 255
    assert len(images.torchvision_set("CelebA", tmp_path, split="test", size=32)) == 2


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.int64])
def test_scaling_leaves_the_pixels_as_they_were(dtype):
    pixels = torch.tensor([[0, 51], [102, 255]]).to(dtype)
    before = pixels.clone()
    made = images.scaled(pixels)
    assert torch.equal(pixels, before)
    assert made.dtype == torch.float32
    assert made.flatten().tolist() == pytest.approx([-1.0, -0.6, -0.2, 1.0], abs=1e-6)


def test_images_are_drawn_by_uniform_numbers_of_rows():
    """The same rows as torch.randint draws, labels beside them; a run repeats only if this stays."""
    source = small_set(10)
    rows = torch.randint(10, (50,), generator=torch.Generator().manual_seed(3))
    x, y = source.sample_labelled(50, torch.Generator().manual_seed(3))
    assert torch.equal(x, source.pixels[rows].float() / 127.5 - 1)
    assert torch.equal(y, source.labels[rows])
    assert torch.equal(x, source.sample(50, torch.Generator().manual_seed(3)))


@pytest.mark.parametrize(("n", "cut"), [(2, 1), (4, 3), (5, 4), (9, 7)])
def test_four_fifths_are_to_train_on_rounded_down(n, cut):
    train, test = small_set(n).split()
    assert (train.labels.tolist(), test.labels.tolist()) == (list(range(cut)), list(range(cut, n)))
    assert torch.equal(torch.cat([train.pixels, test.pixels]), small_set(n).pixels)


@pytest.mark.parametrize(("first", "classes", "said"), [
    (1, 10, "labels must be from 0 to 9, places in the 10 classes, got labels from 1 to 10"),
    (-1, 10, "labels must be from 0 to 9, places in the 10 classes, got labels from -1 to 8"),
    (0, 9, "labels must be from 0 to 8, places in the 9 classes, got labels from 0 to 9"),
    (-1, 0, "labels must be at least 0, got labels from -1 to 8"),
])  # fmt: skip
def test_labels_outside_the_classes_are_refused(first, classes, said):
    labels, names = torch.arange(60) % 10 + first, tuple("abcdefghij"[:classes])
    with pytest.raises(ValueError, match=said):
        ImageSet("letters", torch.zeros(60, 1, 4, 4, dtype=torch.uint8), labels, names)


@pytest.mark.parametrize("classes", [(), tuple("abcdefghij"), tuple("abcdefghijkl")])
def test_labels_within_the_classes_are_taken(classes):
    labels = torch.arange(60) % 10
    assert torch.equal(ImageSet("letters", torch.zeros(60, 1, 4, 4, dtype=torch.uint8), labels, classes).labels, labels)


def test_measured_quantities_are_numbers():
    pixels = torch.zeros(3, 1, 4, 4, dtype=torch.uint8)
    assert ImageSet("ink", pixels, torch.tensor([[-5.0], [0.5], [99.0]]), ()).labels.shape == (3, 1)
    with pytest.raises(ValueError, match="measured quantities must be finite"):
        ImageSet("ink", pixels, torch.tensor([[0.0], [math.nan], [1.0]]), ())


@pytest.mark.parametrize("shape", [(6, 32, 32, 3), (6, 28, 28, 1), (6, 28, 20, 4)])
def test_channels_last_pixels_are_refused_with_their_cure(shape):
    pixels = torch.zeros(shape, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"which looks like \(N, H, W, C\): use pixels\.permute\(0, 3, 1, 2\)"):
        ImageSet("photos", pixels, torch.zeros(6, dtype=torch.int64), ("photo",))
    turned = ImageSet("photos", pixels.permute(0, 3, 1, 2), torch.zeros(6, dtype=torch.int64), ("photo",))
    assert turned.shape == (shape[3], *shape[1:3])
