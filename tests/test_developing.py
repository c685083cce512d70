from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from campipe import blocks
from campipe.blocks.learned.base import Learned
from campipe.core import pattern as patterns
from campipe.core.errors import CampipeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.developing import develop, develop_integers, developing_pipeline, fitting_demosaicker, render, rendering_pipeline
from campipe.io.photos import quantise
from campipe.isp import ClipHighlights, ColourMatrix, Levels, WhiteBalance
from campipe.ops.colour import apply_matrix, srgb_decode, srgb_encode
from campipe.ops.levels import to_dn
from campipe.scenes import unprocess

MATRIX = torch.tensor([[1.6, -0.4, -0.2], [-0.2, 1.6, -0.4], [0.0, -0.5, 1.5]])
WB = torch.tensor([[2.1, 1.0, 1.6]])
NAMES = ["levels", "white_balance", "clip_highlights", "demosaick", "colour_matrix", "exposure", "tone_curve", "srgb", "clip"]


def filtered(data: torch.Tensor, pattern: str) -> torch.Tensor:
    """What a colour filter array lets through: (B, 3, H, W) to (B, 1, H, W)."""
    height, width = data.shape[-2:]
    table = torch.tensor(patterns.channels(pattern)).repeat(height, width)[:height, :width]
    return data.gather(-3, table.expand(data.shape[0], 1, -1, -1))


def raw(scene: torch.Tensor, pattern: str | None = "RGGB", **entries: object) -> Frame:
    """Raw numbers of a perfect sensor, 64 to 1023 DN, not rounded."""
    mosaic = scene if pattern is None else filtered(scene, pattern)
    dn = to_dn(mosaic, torch.tensor(64.0), torch.tensor(1023.0))
    return Frame(dn, "dn", Capture(pattern=pattern, black_level=[64.0], white_level=[1023.0])).replace(**entries)


# What a training found is right of a slope nearly, which is no contract.
CLASSICAL = [name for name in blocks.names("demosaick") if not issubclass(blocks.filler("demosaick", name), Learned)]


def smooth(height: int = 32, width: int = 40) -> torch.Tensor:
    """Scene light without detail, (1, 3, height, width), in which any demosaicker is right."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([0.1 + 0.2 * y, 0.2 + 0.3 * x, 0.1 + 0.1 * x + 0.2 * y])[None]


def test_the_stages_have_their_names_in_order():
    assert [s.name for s in developing_pipeline().stages] == NAMES
    assert [s.name for s in developing_pipeline(clip=False).stages] == [n for n in NAMES if not n.startswith("clip")]
    assert [s.name for s in rendering_pipeline().stages] == ["white_balance", "colour_matrix", "exposure", "tone_curve", "srgb"]


@pytest.mark.parametrize("pattern", ["RGGB", "GRBG", "GBRG", "BGGR"])
@pytest.mark.parametrize("name", CLASSICAL)
def test_developing_a_smooth_scene_is_rendering_it(pattern, name):
    known = {"wb": WB, "cam_to_srgb": MATRIX[None], "tone": [0.4], "brightness": [1.2]}
    scene = Frame(smooth(), "scene").replace(**known)
    picture = develop(raw(scene.data, pattern, **known), demosaick=name)
    assert picture.space == "display"
    # Straight lines are interpolated exactly; raw numbers of float32 carry 24 bits.
    edge = max(4, blocks.demosaick(name).margin or 0)  # beyond the border a slope goes on as its mirror image
    assert (picture.data - render(scene).data)[..., edge:-edge, edge:-edge].abs().max() < 2e-5


def test_developing_needs_levels_and_nothing_else():
    scene = smooth()
    picture = develop(raw(scene)).data
    assert torch.allclose(picture[..., 4:-4, 4:-4], srgb_encode(scene)[..., 4:-4, 4:-4], atol=1e-5)
    with pytest.raises(CampipeError, match=r"in levels: .*white_level"):
        develop(raw(scene).replace(white_level=None))


def test_exposure_multiplies_linear_light_by_powers_of_two():
    frame = raw(smooth() / 4)
    assert torch.allclose(develop(frame, exposure=2).data, develop(raw(smooth())).data, atol=1e-5)
    both = Frame(frame.data.expand(2, -1, -1, -1), "dn", Capture(pattern="RGGB", black_level=[64.0], white_level=[1023.0]))
    out = develop(both, exposure=torch.tensor([0.0, 2.0])).data
    assert torch.allclose(out[:1], develop(frame).data) and torch.allclose(out[1:], develop(frame, exposure=2.0).data)


def test_pictures_are_clipped_and_blown_highlights_are_white():
    frame = raw(torch.full((1, 3, 8, 8), 1.0), wb=WB, cam_to_srgb=MATRIX[None])
    frame = frame.replace(torch.where(torch.arange(8) < 4, frame.data, frame.data - 1500))
    picture = develop(frame).data
    assert torch.allclose(picture[..., :2], torch.ones(()))
    assert torch.equal(picture[..., 6:], torch.zeros(1, 3, 8, 2))


def test_mono_raws_give_grey_pictures():
    grey = smooth()[:, :1]
    picture = develop(raw(grey, None)).data
    assert picture.shape == (1, 3, 32, 40)
    assert torch.allclose(picture, srgb_encode(grey).expand(1, 3, -1, -1), atol=1e-6)


def test_a_block_may_be_given_in_place_of_a_name():
    frame = raw(smooth())
    assert torch.equal(develop(frame, demosaick=blocks.demosaick("bilinear")).data, develop(frame, demosaick="bilinear").data)
    with pytest.raises(CampipeError, match=r"bilinear, .*malvar"):
        develop(frame, demosaick="best")
    with pytest.raises(CampipeError, match="slot 'demosaick'"):
        develop(frame, demosaick=Levels())  # type: ignore[arg-type]
    with pytest.raises(CampipeError, match="finite"):
        develop(frame, exposure=float("nan"))
    with pytest.raises(SpaceError, match="'dn'"):
        develop(Frame(smooth(), "scene"))


def test_a_demosaicker_is_picked_by_the_colour_filters():
    frame = raw(smooth(), wb=WB)
    assert fitting_demosaicker(frame) == fitting_demosaicker(raw(smooth()[:, :1], None)) == "malvar"
    assert torch.equal(develop(frame).data, develop(frame, demosaick="malvar").data)
    xtrans = frame.replace(pattern="GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG")
    fit = [name for name in blocks.names("demosaick") if "xtrans" in blocks.demosaick(name).patterns]  # type: ignore[attr-defined]
    assert fitting_demosaicker(xtrans) == (fit or ["malvar"])[0]


@pytest.mark.parametrize("bits", [8, 16])
def test_whole_numbers_are_the_picture_rounded(bits):
    numbers = torch.Generator().manual_seed(1)
    frame = raw(torch.rand(2, 3, 51, 47, generator=numbers), wb=WB, cam_to_srgb=MATRIX[None], tone=[0.3])
    for given in (frame, frame.replace(frame.data.double()), raw(smooth()[:, :1], None)):
        whole = develop_integers(given, bits=bits, exposure=0.5)
        picture = develop(given, exposure=0.5)
        for i in range(picture.batch):
            assert np.array_equal(whole[i].numpy(), quantise(picture.item(i), bits))
    assert whole.dtype == (torch.uint8 if bits == 8 else torch.uint16) and whole.is_contiguous()


def test_whole_numbers_that_cannot_be_are_refused():
    frame = raw(smooth())
    with pytest.raises(CampipeError, match="8 or 16 bits"):
        develop_integers(frame, bits=10)
    frame.data[..., 5, 5] = torch.nan
    for given in (frame, frame.replace(frame.data.double())):
        with pytest.raises(CampipeError, match="finite"):
            develop_integers(given)
    with pytest.raises(SpaceError, match="'dn'"):
        develop_integers(Frame(smooth(), "scene"))


def test_a_gradient_travels_from_the_picture_to_raw_numbers_and_to_the_matrix():
    pipeline = developing_pipeline()
    frame = raw(smooth(), wb=WB, cam_to_srgb=MATRIX[None])
    dn = frame.data.clone().requires_grad_()
    pipeline(frame.replace(dn)).data.square().sum().backward()
    assert dn.grad is not None and torch.isfinite(dn.grad).all() and (dn.grad != 0).all()
    matrix = MATRIX[None].clone().requires_grad_()
    develop(frame.replace(cam_to_srgb=matrix)).data.sum().backward()
    assert matrix.grad is not None and (matrix.grad != 0).all()


def through_a_mosaic(photo: Frame, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A photo taken to a scene, seen through a filter, demosaicked and rendered; and the same from the camera's colours, where only the
    demosaicker comes in between."""
    scene = unprocess(photo, wb=WB, cam_to_srgb=MATRIX, tone=0.8, brightness=1.2)
    finish = Pipeline(rendering_pipeline().stages[1:])
    mosaic = scene.replace(filtered(scene.data, "RGGB"), "mosaic", pattern="RGGB")
    path = Pipeline([WhiteBalance(), blocks.demosaick(name), *rendering_pipeline().stages[1:]])(mosaic).data
    camera = rendering_pipeline()["white_balance"](scene)
    alone = finish(camera.replace(blocks.demosaick(name).net(filtered(camera.data, "RGGB"), "RGGB"))).data
    return path, alone


@pytest.mark.parametrize("name", blocks.names("demosaick"))
def test_with_a_mosaic_in_between_the_loss_is_the_demosaickers_alone(name, photos):
    photo = Frame(torch.tensor(photos["chelsea"]).movedim(-1, 0)[None].float() / 255, "display")
    path, alone = through_a_mosaic(photo, name)
    loss, its_own = ((x - photo.data).square().mean() for x in (path, alone))
    assert 1e-5 < float(its_own) < 1e-3  # there is a loss, of 30 to 50 dB
    assert float(loss) == pytest.approx(float(its_own), rel=1e-4)
    assert (path - alone).abs().max() < 1e-4
    # Where the demosaicker is right, so is the whole.
    assert (through_a_mosaic(Frame(torch.full((1, 3, 8, 8), 0.6), "display"), name)[0] - 0.6).abs().max() < 2e-6


def d750(file: Path) -> tuple[Frame, np.ndarray, np.ndarray]:
    """The raw frame, and LibRaw's linear 16-bit picture of it at full and half size."""
    rawpy = pytest.importorskip("rawpy")
    with rawpy.imread(str(file)) as opened:
        dn = torch.from_numpy(opened.raw_image_visible.astype(np.float32))[None, None]
        wb = torch.tensor(opened.camera_whitebalance[:3])[None]
        matrix = torch.from_numpy(opened.color_matrix[:, :3].copy())[None]
        black, white = float(opened.black_level_per_channel[0]), float(opened.white_level)
        options = {"demosaic_algorithm": rawpy.DemosaicAlgorithm.LINEAR, "use_camera_wb": True, "no_auto_bright": True, "gamma": (1, 1)}
        options |= {"output_bps": 16, "adjust_maximum_thr": 0, "user_flip": 0}
        full, half = opened.postprocess(**options), opened.postprocess(half_size=True, **options)
    capture = Capture(pattern="RGGB", black_level=[black], white_level=[white], wb=wb / wb[:, 1:2], cam_to_srgb=matrix)
    return Frame(dn, "dn", capture), full.astype(float), half.astype(float)


def test_libraw_develops_the_same_picture(shared, figure):
    frame, full, half = d750(shared / "raw" / "nikon_d750_crop_768x512.dng")
    assert frame.capture.wb is not None
    lowest = float(frame.capture.wb.min())  # LibRaw scales by wb / min(wb), so that this becomes the white of its 16 bits
    balanced = Pipeline([Levels(), WhiteBalance(), ClipHighlights()])(frame)
    picture = Pipeline([blocks.demosaick("bilinear"), ColourMatrix()])(balanced).data[0]
    ours = (picture / lowest).clamp(0, 1).permute(1, 2, 0).double().numpy() * 65535
    apart = np.abs(ours - full)[4:-4, 4:-4].max()
    figure("LibRaw, Nikon D750 developed alike, largest difference of 65535", apart, "at most 4")
    assert apart <= 4
    assert ours.std() > 1000  # a picture, not a blank

    # The same by the one pass of `develop`, which ends in display values.
    encoded = develop(frame, demosaick="bilinear", exposure=-np.log2(lowest)).data[0]
    ours = srgb_decode(encoded.double()).permute(1, 2, 0).numpy() * 65535
    apart = np.abs(ours - full)[4:-4, 4:-4].max()
    figure("LibRaw, Nikon D750 developed in one pass, largest difference of 65535", apart, "at most 4")
    assert apart <= 4

    m = balanced.data[0, 0]
    quarter = torch.stack([m[0::2, 0::2], (m[0::2, 1::2] + m[1::2, 0::2]) / 2, m[1::2, 1::2]])[None]
    small = apply_matrix(quarter, frame.capture.cam_to_srgb)[0]  # type: ignore[arg-type]
    ours = (small / lowest).clamp(0, 1).permute(1, 2, 0).double().numpy() * 65535
    assert np.abs(ours - half).max() <= 4
