from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from trainers.exported import CONFIG_FILE, WEIGHTS_FILE, ModelError, read_model

from .models import trained, written


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    _, model = trained()
    model.write(tmp_path / "model")
    found = read_model(tmp_path / "model")
    assert found.config == model.config.model_copy(update={"device": "auto"})  # no matter of the model
    assert (found.preparation, found.about) == (model.preparation, {"study": "toy"})
    for mine, theirs in ((model.weights, found.weights), (model.statistics, found.statistics)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name].cpu(), theirs[name]) for name in mine)
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]


def test_a_model_exported_again_replaces_the_one_that_was_read(tmp_path: Path) -> None:
    _, model = trained()
    model.write(tmp_path)
    before = read_model(tmp_path)
    name = "linear.bias"
    model.weights[name] = model.weights[name] + 1
    model.write(tmp_path)
    assert torch.equal(read_model(tmp_path).weights[name], before.weights[name] + 1)


def test_a_folder_with_other_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ModelError, match=r"holds other files \(thesis\.txt\); name a new folder"):
        trained()[1].write(tmp_path)
    with pytest.raises(ModelError, match="is a file; name a folder"):
        trained()[1].write(tmp_path / "thesis.txt")


@pytest.mark.parametrize(
    "files",
    [
        {CONFIG_FILE: '{"architectures": ["BertModel"]}', WEIGHTS_FILE: "theirs"},
        {CONFIG_FILE: '{"format": 1}'},
        {WEIGHTS_FILE: "theirs"},
    ],
)
def test_another_model_s_folder_is_not_written_into(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ModelError, match=r"holds other files .*; name a new folder, or an earlier export"):
        trained()[1].write(tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == files


def test_an_export_with_a_file_of_somebody_s_is_not_written_over(tmp_path: Path) -> None:
    _, folder = written(tmp_path)
    (folder / "README.md").write_text("mine")
    with pytest.raises(ModelError, match=r"holds other files \(README\.md\)"):
        trained()[1].write(folder)


def test_a_folder_without_a_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json, so no model; make one with: mamlab export STUDY"):
        read_model(tmp_path)


def test_damaged_weights_are_seen(tmp_path: Path) -> None:
    _, folder = written(tmp_path)
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(ModelError, match="is damaged, or of another export"):
        read_model(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "has format 2, and this mamlab reads 1"),
        ({"trainer": {"inner": {"steps": 0}}}, "is not an export's"),
    ],
)
def test_a_config_of_another_form_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    _, folder = written(tmp_path)
    file = folder / CONFIG_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        read_model(folder)


def test_a_model_trained_in_tf32_classifies_without_cuda(tmp_path: Path) -> None:
    _, folder = written(tmp_path)
    file = folder / CONFIG_FILE
    tree = json.loads(file.read_text())
    tree["trainer"]["precision"] = "tf32"
    file.write_text(json.dumps(tree))
    assert read_model(folder).config.precision == "float32"


def rewritten(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write other tensors into an export, with the checksum that fits them."""
    content = save(tensors)
    (folder / WEIGHTS_FILE).write_bytes(content)
    tree = json.loads((folder / CONFIG_FILE).read_text())
    tree["weights_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / CONFIG_FILE).write_text(json.dumps(tree))


@pytest.mark.parametrize(
    ("path", "tensor", "message"),
    [
        ("secrets/x", torch.zeros(1), r"secrets/x is \[1\], and the network has none"),
        ("weights/linear.bias", torch.zeros(9), r"weights/linear\.bias is \[9\], and the network has \[\d\]"),
        ("statistics/conv0.mean", None, r"statistics/conv0\.mean is none, and the network has \["),
    ],
)
def test_tensors_that_are_not_the_networks_are_refused(
    path: str, tensor: torch.Tensor | None, message: str, tmp_path: Path
) -> None:
    trained()[1].write(tmp_path)
    tensors = load((tmp_path / WEIGHTS_FILE).read_bytes())
    if tensor is None:
        del tensors[path]
    else:
        tensors[path] = tensor
    rewritten(tmp_path, tensors)
    with pytest.raises(ModelError, match=message):
        read_model(tmp_path)


def test_a_config_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    trained()[1].write(tmp_path)
    (tmp_path / CONFIG_FILE).write_text("[" * 100_000)
    with pytest.raises(ModelError, match=r"config\.json is not an export's"):
        read_model(tmp_path)
