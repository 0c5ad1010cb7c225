"""Pictures as people have them: what comes out of every mode and of damaged EXIF, or the message that refuses it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainers.data import DataError, ImageFolder, image_folder, load
from trainers.data.pictures import open_picture, prepare
from trainers.data.preparation import Preparation

RAMP = np.linspace(0, 1, 64 * 64).reshape(64, 64)
GREY = Preparation(channels=1, size=64, resize="bicubic", mean=(0.0,), std=(1.0,))
EIGHT = (RAMP * 255).round().astype(np.uint8)


def tiff(path: Path, pixels: Any, *more: tuple[int, int, int, int], minimum_is: int = 1) -> Path:
    height, width = pixels.shape
    data, bits = pixels.tobytes(), 8 * pixels.dtype.itemsize
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, bits),
        (259, 3, 1, 1),
        (262, 3, 1, minimum_is),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
        *more,
    ]
    ifd = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags)) + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + ifd)
    return path


def twelve_bits(path: Path) -> Path:
    """Two values of 12 bits in three bytes, as cameras write them: the file says 12."""
    values = (RAMP * 4095).astype(np.uint16).reshape(-1, 2)
    first, second = values[:, 0], values[:, 1]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1).astype(np.uint8)
    data = packed.tobytes()
    tags = [
        (256, 4, 1, 64),
        (257, 4, 1, 64),
        (258, 3, 1, 12),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, 64),
        (279, 4, 1, len(data)),
    ]
    ifd = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + ifd)
    return path


def colour16(path: Path, largest: int) -> Path:
    """A PNG of 16 bits per channel, which Pillow does not write."""
    values = np.repeat((RAMP * largest).astype(">u2")[..., None], 3, axis=2)
    lines = b"".join(b"\0" + line.tobytes() for line in values)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def saved(values: Any) -> Callable[[Path], Path]:
    def save(path: Path) -> Path:
        Image.fromarray(values).save(path)
        return path

    return save


def pgm(path: Path) -> Path:
    path.write_bytes(b"P5 64 64 1023\n" + (RAMP * 1023).astype(">u2").tobytes())
    return path


def converted(mode: str) -> Callable[[Path], Path]:
    def save(path: Path) -> Path:
        Image.fromarray(EIGHT).convert("RGB").convert(mode).save(path)
        return path

    return save


COMES_OUT: dict[str, Callable[[Path], Path]] = {
    "8 bits.png": saved(EIGHT),
    "16 bits.png": saved((RAMP * 65535).astype(np.uint16)),
    "14 bits in 16.png": saved((RAMP * 16383).astype(np.uint16)),
    "12 bits in 16.png": saved((RAMP * 4095).astype(np.uint16)),
    "10 bits in 16.png": saved((RAMP * 1023).astype(np.uint16)),
    "8 bits in 16.png": saved((RAMP * 255).astype(np.uint16)),
    "16 bits.tif": saved((RAMP * 65535).astype(np.uint16)),
    "12 bits.tif": twelve_bits,
    "8 bits in 32.tif": saved((RAMP * 255).astype(np.int32)),
    "16 bits in 32.tif": saved((RAMP * 65535).astype(np.int32)),
    "floats to 1.tif": saved(RAMP.astype(np.float32)),
    "floats a little beyond 0 to 1.tif": saved((RAMP * 1.004 - 0.002).astype(np.float32)),
    "floats to 255.tif": saved((RAMP * 255).astype(np.float32)),
    "8 bits, min is white.tif": lambda path: tiff(path, 255 - EIGHT, minimum_is=0),
    "16 bits, min is white.tif": lambda path: tiff(path, 65535 - (RAMP * 65535).astype("<u2"), minimum_is=0),
    "10 bits, min is white.tif": lambda path: tiff(path, 1023 - (RAMP * 1023).astype("<u2"), minimum_is=0),
    "floats, min is white.tif": lambda path: tiff(path, (1 - RAMP).astype("<f4"), (339, 3, 1, 3), minimum_is=0),
    "signed 16 bits to 255.tif": lambda path: tiff(path, (RAMP * 255).astype("<i2"), (339, 3, 1, 2)),
    "10 bits.pgm": pgm,
    "colour of 16 bits.png": lambda path: colour16(path, 65535),
    "CMYK.tif": converted("CMYK"),
    "YCbCr.tif": converted("YCbCr"),
    "LA.png": converted("LA"),
    "RGBA.png": converted("RGBA"),
    "RGBX.tif": converted("RGBX"),
}
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "signed floats.tif": (
        saved(((RAMP - 0.5) * 6).astype(np.float32)),
        r"holds values from -3 to 3, so its white level is unknown",
    ),
    "floats to 6.tif": (
        saved((RAMP * 6).astype(np.float32)),
        r"values from 0 to 6, so its white level is unknown \(0 \.\. 1 or",
    ),
    "not a number.tif": (saved(np.where(RAMP > 0.5, np.nan, RAMP).astype(np.float32)), "no numbers"),
    "large.tif": (saved((RAMP * 4e6).astype(np.int32)), r"values from 0 to 4e\+06, so its white level is unknown"),
    "signed 16 bits.tif": (
        lambda path: tiff(path, ((RAMP - 0.5) * 4000).astype("<i2"), (339, 3, 1, 2)),
        "values from -2000 to 2000",
    ),
    "10 bits in 16 a channel.png": (lambda path: colour16(path, 1023), "16 bits per channel and uses fewer"),
    "0 and 1 in 16 bits.png": (saved((RAMP > 0.5).astype(np.uint16)), "is all but black: no value is above 1"),
}


UNREADABLE = {"YCbCr.tif"} if int(version("pillow").partition(".")[0]) < 13 else set[str]()
"""What Pillow saves and cannot read again itself."""


@pytest.mark.parametrize("name", sorted(COMES_OUT.keys() - UNREADABLE))
def test_every_mode_comes_out_as_its_8_bit_picture_also_in_a_model(tmp_path: Path, name: str) -> None:
    file = COMES_OUT[name](tmp_path / name)
    found = image_folder.decode(file, 64, grayscale=True)
    assert np.abs(found[0].astype(int) - EIGHT).max() <= 1
    colours = image_folder.decode(file, 64, grayscale=False).astype(int)
    assert np.abs(colours - EIGHT).max() <= 1
    assert np.array_equal(GREY.pixels(file), found)
    assert np.array_equal(GREY.pixels(io.BytesIO(file.read_bytes())), found)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_refused_by_name_also_in_a_model(tmp_path: Path, name: str) -> None:
    make, message = REFUSED[name]
    file = make(tmp_path / name)
    readers: tuple[Callable[[], Any], ...] = (lambda: image_folder.decode(file, 64, True), lambda: GREY.pixels(file))
    for read in readers:
        with pytest.raises(DataError, match=f"{name}.*{message}"):
            read()
    with pytest.raises(DataError, match=message):
        GREY.pixels(io.BytesIO(file.read_bytes()))


@pytest.mark.parametrize("mode", ["HSV", "LAB", "La", "RGBa", "PA", "I;16B", "I;16L"])
def test_modes_that_only_memory_has_come_out(mode: str) -> None:
    if mode.startswith("I;16"):
        picture = Image.frombytes(mode, (64, 64), (RAMP * 65535).astype(">u2" if mode[-1] == "B" else "<u2").tobytes())
    elif mode == "LAB":
        grey = np.stack([EIGHT, np.full_like(EIGHT, 0), np.full_like(EIGHT, 0)], 2)
        picture = Image.frombytes("LAB", (64, 64), grey.tobytes())
        assert prepare(picture, 64, True)[0].std() > 50  # lightness is no linear grey
        return
    else:
        through = {"La": "LA", "RGBa": "RGBA"}.get(mode, "RGB" if mode == "HSV" else "L")
        picture = Image.fromarray(EIGHT).convert(through).convert(mode)
    assert np.abs(prepare(picture, 64, True)[0].astype(int) - EIGHT).max() <= 1


def folder_of(root: Path, pictures: list[Any], ending: str = "png") -> ImageFolder:
    """Three classes a split with the same pictures, each moved by a pixel."""
    for c in range(9):
        (root / f"class{c}").mkdir(parents=True)
        for p, values in enumerate(pictures):
            Image.fromarray(np.roll(values, c + 1)).save(root / f"class{c}" / f"{p}.{ending}")
    return ImageFolder(path=root, size=64, grayscale=True, fractions=(0.34, 0.33, 0.33))


def test_white_is_that_of_the_data_set_and_goes_into_the_model(tmp_path: Path) -> None:
    dark = (RAMP * 255).astype(np.float32), (RAMP * 12).astype(np.float32)
    data = load(folder_of(tmp_path / "floats", list(dark), "tif"), tmp_path)
    assert data.white == {"floats": 255}
    assert data.images.reshape(9, 2, -1).amax(2)[:, 1].tolist() == [12] * 9  # alone it would be refused
    assert any("9 of 18 pictures with floats are dark" in note for note in data.notes)
    model = GREY.model_copy(update={"white": dict(data.white)})
    file = tmp_path / "floats" / "class0" / "1.tif"
    assert model.pixels(file).max() == 12
    with pytest.raises(DataError, match=r"one\.tif is all but black: no value is above 1, and white is 255 here"):
        model.pixels(saved(RAMP.astype(np.float32))(tmp_path / "one.tif"))


def test_a_picture_of_another_depth_than_the_others_is_named(tmp_path: Path) -> None:
    mixed = folder_of(tmp_path / "d", [(RAMP * 65535).astype(np.uint16), (RAMP * 1023).astype(np.uint16)])
    with pytest.raises(DataError, match=r"class0/1\.png is all but black: no value is above 1023, and white is 65535"):
        load(mixed, tmp_path)


def exif_with(*entries: tuple[int, int, int, bytes], value: bytes = b"") -> bytes:
    body = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    body += b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries) + bytes(4) + value
    return b"Exif\0\0" + body


SIX = (0x112, 3, 1, struct.pack("<HH", 6, 0))
AT = struct.pack("<I", 8 + 2 + 24 + 4)
DAMAGED = {
    "clean": exif_with(SIX),
    "-5 over 0": exif_with(SIX, (0x11A, 10, 1, AT), value=struct.pack("<ii", -5, 0)),
    "0 over 0": exif_with(SIX, (0x11A, 10, 1, AT), value=struct.pack("<ii", 0, 0)),
    "not a number": exif_with(SIX, (0x11A, 11, 1, AT), value=struct.pack("<f", float("nan")) + bytes(4)),
    "the largest number": exif_with(SIX, (0x11A, 10, 1, AT), value=struct.pack("<ii", -(2**31), 1)),
    "a maker that lies beyond the end": exif_with((0x10F, 2, 2**20, struct.pack("<I", 2**24)), SIX),
    "more entries than there are": exif_with(SIX)[:14] + struct.pack("<H", 900) + exif_with(SIX)[16:],
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.filterwarnings("ignore")  # Pillow's, about the damage
def test_the_orientation_is_read_and_damage_elsewhere_is_not(tmp_path: Path, name: str, kind: str) -> None:
    pixels = np.zeros((40, 60), np.uint8)
    pixels[:20, :30] = 255
    file = tmp_path / f"x.{kind.lower()}"
    Image.fromarray(pixels).convert("RGB").save(
        file, kind, exif=DAMAGED[name], **({} if kind == "PNG" else {"quality": 95})
    )
    turned = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_270)
    found = image_folder.decode(file, 16, grayscale=True)
    assert np.abs(found.astype(int) - prepare(turned, 16, True)).max() < 12  # what JPEG and WebP lose
    assert np.array_equal(GREY.model_copy(update={"size": 16}).pixels(file), found)


def bomb(path: Path, side: int) -> Path:
    """A black and white PNG of a few kB that takes hundreds of MB when it is decoded; all its lines are black."""
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes((side // 8 + 2) * 8)))  # its end is missing: nobody may come so far
        + chunk(b"IEND", b"")
    )
    return path


def test_a_picture_that_is_too_large_is_refused_by_its_head(tmp_path: Path) -> None:
    file = bomb(tmp_path / "big.png", 14000)
    message = r"big\.png is too large \(14000 x 14000\); scale it down"
    for read in (lambda: image_folder.decode(file, 8, False), lambda: GREY.pixels(file), lambda: GREY.images([file])):
        with pytest.raises(DataError, match=message):
            read()
    with pytest.raises(DataError, match=r"the picture is too large \(14000 x 14000\)"):
        GREY.pixels(io.BytesIO(file.read_bytes()))
    assert Image.MAX_IMAGE_PIXELS == 89_478_485  # as it was


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_model_refuses_what_pillow_only_warns_of(tmp_path: Path) -> None:
    file = bomb(tmp_path / "big.png", 13000)
    with pytest.raises(DataError, match=r"too large \(13000 x 13000\)"):
        GREY.pixels(file)
    with Image.open(file) as opened, pytest.raises(DataError, match=r"picture 1 is too large"):
        GREY.images([opened])
    with pytest.raises(DataError, match="cannot be read"):  # a data set's own is decoded
        open_picture(file, lambda image: prepare(image, 8, True))
