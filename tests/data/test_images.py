"""Folders of images: modes, labels, laziness, and what is refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.data.formats.image_folders import ImageRows

RNG = np.random.default_rng(6)
GREY = (RNG.gamma(2.0, 40.0, (4, 5, 7)) % 256).astype(np.uint8)
RGB = (RNG.gamma(2.0, 40.0, (4, 5, 7, 3)) % 256).astype(np.uint8)


def stored(folder, pictures, suffix="png", **options):
    folder.mkdir(parents=True, exist_ok=True)
    for k, picture in enumerate(pictures):
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(folder / f"{k}.{suffix}", **options)
    return folder


def refused(folder):
    with pytest.raises(InputError) as caught:
        load_data(folder)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder))
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "PNG"])
def test_grey_images_come_back(tmp_path, suffix):
    data = load_data(stored(tmp_path / "f", GREY, suffix))
    assert data.shape == (1, 5, 7)
    assert data.labels is None
    np.testing.assert_array_equal(data.raw(slice(None)), GREY)
    np.testing.assert_array_equal(data.standardisation.decode(data.batch(slice(None))), GREY)


def test_colour_images_come_back(tmp_path):
    data = load_data(stored(tmp_path / "f", RGB))
    x = data.batch(np.array([2]))
    assert x.shape == (1, 3, 5, 7)
    assert float(x[0, 1, 3, 4]) == pytest.approx(RGB[2, 3, 4, 1] / 127.5 - 1, abs=1e-6)
    np.testing.assert_array_equal(data.standardisation.decode(x)[0], RGB[2])


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp"])
def test_lossy_formats_are_read(tmp_path, suffix):
    smooth = np.broadcast_to(np.linspace(20, 220, 16, dtype=np.uint8)[:, None, None], (16, 16, 3))
    data = load_data(stored(tmp_path / "f", [smooth] * 2, suffix, quality=95))
    assert np.abs(data.raw(slice(0, 1))[0].astype(int) - smooth).max() <= 8


def test_sub_folders_are_labels_in_the_order_of_their_names(tmp_path):
    stored(tmp_path / "f" / "zebra", GREY[:1])
    stored(tmp_path / "f" / "ant", GREY[1:])
    (tmp_path / "f" / "empty").mkdir()
    (tmp_path / "f" / "notes.txt").write_text("not an image")
    (tmp_path / "f" / ".hidden.png").write_text("not an image")
    data = load_data(str(tmp_path / "f") + "/")
    assert data.label_names == ("ant", "zebra")
    assert data.labels.tolist() == [0, 0, 0, 1]
    assert data.name == "f"
    np.testing.assert_array_equal(data.raw(slice(None)), GREY[[1, 2, 3, 0]])
    with pytest.raises(InputError, match="labels: must name a column"):
        load_data(tmp_path / "f", labels="kind")


def test_grey_beside_colour_becomes_colour(tmp_path):
    data = load_data(stored(tmp_path / "f", [GREY[0], RGB[0]]))
    assert data.shape == (3, 5, 7)
    np.testing.assert_array_equal(data.raw(slice(0, 1))[0], np.repeat(GREY[0][..., None], 3, 2))


def test_other_modes_are_converted(tmp_path):
    clear = np.dstack([RGB[0], np.zeros((5, 7), np.uint8)])
    solid = np.dstack([RGB[0], np.full((5, 7), 255, np.uint8)])
    palette = Image.fromarray(RGB[0]).quantize(256)
    data = load_data(stored(tmp_path / "f", [clear, solid, palette]))
    got = data.raw(slice(None))
    assert (got[0] == 255).all()  # laid on white
    np.testing.assert_array_equal(got[1], RGB[0])
    np.testing.assert_array_equal(got[2], np.asarray(palette.convert("RGB")))
    bits = Image.fromarray(GREY[0] > 60)
    assert bits.mode == "1"
    two = load_data(stored(tmp_path / "g", [bits, bits]))
    assert two.shape == (1, 5, 7)
    np.testing.assert_array_equal(two.raw(slice(0, 1))[0], np.where(GREY[0] > 60, 255, 0))


def test_pixels_are_read_only_when_asked_for(tmp_path, monkeypatch):
    folder = stored(tmp_path / "f", GREY)
    opened = []
    real = ImageRows._pixels
    monkeypatch.setattr(
        ImageRows, "_pixels", lambda self, path: opened.append(path) or real(self, path)
    )
    data = load_data(folder)
    train, _ = data.split(0.5, seed=0)
    assert train.standardisation.scale_in_units == 127.5
    assert opened == []
    train.batch(slice(0, 1))
    assert len(opened) == 1


def test_fingerprint_is_of_the_files(tmp_path):
    one = load_data(stored(tmp_path / "a", GREY)).fingerprint
    assert load_data(stored(tmp_path / "b", GREY)).fingerprint == one
    assert load_data(stored(tmp_path / "b", GREY[::-1])).fingerprint != one


def test_folders_that_are_refused(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    assert "must hold images (.png, .jpg" in refused(folder)
    stored(folder, GREY[:1])
    assert "at least 2 images; got 1" in refused(folder)
    stored(folder / "cat", GREY)
    assert "all in sub-folders (the labels) or all beside them; got 0.png beside cat/" in refused(
        folder
    )


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (lambda p: Image.fromarray(GREY[0].T).save(p), r"must have size \(7, 5\), as 0.png"),
        (lambda p: p.write_text("hello"), "must be a whole image; cannot identify"),
        (lambda p: p.write_bytes(b""), "must be a whole image"),
        (
            lambda p: Image.fromarray(GREY[0].astype(np.uint16) * 256).save(p),
            "must have 16 bits of grey, .* none",
        ),
        (
            lambda p: Image.fromarray(GREY[0]).save(
                p, save_all=True, append_images=[Image.fromarray(GREY[1])]
            ),
            "must not be animated",
        ),
    ],
)
def test_bad_image_is_refused_by_name(tmp_path, second, message):
    folder = stored(tmp_path / "f", GREY[:1])
    second(folder / "1.png")
    with pytest.raises(InputError, match=message) as caught:
        load_data(folder)
    assert str(caught.value).startswith(str(folder / "1.png"))


@pytest.mark.parametrize("keep", [0.4, 0.7])
def test_truncated_image_is_refused_when_read(tmp_path, keep):
    folder = stored(tmp_path / "f", np.repeat(GREY[:2], 9, axis=2))
    whole = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(whole[: int(keep * len(whole))])
    data = load_data(folder)
    with pytest.raises(InputError, match=r"1\.png: must be a whole image"):
        data.batch(slice(None))


def test_image_that_vanished_is_refused_when_read(tmp_path):
    data = load_data(stored(tmp_path / "f", GREY))
    (tmp_path / "f" / "2.png").unlink()
    with pytest.raises(InputError, match=r"2\.png: must be a whole image"):
        data.batch(slice(None))


def huge_png(path, width, height):
    """A few bytes whose header announces width x height grey pixels."""

    def chunk(kind, content):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b""))


@pytest.mark.parametrize("side", [6000, 12_000, 60_000])
@pytest.mark.filterwarnings("error")
def test_decompression_bomb_is_refused_by_its_header(tmp_path, side):
    folder = stored(tmp_path / "f", GREY[:1])
    huge_png(folder / "1.png", side, side)
    text = refused(folder)
    assert "must have at most 33554432 pixels" in text or "decompression bomb" in text
