from __future__ import annotations

import resource
import subprocess
import sys

import pytest
import torch

from campipe.core.errors import RawFileError, ShapeError, SpaceError
from campipe.core.frame import Frame
from campipe.core.spaces import SPACES
from campipe.io.files import read, write


def frame_in(space: str, raw_frame) -> Frame:
    if space == "dn":
        return raw_frame()
    channels = (SPACES[space].channels or (3,))[-1]
    return Frame(torch.rand(1, channels, 24, 30, generator=torch.Generator().manual_seed(0)), space)


@pytest.mark.parametrize(
    ("space", "name", "tolerance"),
    [
        ("display", "a.png", 0.5 / 255),
        ("display", "A.TIF", 0.5 / 255),
        ("dn", "a.dng", 0),
        ("linear", "a.exr", 0),
        ("scene", "a.exr", 0),
        ("electrons", "a.safetensors", 0),
    ],
)
def test_a_frame_goes_to_the_file_of_its_suffix_and_comes_back(tmp_path, raw_frame, space, name, tolerance):
    frame = frame_in(space, raw_frame)
    write(str(tmp_path / name), frame)
    back = read(str(tmp_path / name))
    assert back.space == space
    torch.testing.assert_close(back.data, frame.data, rtol=0, atol=tolerance + 2**-24 if tolerance else 0)


@pytest.mark.parametrize("space", list(SPACES))
def test_each_space_has_the_files_that_can_hold_it_and_no_other(tmp_path, raw_frame, space):
    fits = {"display": {".png", ".jpg", ".tif"}, "dn": {".dng"}, "scene": {".exr"}, "camera": {".exr"}, "linear": {".exr"}}.get(
        space, set()
    )
    for suffix in (".png", ".jpg", ".tif", ".dng", ".exr", ".safetensors"):
        path = tmp_path / f"a{suffix}"
        if suffix in fits | {".safetensors"}:
            write(path, frame_in(space, raw_frame))
            assert path.exists()
        else:
            with pytest.raises(SpaceError, match=f"one in '{space}' came; write it as"):
                write(path, frame_in(space, raw_frame))
            assert not path.exists()


def test_options_reach_the_writer_and_unknown_ones_are_named(tmp_path, raw_frame):
    frame = frame_in("display", raw_frame)
    write(tmp_path / "a.png", frame, bits=16)
    torch.testing.assert_close(read(tmp_path / "a.png").data, frame.data, rtol=0, atol=0.5 / 65535 + 2**-24)
    with pytest.raises(RawFileError, match="written with bits, quality, but depth came"):
        write(tmp_path / "a.png", frame, depth=16)


def test_a_batch_is_refused_with_the_way_to_write_it(tmp_path, raw_frame):
    batch = raw_frame().replace(raw_frame().data.repeat(2, 1, 1, 1) * torch.tensor([1.0, 0.0])[:, None, None, None])
    with pytest.raises(ShapeError, match=r"batch of 2 came; write frame\.item\(0\), frame\.item\(1\)"):
        write(tmp_path / "a.dng", batch)
    for i in range(2):
        write(tmp_path / f"{i}.dng", batch.item(i))
        assert torch.equal(read(tmp_path / f"{i}.dng").data, batch.data[i : i + 1])


def test_a_bare_tensor_is_refused(tmp_path):
    with pytest.raises(SpaceError, match="a file holds a Frame, but Tensor came"):
        write(tmp_path / "x.png", torch.rand(1, 3, 4, 4))


def test_suffixes_that_mean_nothing_are_refused(tmp_path, raw_frame):
    for name in ("a.gif", "a", "a.jpeg2000"):
        with pytest.raises(RawFileError, match="choose one of them"):
            write(tmp_path / name, raw_frame())
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(RawFileError, match=r"suffix '\.txt'"):
        read(tmp_path / "a.txt")
    with pytest.raises(RawFileError, match="there is no file"):
        read(tmp_path / "missing.txt")
    with pytest.raises(RawFileError, match="is a folder"):
        read(tmp_path)


@pytest.mark.parametrize("suffix", [".dng", ".nef", ".png", ".jpg", ".webp", ".tif", ".exr", ".safetensors"])
def test_missing_empty_and_foreign_files_are_refused_in_one_line(tmp_path, suffix):
    cases = {"empty": b"", "text": b"this is text, whatever the suffix says\n" * 99}
    for name, content in cases.items():
        (tmp_path / f"{name}{suffix}").write_bytes(content)
    for name in (*cases, "missing"):
        with pytest.raises(RawFileError) as caught:
            read(tmp_path / f"{name}{suffix}")
        assert ("is empty; copy it again" in str(caught.value)) == (name == "empty")
        assert f"{name}{suffix}" in str(caught.value) and "\n" not in str(caught.value) and ";" in str(caught.value)


@pytest.mark.parametrize("suffix", [".dng", ".png", ".jpg", ".tif", ".exr", ".safetensors"])
def test_a_full_disk_leaves_no_file_of_any_kind(tmp_path, raw_frame, suffix):
    # A limit on the size of files stops a write half-way, as a full disk does.
    space = {".dng": "dn", ".exr": "linear", ".safetensors": "linear"}.get(suffix, "display")
    data = torch.rand(1, 1 if space == "dn" else 3, 200, 200, generator=torch.Generator().manual_seed(0))
    frame = Frame(data, space, raw_frame().capture)
    write(tmp_path / f"before{suffix}", frame)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        with pytest.raises(RawFileError, match=r"cannot be written: .*;") as caught:
            write(tmp_path / f"a{suffix}", frame)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == [f"before{suffix}"]


def test_reading_and_writing_load_no_heavy_module_before_they_need_it():
    heavy = {"rawpy", "tifffile", "imageio", "OpenEXR", "safetensors", "PIL", "kornia_rs"}
    program = f"import sys, campipe.io.files; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
