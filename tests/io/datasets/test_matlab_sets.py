"""SIDD and DND: MATLAB's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError, RawFileError
from campipe.io.datasets import open_set
from campipe.io.datasets.dnd import write_box
from campipe.io.datasets.matlab import read_mat
from campipe.ops import colour

scipy_io = pytest.importorskip("scipy.io")
SCENE = "0052_002_S6_01600_01000_5500_N"
COLOUR = np.array([[0.9020, -0.2890, -0.0715], [-0.4535, 1.2436, 0.2348], [-0.0934, 0.1919, 0.7086]])
NOISES = f"scene,beta1_R,beta2_R,beta1_G,beta2_G,beta1_B,beta2_B\n{SCENE},0.01,0.0001,0.02,0.0002,0.03,0.0003\n"


def matlab73(path: Path, **arrays: np.ndarray) -> None:
    """A MATLAB file of version 7.3: HDF5 behind 512 bytes, axes the other way round."""
    h5py = pytest.importorskip("h5py")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = np.asarray(array).T
    with open(path, "r+b") as head:
        head.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


def mosaic(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape or (12, 16), dtype=np.float32)


@pytest.mark.parametrize("front", ["0052_", ""])
def test_sidd_pairs_have_what_their_folder_says(tmp_path, front):
    place = tmp_path / "Data" / SCENE
    matlab73(place / f"{front}NOISY_RAW_010.MAT", x=mosaic(1))
    matlab73(place / f"{front}GT_RAW_010.MAT", x=mosaic(2))
    metadata = {"AsShotNeutral": np.array([[0.5, 1.0, 0.625]]), "ColorMatrix2": COLOUR.reshape(1, 9)}
    scipy_io.savemat(place / f"{front}METADATA_RAW_010.MAT", {"metadata": metadata})
    (tmp_path / "noise_level_functions.csv").write_text(NOISES)
    pairs = open_set("sidd", tmp_path)
    (pair,) = pairs
    assert pair.name == f"{SCENE}/{front}NOISY_RAW_010" and pair.ratio == 1
    assert np.array_equal(pair.noisy.data[0, 0].numpy(), mosaic(1)) and np.array_equal(pair.clean.data[0, 0].numpy(), mosaic(2))
    capture = pair.noisy.capture
    assert pair.noisy.space == "mosaic" and capture.pattern == "GRBG" and float(capture.iso) == 1600
    assert float(capture.seconds) == pytest.approx(1e-3) and torch.allclose(capture.wb, torch.tensor([[2.0, 1.0, 1.6]]))
    assert torch.allclose(capture.cam_to_srgb[0].double(), colour.cam_to_srgb(torch.tensor(COLOUR)), atol=1e-6)
    # S and O by position: green, red, blue, green
    assert torch.allclose(capture.noise, torch.tensor([[[[0.02, 0.01], [0.03, 0.02]], [[2e-4, 1e-4], [3e-4, 2e-4]]]]))
    assert pair.clean.capture.noise is None
    (place / f"{front}GT_RAW_010.MAT").unlink()
    with pytest.raises(RawFileError, match=r"there is no file .*GT_RAW_010"):
        pairs[0]


def test_parts_of_sidd_that_are_missing_are_named(tmp_path):
    with pytest.raises(RawFileError, match="holds no scenes with NOISY_RAW files"):
        open_set("sidd", tmp_path)
    matlab73(tmp_path / "mine" / "NOISY_RAW_010.MAT", x=mosaic(1))
    matlab73(tmp_path / "mine" / "GT_RAW_010.MAT", y=mosaic(1))
    with pytest.raises(RawFileError, match="a scene of SIDD has a name such as"):
        open_set("sidd", tmp_path)[0]
    (tmp_path / "mine").rename(tmp_path / SCENE)
    with pytest.raises(RawFileError, match="has no array 'x', but y"):
        open_set("sidd", tmp_path)[0]


def blocks(folder: Path, kind: str, scale: float = 1.0) -> dict[str, np.ndarray]:
    tail, shape = ("Raw", (2, 3, 8, 8)) if kind == "raw" else ("Srgb", (2, 3, 8, 8, 3))
    made = {which: mosaic(i, *shape) * scale for i, which in enumerate(("Noisy", "Gt"))}
    made = {which: a if kind == "raw" else (a * 255).astype(np.uint8) for which, a in made.items()}
    for which, array in made.items():
        scipy_io.savemat(folder / f"Validation{which}Blocks{tail}.mat", {f"Validation{which}Blocks{tail}": array})
    return made


def test_blocks_of_sidd_are_numbered_by_picture_and_block(tmp_path):
    made = blocks(tmp_path, "raw")
    scenes = [SCENE, "0010_001_GP_00800_00350_3200_N"]
    (tmp_path / "Scene_Instances.txt").write_text("\n".join(scenes))
    (tmp_path / "noise_level_functions.csv").write_text(NOISES)
    pairs = open_set("sidd_blocks", tmp_path)
    assert len(pairs) == 6 and pairs.names[4] == "01/01" == pairs[4].name
    assert np.array_equal(pairs[4].noisy.data[0, 0].numpy(), made["Noisy"][1, 1])
    assert np.array_equal(pairs[4].clean.data[0, 0].numpy(), made["Gt"][1, 1])
    assert [pairs[i].noisy.capture.pattern for i in (0, 3)] == ["GRBG", "BGGR"]
    assert pairs[0].noisy.capture.noise is not None and pairs[3].noisy.capture.noise is None
    coloured = blocks(tmp_path, "srgb")
    pair = open_set("sidd_blocks", tmp_path, kind="srgb")[5]
    assert pair.noisy.space == "display"
    assert np.array_equal((pair.noisy.data[0] * 255).round().byte().movedim(0, -1).numpy(), coloured["Noisy"][1, 2])


def test_blocks_of_unknown_filters_are_refused(tmp_path):
    blocks(tmp_path, "raw")
    with pytest.raises(CampipeError, match="raw blocks do not say their filters"):
        open_set("sidd_blocks", tmp_path)
    with pytest.raises(CampipeError, match="of 2 pictures, but 1 scenes are named"):
        len(open_set("sidd_blocks", tmp_path, scenes=[SCENE]))
    with pytest.raises(RawFileError, match=r"has no ValidationNoisyBlocksSrgb\.mat; fetch SIDD's validation data, or choose kind='raw'"):
        open_set("sidd_blocks", tmp_path, kind="srgb")


def dnd(folder: Path) -> np.ndarray:
    """One photograph of 20 x 24 with two boxes, in the structure arrays that MATLAB writes as references."""
    h5py = pytest.importorskip("h5py")
    (folder / "images_raw").mkdir()
    matlab73(folder / "images_raw" / "0001.mat", Inoisy=mosaic(3, 20, 24))
    with h5py.File(folder / "info.mat", "w", userblock_size=512) as file:
        info, refs = file.create_group("info"), file.create_group("#refs#")
        refs["a"] = np.array([[1, 1, 8, 8], [2, 4, 11, 15]], dtype=float).T
        noise = refs.create_group("b")
        noise["a"], noise["b"] = np.array([[2e-3]]), np.array([[1e-5]])
        camera = refs.create_group("c")
        camera["pattern"] = np.array([[2, 3], [1, 2]], dtype=float).T  # as MATLAB shows it: green, blue; red, green
        camera["AsShotNeutral"], camera["ColorMatrix2"] = np.array([[0.5], [1.0], [0.8]]), COLOUR.reshape(9, 1)
        for name, key in (("boundingboxes", "a"), ("nlf", "b"), ("camera", "c")):
            holder = info.create_dataset(name, (1, 1), dtype=h5py.ref_dtype)
            holder[0, 0] = refs[key].ref
    with open(folder / "info.mat", "r+b") as head:
        head.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    return mosaic(3, 20, 24)


def test_dnd_gives_the_boxes_with_noise_and_pattern(tmp_path):
    whole = dnd(tmp_path)
    pairs = open_set("dnd", tmp_path)
    assert pairs.names == ["0001_01", "0001_02"] and all(pair.clean is None for pair in pairs)
    first, second = (pair.noisy for pair in pairs)
    # Boxes count from 1 and hold their last row and column; a pattern begins anew where the box does.
    assert np.array_equal(first.data[0, 0].numpy(), whole[:8, :8]) and first.capture.pattern == "GBRG"
    assert np.array_equal(second.data[0, 0].numpy(), whole[1:11, 3:15]) and second.capture.pattern == "GRBG"
    assert torch.allclose(first.capture.noise, torch.tensor([[2e-3, 1e-5]]))
    assert torch.allclose(first.capture.wb, torch.tensor([[2.0, 1.0, 1.25]]))
    path = write_box(tmp_path, "0001_02", second.data)
    assert np.array_equal(scipy_io.loadmat(path)["Idenoised_crop"], whole[1:11, 3:15])
    with pytest.raises(RawFileError, match="images_srgb of DND is needed"):
        open_set("dnd", tmp_path, kind="srgb")
    (tmp_path / "info.mat").unlink()
    with pytest.raises(RawFileError, match=r"there is no file .*info\.mat"):
        open_set("dnd", tmp_path)


def test_files_that_are_none_of_matlab_are_refused(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"no such thing" * 100)
    (tmp_path / "b.mat").write_bytes(b"MATLAB 7.3 MAT-file" + bytes(600))
    with pytest.raises(RawFileError, match="cannot be read as a MATLAB file;"):
        read_mat(tmp_path / "a.mat", "x")
    pytest.importorskip("h5py")
    with pytest.raises(RawFileError, match=r"cannot be read as a MATLAB file of version 7\.3"):
        read_mat(tmp_path / "b.mat", "x")
