"""The picture of a data set, which lies in the home's data folder beside files of others."""

from pathlib import Path

import pytest
from PIL import Image

from study.cli.data_sheet import draw_sheet
from tests.toy import toy_data
from trainers.data import DataError


def test_a_sheet_is_drawn_again_and_a_picture_of_somebody_s_stays(tmp_path: Path) -> None:
    sheet = draw_sheet(toy_data(), tmp_path / "toy.png")
    before = sheet.read_bytes()
    assert draw_sheet(toy_data(), sheet).read_bytes() == before
    with Image.open(sheet) as one:
        one.save(tmp_path / "old.png")  # by an earlier version, without a mark: the same pixels
    assert draw_sheet(toy_data(), tmp_path / "old.png").read_bytes() == before
    for content in (b"mine", _photo(tmp_path)):
        (tmp_path / "mine.png").write_bytes(content)
        with pytest.raises(DataError, match=r"mine\.png already exists and was not made by mamlab; move it away"):
            draw_sheet(toy_data(), tmp_path / "mine.png")
        assert (tmp_path / "mine.png").read_bytes() == content


def _photo(folder: Path) -> bytes:
    Image.new("L", (9, 9)).save(folder / "photo.png")
    return (folder / "photo.png").read_bytes()
