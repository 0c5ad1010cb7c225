"""`mamlab data`: lists the data sets, prepares one, and draws a sheet of sample images."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from reports.data.atomic_file import write_file
from reports.records import ReportError
from trainers.data import CifarFS, DataConfig, DataError, Glyphs, ImageFolder, Omniglot, load
from trainers.error_messages import unknown

from ..spec.parsing import load_spec
from ..stores.home import Home
from ..text import plain_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from trainers.data.classes import ClassData

SOURCES: dict[str, tuple[DataConfig, str, str]] = {
    "glyphs": (Glyphs(), "glyphs-*.npz", "letters of many scripts, rendered on your machine; no download"),
    "omniglot": (Omniglot(), "omniglot*", "1623 handwritten characters (Lake et al. 2015)"),
    "cifar_fs": (CifarFS(), "cifar*", "100 classes of photographs (Bertinetto et al. 2019)"),
}
"""Name -> settings, file pattern in the data folder, one-line description."""
FOLDER_HINT = (
    "image_folder: your own pictures, one folder per class. Name the folder (mamlab data FOLDER), or a spec file with "
    '[data] source = "image_folder", path = "..."'
)
DRAWN_BY = ("Software", "mamlab")
"""PNG text chunk of a sheet: only files with it are overwritten."""
SHEET_CLASSES, SHEET_IMAGES = 12, 10


def data_table(home: Home) -> RenderableType:
    """Return a table of the data sets with their state in `home`."""
    table = plain_table("data set", "state", "what it is")
    for name, (_, pattern, what) in SOURCES.items():
        there = any(home.data.glob(pattern))
        first = "rendered on first use (about 20 s)" if name == "glyphs" else "downloaded on first use"
        table.add_row(name, Text("ready", style="green") if there else first, what)
    table.add_row("image_folder", "your own", "your own pictures, one folder per class, such as Mini-ImageNet")
    return Group(
        table,
        Text(f"Stored in {home.data}. To prepare one: mamlab data NAME|FOLDER|SPEC", style="dim", overflow="fold"),
    )


def at_hand(config: DataConfig, home: Home) -> ClassData | None:
    """Return the data set if it needs no download and no rendering, else None, also for a method's own data. Raises
    DataError for unusable data.
    """
    patterns = {type(settings): pattern for settings, pattern, _ in SOURCES.values()}
    pattern = patterns.get(type(config))
    there = config.path.is_dir() if isinstance(config, ImageFolder) else pattern and any(home.data.glob(pattern))
    return load(config, home.data) if there else None


def data_page(name: str, home: Home) -> RenderableType:
    """Prepare a data set, draw its sheet, and return a description with notes.

    Args:
        name: one of `SOURCES`, a folder with one folder per class, or a spec file with a [data] section.
        home: where it is stored.

    Raises DataError, SpecError.
    """
    config = _config(name)
    data = load(config, home.data)
    sheet = draw_sheet(data, home.data / f"{name if name in SOURCES else data.name}.png")
    table = plain_table("split", "classes", "images", numbers=["classes", "images"])
    for split, classes in data.splits.items():
        table.add_row(split, str(len(classes)), str(sum(one.count for one in classes)))
    size = " x ".join(map(str, data.images.shape[1:]))
    facts = [
        f"{data.name}: images of {size} (channels x height x width)",
        f"checksum: {data.checksum}",
        f"picture:  {sheet}",
    ]
    notes = [f"note: {note}" for note in data.notes]
    return Group(table, *(Text(line, overflow="fold") for line in [*facts, *notes]))


def _config(name: str) -> DataConfig:
    if name in SOURCES:
        return SOURCES[name][0]
    if Path(name).is_dir():
        return ImageFolder(path=Path(name))
    if Path(name).suffix == ".toml":
        return load_spec(Path(name)).data
    if name == "image_folder":
        raise DataError(FOLDER_HINT)
    raise DataError(
        f"data {name}: there is no such folder, and it is an {unknown('data set', name, [*SOURCES, 'image_folder'])};"
        " name one of these, a folder of pictures, or a spec file"
    )


def draw_sheet(data: ClassData, path: Path) -> Path:
    """Write a PNG with some classes (rows) of each split side by side (train, val, test); return its path.

    Raises DataError if the file exists and is not from mamlab, or it cannot be written.
    """
    import numpy as np
    from PIL import Image, PngImagePlugin

    blocks = [_block(data, split) for split in ("train", "val", "test")]
    gap = np.full((*blocks[0].shape[:1], 8, *blocks[0].shape[2:]), 128, dtype=np.uint8)
    picture = np.concatenate([blocks[0], gap, blocks[1], gap, blocks[2]], axis=1)
    sheet = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    _refuse_foreign(path, sheet)
    marked = PngImagePlugin.PngInfo()
    marked.add_text(*DRAWN_BY)
    content = io.BytesIO()
    sheet.save(content, "png", pnginfo=marked)
    try:
        write_file(path, content.getvalue())
    except ReportError as error:
        raise DataError(str(error)) from None
    return path


def _refuse_foreign(path: Path, sheet: Image.Image) -> None:
    """Raise DataError if the file at `path` is not a sheet from mamlab; those of earlier versions have no text chunk,
    so their pixels are compared.
    """
    from PIL import Image

    if not os.path.lexists(path):
        return
    with suppress(OSError, ValueError), Image.open(path) as there:
        if not path.is_symlink() and (there.info.get(DRAWN_BY[0]) == DRAWN_BY[1] or there.tobytes() == sheet.tobytes()):
            return
    raise DataError(
        f"{path} already exists and was not made by mamlab; move it away, or choose another home with --home"
    )


def _block(data: ClassData, split: str) -> NDArray[np.uint8]:
    """Return [SHEET_CLASSES * H, SHEET_IMAGES * W, C]: one row per class, classes spread evenly over the split."""
    import numpy as np

    classes = next(found for name, found in data.splits.items() if name == split)
    height, width = data.images.shape[-2:]
    block = np.full((SHEET_CLASSES * height, SHEET_IMAGES * width, data.images.shape[1]), 128, dtype=np.uint8)
    for row in range(min(SHEET_CLASSES, len(classes))):
        one = classes[row * len(classes) // SHEET_CLASSES if len(classes) > SHEET_CLASSES else row]
        for column in range(min(SHEET_IMAGES, one.count)):
            image = data.images[one.first + column].permute(1, 2, 0).cpu().numpy()
            block[row * height : (row + 1) * height, column * width : (column + 1) * width] = np.rot90(
                image, one.rotations
            )
    return block
