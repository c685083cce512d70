from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from safetensors.torch import save_file

from campipe.core.errors import RawFileError
from campipe.core.frame import Capture, Frame
from campipe.core.spaces import SPACES
from campipe.io.frames import load_frame, save_frame


def everything(batch: int) -> Capture:
    """A capture with an entry in every field, random where it is a number."""
    draws = torch.Generator().manual_seed(0)
    whole = {name: torch.randint(0, 2**40, (batch,), generator=draws) for name in ("serial", "item", "frame")}
    shapes = {
        "black_level": (2, 2),
        "white_level": (),
        "gain": (2, 2),
        "seconds": (),
        "iso": (),
        "wb": (3,),
        "cam_to_xyz": (3, 3),
        "cam_to_srgb": (3, 3),
    }
    shapes |= {"noise": (2, 2, 2), "tone": (), "brightness": (), "clamped": (), "wavelengths": (3,)}
    numbers = {name: torch.rand(batch, *shape, generator=draws) for name, shape in shapes.items()}
    origin = torch.randint(0, 99, (batch, 2), generator=draws)
    return Capture(pattern="GBRG", camera="étoile", absolute=True, colour_space="rec2020", origin=origin, **whole, **numbers)


def same(a: Frame, b: Frame) -> bool:
    """Equal to the last bit, in every entry, type and shape."""
    for f in fields(Capture):
        x, y = getattr(a.capture, f.name), getattr(b.capture, f.name)
        if isinstance(x, torch.Tensor) != isinstance(y, torch.Tensor):
            return False
        if not (x.dtype == y.dtype and torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y):
            return False
    bits = {torch.float64: torch.int64, torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}[a.data.dtype]
    return a.space == b.space and a.data.dtype == b.data.dtype and torch.equal(a.data.view(bits), b.data.view(bits))


def test_the_capture_of_these_tests_has_every_entry():
    assert all(getattr(everything(2), f.name) is not None for f in fields(Capture))


@pytest.mark.parametrize("space", list(SPACES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_frame_comes_back_bit_by_bit_with_its_whole_capture(tmp_path, space, dtype):
    channels = (SPACES[space].channels or (3,))[-1]
    data = torch.randn(2, channels, 5, 7, generator=torch.Generator().manual_seed(3)).to(dtype)
    data[0, 0, 0, :4] = torch.tensor([float("nan"), float("inf"), -0.0, 1e-38])
    frame = Frame(data, space, everything(2))
    save_frame(tmp_path / "f.safetensors", frame)
    assert same(load_frame(tmp_path / "f.safetensors"), frame)


def test_views_times_expanded_numbers_and_gradients_do_not_hinder(tmp_path):
    frame = Frame(torch.rand(2, 1, 3, 1, 4, 4, requires_grad=True), "dn", Capture(iso=100.0, wb=torch.rand(1, 3)))
    save_frame(tmp_path / "f.safetensors", frame)
    assert same(load_frame(tmp_path / "f.safetensors"), frame.detach())


def test_numbers_that_share_memory_come_back_apart(tmp_path):
    levels = torch.rand(2)
    frame = Frame(torch.rand(2, 3, 4, 4).transpose(2, 3), "linear", Capture(black_level=levels, white_level=levels, iso=levels.flip(0)))
    save_frame(tmp_path / "f.safetensors", frame)
    assert same(load_frame(tmp_path / "f.safetensors"), frame)


def test_what_is_not_known_stays_unknown(tmp_path):
    save_frame(tmp_path / "f.safetensors", Frame(torch.rand(1, 3, 4, 4), "linear"))
    assert load_frame(tmp_path / "f.safetensors").capture == Capture()


def test_strangers_damage_and_newer_formats_are_refused_in_one_line(tmp_path):
    path = tmp_path / "f.safetensors"
    save_frame(path, Frame(torch.rand(1, 3, 40, 40), "linear"))
    whole = path.read_bytes()
    foreign = tmp_path / "weights.safetensors"
    save_file({"w": torch.zeros(3)}, foreign)
    newer, odd = tmp_path / "newer.safetensors", tmp_path / "odd.safetensors"
    newer.write_bytes(whole.replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    odd.write_bytes(whole.replace(b'\\"linear\\"', b'\\"lineal\\"'))
    cut, text = tmp_path / "cut.safetensors", tmp_path / "text.safetensors"
    cut.write_bytes(whole[:-100])
    text.write_bytes(b"not a file of tensors at all")
    for bad, words in [
        (cut, "no whole"),
        (text, "no whole"),
        (foreign, "holds tensors but no frame"),
        (newer, "newer campipe"),
        (odd, "does not hold a frame"),
    ]:
        with pytest.raises(RawFileError, match=words) as caught:
            load_frame(bad)
        assert "\n" not in str(caught.value)
