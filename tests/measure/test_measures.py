"""The measures against their formulas, against other libraries, and where they are undefined."""

from __future__ import annotations

import colour
import numpy as np
import pytest
import pytorch_msssim
import skimage.color
import skimage.metrics
import torch

from campipe import measure
from campipe.core.errors import CampipeError, ShapeError
from campipe.measure import CIEDE2000, MAE, MSE, MSSSIM, PSNR, SSIM, ciede2000, mae, ms_ssim, mse, psnr, ssim
from campipe.measure.ssim import _power
from campipe.ops.lab import delta_e_2000, srgb_to_lab

# Table 1 of Sharma, Wu, Dalal 2005: L*, a*, b* of both colours, and their difference to four digits.
SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""

PAIRS = [
    (psnr, PSNR, {}),
    (mae, MAE, {}),
    (mse, MSE, {}),
    (ciede2000, CIEDE2000, {}),
    (ssim, SSIM, {"window": 7, "sigma": 1.2, "k1": 0.02, "k2": 0.05}),
    (ms_ssim, MSSSIM, {"scales": 2, "window": 9, "sigma": 1.4, "k1": 0.02, "k2": 0.05}),
]
FUNCTIONS = [pair[0] for pair in PAIRS]


def few(function):
    """Options with which a measure takes small pictures."""
    return {"scales": 2} if function is ms_ssim else {}


def uniform(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture(scope="module")
def photo(photos) -> torch.Tensor:
    """(2, 3, 192, 208): two crops of a photo, in [0, 1]."""
    whole = torch.from_numpy(photos["astronaut"].copy()).movedim(-1, 0) / 255
    return torch.stack([whole[:, :192, :208], whole[:, 200:392, 150:358]])


@pytest.fixture(scope="module")
def noisy(photo) -> torch.Tensor:
    return (photo + 25 / 255 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


# All of them.


def test_the_room_exports_a_function_and_a_module_of_each():
    assert {f.__name__ for f, _, _ in PAIRS} | {m.__name__ for _, m, _ in PAIRS} == set(measure.__all__)


@pytest.mark.parametrize(("function", "module", "options"), PAIRS)
def test_the_module_is_the_function(function, module, options, photo, noisy):
    assert torch.equal(module(data_range=1.2, **options)(noisy, photo), function(noisy, photo, data_range=1.2, **options))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_batch_gives_one_number_per_picture(function, photo, noisy):
    both = function(noisy, photo, data_range=1)
    assert both.shape == (2,)
    assert both.dtype == torch.float32
    assert torch.equal(both, torch.cat([function(noisy[i : i + 1], photo[i : i + 1], data_range=1) for i in (0, 1)]))
    assert abs(float(both[0] - both[1])) > 1e-4


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_the_ratio_to_the_data_range_counts(function, photo, noisy):
    # 255 is no power of two: the last bits may differ.
    assert torch.allclose(function(noisy * 255, photo * 255, data_range=255), function(noisy, photo, data_range=1), rtol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_order_of_the_pictures_does_not_matter(function, photo, noisy):
    assert torch.allclose(function(noisy, photo, data_range=1), function(photo, noisy, data_range=1), rtol=1e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_equal_pictures_reach_the_best_value_with_a_finite_gradient(function):
    x = uniform(1, 3, 24, 25).requires_grad_()
    best = {psnr: float("inf"), ssim: 1.0, ms_ssim: 1.0}.get(function, 0.0)
    out = function(x, x.detach().clone(), data_range=1, **few(function))
    assert out.item() == pytest.approx(best, abs=1e-12)
    out.sum().backward()
    assert x.grad.abs().max() < 1e-10  # a best value is an extremum, and where it is a corner the gradient is declared 0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_gradient_is_right(function):
    x, y = uniform(2, 3, 22, 23), uniform(2, 3, 22, 23, seed=1)

    def some(part: torch.Tensor) -> torch.Tensor:
        whole = x.clone()
        whole[:, :, 3:5, 4:6] = part
        return function(whole, y, data_range=1, **few(function))

    assert torch.autograd.gradcheck(some, x[:, :, 3:5, 4:6].clone().requires_grad_())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_pictures_that_cannot_be_compared_are_refused(function):
    x = uniform(1, 3, 24, 24)
    with pytest.raises(TypeError, match="data_range"):
        function(x, x)
    for wrong in (0, -1.0, float("nan"), float("inf"), None, "full"):
        with pytest.raises(CampipeError, match="data_range is a number above 0"):
            function(x, x, data_range=wrong)
    with pytest.raises(CampipeError, match="reach from"):
        function(255 * x, 255 * x, data_range=1)
    with pytest.raises(ShapeError, match="one shape"):
        function(x, x[:, :1], data_range=1)
    with pytest.raises(ShapeError, match="one shape"):
        function(x[0], x[0], data_range=1)
    with pytest.raises(ShapeError, match="uint8"):
        function((255 * x).to(torch.uint8), x, data_range=255)
    with pytest.raises(ShapeError, match="ndarray"):
        function(x.numpy(), x, data_range=1)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_inputs_stay_as_they_were(function):
    x, y = uniform(1, 3, 24, 24), uniform(1, 3, 24, 24, seed=1)
    before = x.clone(), y.clone()
    function(x, y, data_range=1, **few(function))
    assert torch.equal(x, before[0]) and torch.equal(y, before[1])


# Errors.


def test_psnr_and_mean_errors_are_their_formulas():
    x, y = torch.zeros(2, 3, 4, 5), torch.zeros(2, 3, 4, 5)
    y[0], y[1] = 25.5, -51.0
    assert psnr(x, y, data_range=255).tolist() == pytest.approx([20, 20 - 20 * np.log10(2)], rel=1e-6)
    assert mae(x, y, data_range=255).tolist() == pytest.approx([0.1, 0.2], rel=1e-6)
    assert mse(x, y, data_range=255).tolist() == pytest.approx([0.01, 0.04], rel=1e-6)


def test_psnr_is_that_of_scikit_image(photo, noisy):
    theirs = [skimage.metrics.peak_signal_noise_ratio(p.numpy(), n.numpy(), data_range=1) for p, n in zip(photo, noisy, strict=True)]
    assert psnr(noisy, photo, data_range=1).tolist() == pytest.approx(theirs, abs=1e-5)


# Structural similarity.


def by_definition(x: np.ndarray, y: np.ndarray, data_range: float) -> float:
    """SSIM of two planes, window by window."""
    place = np.arange(-5, 6)
    kernel = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            ma, mb = (kernel * a).sum(), (kernel * b).sum()
            va, vb, vab = (kernel * (a - ma) ** 2).sum(), (kernel * (b - mb) ** 2).sum(), (kernel * (a - ma) * (b - mb)).sum()
            values.append((2 * ma * mb + c1) * (2 * vab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(values))


def test_ssim_is_its_definition_window_by_window():
    x, y = uniform(1, 2, 16, 18), uniform(1, 2, 16, 18, seed=1)
    y[:, 0] = (y[:, 0] + 2 * x[:, 0]) / 3
    expected = np.mean([by_definition(x[0, c].numpy(), y[0, c].numpy(), 1.5) for c in (0, 1)])
    assert ssim(x, y, data_range=1.5).item() == pytest.approx(expected, abs=1e-12)


def test_ssim_is_that_of_pytorch_msssim_and_of_scikit_image(photo, noisy):
    ours = ssim(noisy, photo, data_range=1)
    theirs = pytorch_msssim.ssim(noisy.double(), photo.double(), data_range=1, size_average=False)
    assert ours.tolist() == pytest.approx(theirs.tolist(), abs=1e-5)
    for i in (0, 1):
        _, full = skimage.metrics.structural_similarity(
            photo[i].double().numpy(), noisy[i].double().numpy(), data_range=1, channel_axis=0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, full=True,
        )  # fmt: skip
        assert float(ours[i]) == pytest.approx(full[:, 5:-5, 5:-5].mean(), abs=1e-5)


def test_ssim_of_flat_pictures_keeps_its_digits_in_float32():
    # E[x^2] - E[x]^2 leaves nothing of a variance of 1e-8 in float32; C2 = 9e-4 would hide it, so it is made small.
    flat = 0.9 + 1e-4 * uniform(1, 1, 32, 32)
    other = 0.9 + 1e-4 * uniform(1, 1, 32, 32, seed=1)
    narrow = ssim(flat.float(), other.float(), data_range=1, k2=1e-5)
    # float32 rounds the pictures themselves, by 6e-8 of their noise of 3e-5.
    assert narrow.item() == pytest.approx(ssim(flat, other, data_range=1, k2=1e-5).item(), abs=0.01)


@pytest.mark.parametrize("size", [(192, 208), (161, 171), (170, 199)])
def test_ms_ssim_is_that_of_pytorch_msssim(photo, noisy, size):
    a, b = noisy[..., : size[0], : size[1]], photo[..., : size[0], : size[1]]
    theirs = pytorch_msssim.ms_ssim(a.double(), b.double(), data_range=1, size_average=False)
    assert ms_ssim(a, b, data_range=1).tolist() == pytest.approx(theirs.tolist(), abs=1e-5)


@pytest.mark.parametrize("scales", [1, 2, 3, 4])
def test_fewer_scales_take_the_first_weights(photo, noisy, scales):
    first = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    weights = list(first[:scales] * first.sum() / first[:scales].sum())
    theirs = pytorch_msssim.ms_ssim(noisy.double(), photo.double(), data_range=1, size_average=False, weights=weights)
    assert ms_ssim(noisy, photo, data_range=1, scales=scales).tolist() == pytest.approx(theirs.tolist(), abs=1e-5)


def test_ms_ssim_of_opposite_pictures_is_zero_with_a_finite_gradient():
    x = uniform(1, 1, 48, 48).requires_grad_()
    out = ms_ssim(x, 1 - x.detach(), data_range=1, scales=2)
    assert out.item() == 0  # contrast and structure are negative at every scale
    out.backward()
    assert torch.isfinite(x.grad).all()


def test_ms_ssim_stays_smooth_where_a_factor_comes_near_zero():
    near = torch.tensor([-1e-3, 0.0, 1e-12, 5e-5, 1e-4, 2e-4, 1.0], dtype=torch.float64, requires_grad=True)
    out = _power(near, 0.0448)
    (slope,) = torch.autograd.grad(out.sum(), near)
    assert torch.isfinite(slope).all()
    assert out[:2].tolist() == [0, 0]
    assert out[3].item() == pytest.approx(out[4].item() / 2, rel=1e-12)
    assert out[4:].tolist() == pytest.approx([1e-4**0.0448, 2e-4**0.0448, 1.0], rel=1e-12)


def test_small_pictures_are_refused_with_what_to_do():
    x = uniform(1, 1, 160, 300)
    with pytest.raises(ShapeError, match=r"more than 160 pixels .* smaller scales"):
        ms_ssim(x, x, data_range=1)
    assert ms_ssim(x, x, data_range=1, scales=4).item() == pytest.approx(1)
    with pytest.raises(ShapeError, match="11 x 11"):
        ssim(x[..., :10, :], x[..., :10, :], data_range=1)
    with pytest.raises(CampipeError, match="1 to 5"):
        ms_ssim(x, x, data_range=1, scales=6)
    with pytest.raises(CampipeError, match="odd"):
        ssim(x, x, data_range=1, window=8)


# Colour.


def sharma() -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    table = np.array(SHARMA.split(), dtype=float).reshape(-1, 7)
    first, second = (torch.from_numpy(table[:, i : i + 3]).reshape(-1, 3, 1, 1) for i in (0, 3))
    return first, second, table[:, 6]


@pytest.mark.parametrize("way", ["as printed", "exchanged"])
def test_the_published_pairs_of_colours_have_the_published_difference(way):
    first, second, difference = sharma()
    assert len(difference) == 34
    ours = delta_e_2000(first, second) if way == "as printed" else delta_e_2000(second, first)
    assert ours.flatten().numpy() == pytest.approx(difference, abs=5.1e-5)  # printed to four digits


def test_the_difference_is_that_of_colour_science_and_of_scikit_image():
    spread = torch.tensor([100.0, 200.0, 200.0], dtype=torch.float64).reshape(3, 1, 1)
    offset = torch.tensor([0.0, -100.0, -100.0], dtype=torch.float64).reshape(3, 1, 1)
    lab1, lab2 = uniform(3, 60, 60) * spread + offset, uniform(3, 60, 60, seed=1) * spread + offset
    lab2[:, :30] = lab1[:, :30] + 0.1 * (lab2[:, :30] - lab1[:, :30])
    ours, a, b = delta_e_2000(lab1, lab2).numpy(), lab1.movedim(0, -1).numpy(), lab2.movedim(0, -1).numpy()
    assert ours == pytest.approx(colour.difference.delta_E_CIE2000(a, b), abs=1e-8)
    assert ours == pytest.approx(skimage.color.deltaE_ciede2000(a, b), abs=1e-8)


def test_the_mean_difference_of_photos_is_that_of_scikit_image(photo, noisy):
    labs = [skimage.color.rgb2lab(t.double().movedim(1, -1).numpy()) for t in (noisy, photo)]
    theirs = skimage.color.deltaE_ciede2000(*labs).mean((1, 2))
    # The two matrices from sRGB to XYZ agree to six digits.
    assert ciede2000(noisy, photo, data_range=1).tolist() == pytest.approx(theirs, rel=1e-5)


def test_white_grey_and_the_primaries_have_their_place_in_lab():
    colours = torch.tensor([[1.0, 1, 1], [0.5, 0.5, 0.5], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    ours = srgb_to_lab(colours.T.reshape(1, 3, 1, 6))[0, :, 0].T
    assert ours[:3, 1:].abs().max() < 1e-6
    # Its matrix and white are rounded to six digits, which 116 and 500 times a cube root make 1e-3 of.
    assert ours.numpy() == pytest.approx(skimage.color.rgb2lab(colours.numpy()), abs=1e-2)


def test_the_gradient_is_finite_at_grey_at_black_and_at_equal_colours():
    levels = torch.tensor([0.0, 1e-9, 0.02, 0.04045, 0.5, 1.0], dtype=torch.float64)
    grey = levels.expand(3, 6)
    red = torch.stack([levels, levels / 2, levels / 4])
    for a, b in ((grey, grey), (grey, red), (red, grey), (red, red), (grey, grey.flip(-1)), (red, red.flip(0))):
        x, y = (t.reshape(1, 3, 1, 6).clone().requires_grad_() for t in (a, b))
        ciede2000(x, y, data_range=1).sum().backward()
        assert torch.isfinite(x.grad).all() and torch.isfinite(y.grad).all()


def test_colour_difference_needs_three_channels():
    with pytest.raises(ShapeError, match="3 channels"):
        ciede2000(uniform(1, 1, 4, 4), uniform(1, 1, 4, 4), data_range=1)
