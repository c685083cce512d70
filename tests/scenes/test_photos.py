from __future__ import annotations

import json

import pytest
import torch

from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.developing import render
from campipe.ops.colour import cam_to_srgb, luminance, srgb_decode
from campipe.scenes import Unprocess, unprocess

# XYZ to camera of four cameras: Sony ILCE-7S, Nikon D850, Canon EOS 5D Mark IV, and the one of Brooks et al. with the strongest mixing.
TABLES = torch.tensor(
    [
        [[0.5838, -0.1430, -0.0246], [-0.3497, 1.1477, 0.2297], [-0.0748, 0.1885, 0.5778]],
        [[1.0405, -0.3755, -0.1270], [-0.5461, 1.3787, 0.1793], [-0.1040, 0.2015, 0.6785]],
        [[0.6446, -0.0366, -0.0864], [-0.4436, 1.2204, 0.2513], [-0.0952, 0.2496, 0.6348]],
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
    ],
    dtype=torch.float64,
)
WB = (2.1, 1.0, 1.6)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10(((a.double() - b.double()) ** 2).mean().clamp_min(1e-30)))


def photo(batch: int = 1, size: int = 64, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Frame:
    x = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    x[..., 0, :] = 0  # the ends of the range, where curves are steep or flat
    x[..., 1, :] = 1
    return Frame(x, "display")


@pytest.mark.parametrize("tone", [0.0, 1e-5, 0.3, 0.9, 0.99999, 1.0])
@pytest.mark.parametrize("camera", range(len(TABLES)))
def test_a_photo_comes_back_from_its_scene(tone, camera):
    p = photo(seed=camera)
    matrix = cam_to_srgb(TABLES[camera]).float()
    scene = unprocess(p, wb=WB, cam_to_srgb=matrix, tone=tone, brightness=1.3)
    assert scene.space == "scene"
    # A mistake anywhere in the chain costs tens of dB; float32 alone allows about 140.
    assert psnr(render(scene).data, p.data) > 125


def test_colours_that_the_camera_cannot_see_are_not_clipped():
    matrix = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])  # a camera with narrower filters than sRGB's primaries
    red = Frame(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2), "display")
    # Red light in camera RGB is the first column of the matrix's inverse.
    expected = torch.linalg.inv(matrix)[:, 0] / torch.tensor(WB)
    assert expected.min() < 0
    assert torch.allclose(unprocess(red, wb=WB, cam_to_srgb=matrix).data[0, :, 0, 0], expected, atol=1e-6)


def test_a_photo_comes_back_whatever_the_camera(shared):
    rows = json.loads((shared / "calibration" / "libraw_color_matrices.json").read_text())
    tables = torch.tensor([row["cam_xyz"] for row in rows if len(row["cam_xyz"]) == 9], dtype=torch.float64).reshape(-1, 3, 3)
    g, b = torch.Generator().manual_seed(0), len(tables)
    wb = torch.stack([1 + 2 * torch.rand(b, generator=g), torch.ones(b), 1 + 2 * torch.rand(b, generator=g)], 1)
    p = photo(b, 8)
    scene = unprocess(
        p, wb=wb, cam_to_srgb=cam_to_srgb(tables).float(), tone=torch.rand(b, generator=g), brightness=0.5 + torch.rand(b, generator=g)
    )
    back = render(scene).data
    assert min(psnr(back[i], p.data[i]) for i in range(b)) > 120


def test_every_kodak_photo_comes_back(shared, figure):
    imageio = pytest.importorskip("imageio.v3")
    files = sorted((shared / "photos_test_kodak24").glob("*.webp"))
    assert len(files) == 24
    worst = float("inf")
    for i, file in enumerate(files):
        p = Frame(torch.from_numpy(imageio.imread(file)).movedim(-1, 0)[None].float() / 255, "display")
        matrix = cam_to_srgb(TABLES[i % len(TABLES)]).float()
        scene = unprocess(p, wb=WB, cam_to_srgb=matrix, tone=i / 23, brightness=0.7 + i / 30)
        worst = min(worst, psnr(render(scene).data, p.data))
        assert worst > 125, file.name
    figure("photo to scene to photo, least PSNR of 24 Kodak photos, dB", worst, "at least 90")


def test_real_photos_come_back(photos):
    for i, (name, pixels) in enumerate(photos.items()):
        p = Frame(torch.tensor(pixels).movedim(-1, 0)[None].float() / 255, "display")
        scene = unprocess(p, wb=WB, cam_to_srgb=cam_to_srgb(TABLES[i % 4]).float(), tone=1 - 0.1 * i, brightness=1.25)
        assert psnr(render(scene).data, p.data) > 125, name


def test_light_beyond_the_display_comes_back_too():
    p = Frame(photo().data * 3 - 1, "display")
    scene = unprocess(p, wb=WB, cam_to_srgb=cam_to_srgb(TABLES[0]).float(), tone=0.6, brightness=0.8)
    assert psnr(render(scene).data, p.data) > 110


def test_white_under_the_light_is_1_in_green_and_1_over_wb_elsewhere():
    white = Frame(torch.ones(1, 3, 2, 2), "display")
    scene = unprocess(white, wb=WB, cam_to_srgb=cam_to_srgb(TABLES[1]).float(), tone=0.5)
    assert torch.allclose(scene.data[0, :, 0, 0], 1 / torch.tensor(WB), rtol=1e-5)


def test_what_was_undone_is_in_the_capture():
    scene = unprocess(photo(2), wb=WB, cam_to_srgb=torch.eye(3), cam_to_xyz=torch.eye(3), tone=[0.1, 0.2], brightness=1.5)
    c = scene.capture
    assert c.wb is not None and c.wb.tolist() == [pytest.approx(WB)] * 2
    assert c.cam_to_srgb is not None and c.cam_to_srgb.shape == (2, 3, 3)
    assert c.cam_to_xyz is not None and c.cam_to_xyz.shape == (2, 3, 3)
    assert c.tone is not None and c.tone.tolist() == pytest.approx([0.1, 0.2])
    assert c.brightness is not None and c.brightness.tolist() == [1.5, 1.5]


def test_brightness_1_tone_0_and_no_camera_is_plain_decoding():
    p = photo()
    assert torch.allclose(unprocess(p).data, srgb_decode(p.data))
    linear = Frame(p.data, "linear")
    assert torch.equal(unprocess(linear).data, p.data)


def test_views_and_times_are_treated_alike():
    p = torch.rand(2, 2, 3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    numbers = {"wb": torch.tensor([WB, (1.5, 1.0, 2.0)]), "cam_to_srgb": cam_to_srgb(TABLES[:2]).float(), "tone": torch.tensor([0.2, 0.9])}
    whole = unprocess(Frame(p, "display"), **numbers).data
    for b in range(2):
        alone = unprocess(Frame(p[b : b + 1, 1, 2], "display"), **{n: v[b] for n, v in numbers.items()}).data
        assert torch.allclose(alone[0], whole[b, 1, 2], atol=1e-6)


def test_a_mono_scene_is_the_luminance_and_a_grey_photo_comes_back():
    p = photo()
    scene = unprocess(p, wb=WB, cam_to_srgb=torch.eye(3), brightness=2.0, mono=True)
    assert torch.allclose(scene.data, luminance(srgb_decode(p.data)) / 2)
    assert scene.capture.wb is None
    grey = Frame(p.data[:, :1].expand(-1, 3, -1, -1), "display")
    back = render(unprocess(grey, tone=0.7, brightness=1.2, mono=True)).data
    assert psnr(back, grey.data[:, :1]) > 120


def test_the_gradient_is_that_of_the_forward():
    p = Frame(0.05 + 0.9 * photo(1, 3, dtype=torch.float64).data, "display")
    numbers = (torch.tensor(WB).double(), cam_to_srgb(TABLES[0]), torch.tensor(0.6).double(), torch.tensor(1.2).double())

    def scene(x: torch.Tensor, wb: torch.Tensor, matrix: torch.Tensor, tone: torch.Tensor, brightness: torch.Tensor) -> torch.Tensor:
        return unprocess(p.replace(x), wb=wb, cam_to_srgb=matrix, tone=tone, brightness=brightness).data

    assert torch.autograd.gradcheck(scene, tuple(t.requires_grad_() for t in (p.data, *numbers)))


def test_gradients_stay_finite_at_black_and_white():
    p = photo().data.requires_grad_()
    unprocess(Frame(p, "display"), tone=1.0).data.sum().backward()
    assert p.grad is not None and torch.isfinite(p.grad).all()


def test_the_stage_is_the_function():
    p, matrix = photo(2), cam_to_srgb(TABLES[0]).float()
    stage = Unprocess(WB, matrix.tolist(), tone=0.4, brightness=1.1)
    out = stage(p)
    expected = unprocess(p, wb=WB, cam_to_srgb=matrix, tone=0.4, brightness=1.1)
    assert torch.equal(out.data, expected.data)
    assert all(torch.equal(t, out.capture.tensors()[n]) for n, t in expected.capture.tensors().items())
    assert torch.equal(Unprocess(**stage.config())(p).data, out.data)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: unprocess(Frame(torch.zeros(1, 3, 2, 2), "camera")), SpaceError, "display"),
        (lambda: unprocess(Frame(torch.zeros(1, 1, 2, 2), "display")), ShapeError, "3 channels"),
        (lambda: unprocess(photo(), wb=(2.0, 1.0)), ShapeError, r"\(3,\)"),
        (lambda: unprocess(photo(), wb=(0.0, 1.0, 1.0)), CampipeError, "wb is above 0"),
        (lambda: unprocess(photo(), brightness=-1.0), CampipeError, "brightness is above 0"),
        (lambda: unprocess(photo(), tone=1.5), CampipeError, "0 to 1"),
        (lambda: unprocess(photo(), cam_to_srgb=torch.zeros(3, 3)), ShapeError, "all zeros"),
        (lambda: render(Frame(torch.zeros(1, 3, 2, 2), "scene", Capture(absolute=True))), SpaceError, "absolute"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
