"""Data that a user can hand us: files, folders of files, saved data sets, captions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from mutate import mutated_bytes
from PIL import Image
from reader import RNG, ROWS, Reader, spoil_bytes, spoil_json

import girsanov as gv

TABLE = b"size,town,price,day,time,gap\n" + b"".join(
    b"%d,%s,%.3f,2020-02-%02d,2020-02-03 10:%02d:00Z,%s\n"
    % (k, b"Ulm Bonn Rom".split()[k % 3], k / 7, 1 + k % 29, k, b"3" if k % 3 else b"")
    for k in range(40)
)
WRITTEN = b"price;weight;when;clock;share\n" + b"".join(
    b"$1,%03d.5;1 %03d,%d kg;%02d/02/2020;%d:%02d PM;(%d%%)\n"
    % (k, 100 + k, k % 9, 1 + k % 29, 1 + k % 12, k, k)
    for k in range(40)
)


def use_data(name: str, labels: str | None = None) -> Callable[[Path], None]:
    """Return what loads `name` as data, and reads and splits it."""

    def use(folder: Path) -> None:
        data = gv.load_data(folder / name, labels=labels)
        x = data.batch(slice(0, 8))
        assert np.isfinite(x.numpy()).all()
        data.standardisation.decode(x.numpy())
        if len(data) > 4:
            first, second = data.split(0.5, seed=1)
            first.batch(slice(0, 2)), second.batch_labels(slice(0, 2))

    return use


def make_npy(folder: Path) -> None:
    np.save(folder / "x.npy", ROWS)


def make_npz(folder: Path) -> None:
    np.savez_compressed(folder / "x.npz", x=ROWS, y=np.arange(80) % 3)


def make_csv(folder: Path) -> None:
    (folder / "x.csv").write_bytes(TABLE)


def make_written(folder: Path) -> None:
    (folder / "x.csv").write_bytes(WRITTEN)


def make_parquet(folder: Path) -> None:
    kinds = [("a", "i8"), ("b", "f8"), ("c", "M8[ms]"), ("d", "U2")]
    rows = [(k, k / 3 if k % 4 else np.nan, k * 10**9, "xy"[: k % 3]) for k in range(30)]
    data = gv.load_data(np.array(rows, kinds))
    gv.write_samples(data.raw(slice(None)), data.standardisation, folder / "x.parquet")


def make_images(folder: Path) -> None:
    for k in range(4):
        (folder / "images" / "ab"[k % 2]).mkdir(parents=True, exist_ok=True)
        picture, turned = RNG.integers(0, 255, (5, 6, 3)).astype("u1"), Image.Exif()
        turned[0x0112] = (1, 3)[k % 2]
        place = folder / "images" / "ab"[k % 2] / f"{k}.{('png', 'jpg')[k // 2]}"
        Image.fromarray(picture).save(place, exif=turned)


def make_scans(folder: Path) -> None:
    (folder / "scans").mkdir()
    for k in range(4):
        scan = Image.fromarray(RNG.integers(0, 4096, (5, 6)).astype("u2"))
        scan.save(folder / "scans" / f"{k}.{('png', 'tif')[k % 2]}")


def spoil_images(folder: Path, random: Random) -> None:
    path = random.choice(sorted((folder / "images").rglob("*.*")))
    match random.randrange(4):
        case 0:
            path.rename(path.with_suffix(random.choice((".jpg", ".txt", ".gif", ".PNG"))))
        case 1:
            mode, size = random.choice(("L", "RGBA", "I;16", "1", "P")), (5, 6)
            Image.new(mode, size).save(path.with_suffix(".png"))
        case _:
            path.write_bytes(mutated_bytes(path.read_bytes(), random))


def make_npys(folder: Path) -> None:
    (folder / "npys").mkdir()
    for k in range(3):
        np.save(folder / "npys" / f"{k}.npy", ROWS[k * 20 : k * 20 + 20])


def make_parquets(folder: Path) -> None:
    make_parquet(folder)
    (folder / "parquets").mkdir()
    for k in range(2):
        shutil.copy(folder / "x.parquet", folder / "parquets" / f"{k}.parquet")


def spoil_one_of(name: str) -> Callable[[Path, Random], None]:
    """Return what changes one file of folder `name`, or replaces it by another kind of array."""

    def spoil(folder: Path, random: Random) -> None:
        path = random.choice(sorted(p for p in (folder / name).rglob("*") if p.is_file()))
        if path.suffix == ".json":
            spoil_json(path.name)(path.parent, random)
        elif path.suffix == ".npy" and random.random() < 0.3:
            np.save(path, ROWS[:5].astype(random.choice(("f8", "i2", "?", "S4"))).T[:2])
        else:
            path.write_bytes(mutated_bytes(path.read_bytes(), random))

    return spoil


def make_saved(folder: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    kinds = datasets.ClassLabel(names=["a", "b"])
    features = datasets.Features({
        "x": datasets.List(datasets.Value("float32")),
        "y": kinds, "town": datasets.Value("string"),
    })  # fmt: skip
    columns = {"x": ROWS[:30].tolist(), "y": [k % 2 for k in range(30)], "town": ["Ulm"] * 30}
    datasets.Dataset.from_dict(columns, features).save_to_disk(folder / "saved")


def make_captions(folder: Path) -> None:
    make_images(folder)
    names = [p.relative_to(folder / "images") for p in sorted((folder / "images").rglob("*.*"))]
    rows = [
        {"file_name": name.as_posix(), "text": f"a bee, {k % 2}"} for k, name in enumerate(names)
    ]
    lines = ["file_name,text", *(f'{row["file_name"]},"{row["text"]}"' for row in rows)]
    (folder / "metadata.csv").write_text("\n".join(lines))
    (folder / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def spoil_captions(folder: Path, random: Random) -> None:
    name = random.choice(("metadata.csv", "metadata.jsonl"))
    data = mutated_bytes((folder / name).read_bytes(), random)
    (folder / "images" / name).write_bytes(data)


DATA = {
    "npy": Reader(make_npy, spoil_bytes("x.npy"), use_data("x.npy")),
    "npz": Reader(make_npz, spoil_bytes("x.npz"), use_data("x.npz", "y")),
    "csv": Reader(make_csv, spoil_bytes("x.csv"), use_data("x.csv")),
    "written": Reader(make_written, spoil_bytes("x.csv"), use_data("x.csv")),
    "parquet": Reader(make_parquet, spoil_bytes("x.parquet"), use_data("x.parquet")),
    "npys": Reader(make_npys, spoil_one_of("npys"), use_data("npys")),
    "parquets": Reader(make_parquets, spoil_one_of("parquets"), use_data("parquets")),
    "images": Reader(make_images, spoil_images, use_data("images")),
    "scans": Reader(make_scans, spoil_one_of("scans"), use_data("scans")),
    "captions": Reader(make_captions, spoil_captions, use_data("images")),
    "saved": Reader(make_saved, spoil_one_of("saved"), use_data("saved")),
}
