from __future__ import annotations

import pytest
import torch

from campipe.camera import Camera
from campipe.core.errors import CampipeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.io.files import read, write
from campipe.isp import Decode, Encode, SrgbEncode
from campipe.isp.encode import in_srgb
from campipe.synth.photos import Photos


def linear(low: float = -0.3, high: float = 1.3) -> Frame:
    data = torch.rand(2, 3, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return Frame(data * (high - low) + low, "linear", Capture(noise=torch.ones(2, 2)))


def test_encoding_in_srgb_is_what_the_plain_stage_does():
    assert torch.equal(Encode()(linear()).data, SrgbEncode()(linear()).data)


@pytest.mark.parametrize("name", ["srgb", "display-p3", "rec2020"])
def test_decoding_gives_back_the_light_and_its_colour_space(name):
    shown = Encode(name)(linear())
    assert shown.space == "display" and shown.capture.colour_space == name and shown.capture.noise is None
    again = Decode()(shown)
    assert again.space == "linear" and again.capture.colour_space == "srgb"
    assert torch.allclose(again.data, linear().data, atol=1e-13)


def test_a_colour_that_srgb_clips_is_kept_by_a_wider_space():
    green = Frame(torch.tensor([-0.2, 1.0, -0.05], dtype=torch.float64).reshape(1, 3, 1, 1), "linear")
    kept = {name: Encode(name)(green).data for name in ("srgb", "display-p3", "rec2020")}
    assert kept["srgb"].min() < 0 and kept["rec2020"].min() > 0
    clipped = in_srgb(Encode("rec2020")(green).replace(kept["rec2020"].clamp(0, 1)))
    assert torch.allclose(clipped.data, kept["srgb"], atol=1e-12)


def test_a_picture_in_srgb_comes_back_as_it_is():
    shown = Encode()(linear())
    assert in_srgb(shown) is shown
    moved = in_srgb(Encode("display-p3")(linear()))
    assert moved.capture.colour_space == "srgb" and torch.allclose(moved.data, shown.data, atol=1e-12)


def test_a_photo_in_a_wide_space_is_not_unprocessed_as_if_it_were_srgb(tmp_path):
    camera = Camera.load("sony-a7s2")
    shown = Encode("display-p3")(linear(0, 1).item(0))
    write(tmp_path / "wide.png", shown, bits=16)
    photo = read(tmp_path / "wide.png")
    with pytest.raises(SpaceError, match=r"display-p3 came; isp\.Decode\(\)"):
        camera.unprocess(photo)
    scene = camera.unprocess(in_srgb(photo))
    assert torch.allclose(camera.render(scene).data, SrgbEncode()(linear(0, 1).item(0)).data.float(), atol=2e-4)
    assert torch.equal(Photos.under(tmp_path).read(0).data, in_srgb(photo).data)


def test_a_stage_for_one_space_does_not_decode_another():
    with pytest.raises(CampipeError, match="is in rec2020, but the stage decodes display-p3"):
        Decode("display-p3")(Encode("rec2020")(linear()))
    with pytest.raises(CampipeError, match="did you mean 'rec2020'"):
        Encode("rec202")
