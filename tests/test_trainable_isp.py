"""The whole ISP is trained by gradient descent: it finds the settings that a reference picture was rendered with, from neutral ones."""

from __future__ import annotations

import pytest
import torch

from campipe import blocks
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.core.random import Key
from campipe.isp import ColourMatrix, Levels, Saturation, SrgbEncode, ToneCurve, UnsharpMask, WhiteBalance
from campipe.measure import ciede2000, psnr, ssim
from campipe.ops.draws import normal
from campipe.ops.levels import to_dn
from campipe.scenes import unprocess

GAINS = torch.tensor([2.1, 1.0, 1.6])
MATRIX = torch.tensor([[1.6, -0.4, -0.2], [-0.2, 1.6, -0.4], [0.05, -0.55, 1.5]])
STRENGTH = 0.7


def isp(gains=(1.0, 1.0, 1.0), matrix=None, strength=0.05) -> Pipeline:
    """The ISP from raw numbers to the picture; by itself in neutral settings."""
    matrix = torch.eye(3) if matrix is None else matrix
    return Pipeline(
        [
            Levels(),
            WhiteBalance(torch.as_tensor(gains)),
            blocks.demosaick("malvar"),
            ColourMatrix(matrix),
            ToneCurve(strength),
            SrgbEncode(),
        ],
        name="isp",
    )


def raw_of(photo: torch.Tensor) -> Frame:
    """A perfect sensor's raw numbers of the scene behind a photo, (1, 3, H, W) sRGB-encoded."""
    scene = unprocess(Frame(photo, "display"), wb=GAINS[None], cam_to_srgb=MATRIX, tone=STRENGTH, brightness=1.0)
    height, width = photo.shape[-2:]
    table = torch.tensor([[0, 1], [1, 2]]).repeat(height // 2, width // 2)
    mosaic = scene.data.gather(1, table.expand(1, 1, -1, -1))
    capture = Capture(pattern="RGGB", black_level=[256.0], white_level=[4095.0])
    return Frame(to_dn(mosaic, torch.tensor(256.0), torch.tensor(4095.0)), "dn", capture)


@pytest.fixture(scope="module")
def raw(photos) -> Frame:
    photo = torch.tensor(photos["astronaut"]).movedim(-1, 0)[None].float() / 255
    return raw_of(torch.nn.functional.avg_pool2d(photo, 8))


def parts(product: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """White balance and matrix of their product M diag(g): the one pair in which the rows of M sum to 1."""
    gains = 1 / torch.linalg.solve(product, torch.ones(3))
    return gains, product / gains


def test_descent_recovers_white_balance_matrix_and_tone_curve(raw, figure):
    with torch.no_grad():
        wanted = isp(GAINS, MATRIX, STRENGTH)(raw).data
    model = isp()
    start = float(ciede2000(model(raw).data.clamp(0, 1), wanted.clamp(0, 1), data_range=1.0))
    leaves = model.trainable("white_balance.gains", "colour_matrix.matrix", "tone_curve.strength")
    optimiser = torch.optim.LBFGS(leaves, max_iter=200, tolerance_change=1e-12, line_search_fn="strong_wolfe")

    def distance() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (model(raw).data - wanted).square().mean()
        loss.backward()
        return loss

    optimiser.step(distance)
    model.freeze()
    difference = float(ciede2000(model(raw).data.clamp(0, 1), wanted.clamp(0, 1), data_range=1.0))
    gains, matrix = parts(model["colour_matrix"].matrix * model["white_balance"].gains)
    figure("ISP trained from neutral settings: CIEDE2000 to the reference", difference, "below 1")
    figure("ISP trained from neutral settings: CIEDE2000 at the start", start, "")
    assert start > 8
    assert difference < 1
    assert torch.allclose(gains, GAINS, rtol=1e-3)
    assert float((matrix - MATRIX).norm() / MATRIX.norm()) < 1e-3
    assert float(model["tone_curve"].strength) == pytest.approx(STRENGTH, abs=1e-3)


def tuned(raw: Frame, wanted: torch.Tensor, loss) -> tuple[Pipeline, torch.Tensor]:
    """The ISP with saturation and sharpening, all its numbers tuned for a loss, and the picture it then makes."""
    start = isp(GAINS, MATRIX, STRENGTH)
    model = Pipeline([*start.stages, Saturation(), UnsharpMask(amount=0.1, radius=1.0)], name="isp")
    names = ("white_balance.gains", "colour_matrix.matrix", "tone_curve.strength", "saturation.amount", "unsharp_mask.amount")
    optimiser = torch.optim.LBFGS(model.trainable(*names), max_iter=60, line_search_fn="strong_wolfe")

    def distance() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(model(raw).data, wanted)
        value.backward()
        return value

    optimiser.step(distance)
    model.freeze()
    return model, model(raw).data


def test_tuned_for_ssim_it_ends_elsewhere_than_tuned_for_psnr(raw, figure):
    wanted = isp(GAINS, MATRIX, STRENGTH)(raw).data
    noisy = raw.replace(raw.data + 100 * normal(Key(5), raw.grid()))
    for_psnr, first = tuned(noisy, wanted, lambda x, y: (x - y).square().mean())
    for_ssim, second = tuned(noisy, wanted, lambda x, y: 1 - ssim(x, y, data_range=1.0).mean())
    scores = [(float(psnr(x, wanted, data_range=1.0)), float(ssim(x, wanted, data_range=1.0))) for x in (first, second)]
    figure("ISP tuned on noisy raws: PSNR when tuned for it, less PSNR when tuned for SSIM, dB", scores[0][0] - scores[1][0], "above 0.1")
    figure("ISP tuned on noisy raws: SSIM when tuned for it, less SSIM when tuned for PSNR", scores[1][1] - scores[0][1], "above 0.001")
    # Each is better in what it was tuned for, by far more than the descent leaves open.
    assert scores[0][0] > scores[1][0] + 0.1
    assert scores[1][1] > scores[0][1] + 0.001
    amounts = [float(model["unsharp_mask"].amount) for model in (for_psnr, for_ssim)]
    assert abs(amounts[0] - amounts[1]) > 0.02
