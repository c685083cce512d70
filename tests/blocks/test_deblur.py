"""One test covers every filler of the slot; what is particular to one, and the scores, come behind."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch import Tensor

from campipe import blocks
from campipe.blocks.deblurring.slot import Deblurrer
from campipe.blocks.learned.base import Learned
from campipe.core.errors import CampipeError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.pipeline import Pipeline
from campipe.ops.colour import srgb_decode, srgb_encode
from campipe.ops.convolution import convolve
from campipe.ops.filters import gaussian_blur

FILLERS = blocks.names("deblur")
LEARNED = [name for name in FILLERS if issubclass(blocks.filler("deblur", name), Learned)]
KNOWN = [name for name in FILLERS if not blocks.filler("deblur", name).blind]
SIZED = [name for name in FILLERS if name not in LEARNED or name in KNOWN]  # those that a kernel, or a size of it, is given to


def made(filler: str, kernel: Tensor, **options: object) -> Deblurrer:
    """The block; a blind one is told a size, and one of a single scale where that will do; a learned one begins without weights."""
    given = {"kernel_size": 7 if max(kernel.shape) >= 7 else 3} if filler == "blind" else {"kernel": kernel} if filler in KNOWN else {}
    given = {"weights": None, "width": 4, **given} if filler in LEARNED else given
    block = blocks.deblur(filler, **given, **options)
    assert isinstance(block, Deblurrer)
    return block


def picture(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Smooth patches with noise, in [0.1, 0.9]."""
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    smooth = gaussian_blur(noise, torch.tensor(1.5, dtype=torch.float64), 8)
    flat = (smooth > 0.5).double()
    return (0.1 + 0.7 * flat + 0.1 * noise).to(dtype)


def shake(h: int = 5, w: int = 5, dtype: torch.dtype = torch.float32) -> Tensor:
    """A crooked path, without symmetry."""
    kernel = torch.zeros(h, w, dtype=dtype)
    for i in range(max(h, w)):
        kernel[min(i * i // w, h - 1), min(i, w - 1)] += 1 + 0.2 * i
    return kernel / kernel.sum()


def delta(h: int, w: int) -> Tensor:
    kernel = torch.zeros(h, w)
    kernel[(h - 1) // 2, (w - 1) // 2] = 1
    return kernel


@pytest.mark.parametrize("name", FILLERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("channels", "size", "kernel"), [(1, (5, 5), (5, 5)), (3, (17, 24), (4, 7)), (3, (31, 20), (1, 6))])
def test_any_size_from_that_of_the_kernel_on_is_taken_and_precision_kept(name, dtype, channels, size, kernel):
    x = picture(2, channels, *size, dtype=dtype)
    before = x.clone()
    block = made(name, shake(*kernel), sigma=0.01)
    out = block.net(x, block.kernel[None].to(dtype) if name in KNOWN else None, torch.tensor(0.01, dtype=dtype))
    assert out.shape == x.shape and out.dtype == dtype and torch.isfinite(out).all()
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", SIZED)
def test_a_picture_smaller_than_the_kernel_is_refused_in_one_line(name):
    with pytest.raises(ShapeError, match=r"kernel of 7 x 7 needs a picture .* but 6 x 20 pixels"):
        made(name, shake(7, 7), sigma=0.01)(Frame(picture(1, 3, 6, 20), "linear"))


@pytest.mark.parametrize("name", FILLERS)
def test_the_stage_is_the_function_and_a_batch_is_its_items(name):
    x = picture(2, 3, 20, 21)
    block = made(name, shake(), sigma=0.02)
    out = block(Frame(x, "camera", Capture(noise=[[1e-3, 1e-6]])))
    assert out.space == "camera" and out.capture.noise is None
    kernel = block.kernel[None] if name in KNOWN else None
    assert torch.allclose(out.data, block.net(x, kernel, block.sigma), atol=1e-6)
    alone = torch.cat([block.net(x[i : i + 1], kernel, block.sigma) for i in range(2)])
    assert torch.allclose(out.data, alone, atol=1e-5)


@pytest.mark.parametrize("name", FILLERS)
def test_views_and_times_are_treated_alike(name):
    x = picture(2, 2, 1, 3, 12, 14)
    block = made(name, shake(), sigma=0.02)
    out = block(Frame(x, "linear")).data
    assert out.shape == x.shape
    assert torch.allclose(out[1, 1, 0], block(Frame(x[1:, 1, 0], "linear")).data[0], atol=1e-5)


@pytest.mark.parametrize("name", FILLERS)
def test_the_noise_comes_from_the_profile_as_its_root_mean_square(name):
    x = picture(2, 3, 16, 18)
    noise = torch.tensor([[1e-3, 1e-5], [4e-3, 0.0]])
    told = made(name, shake())(Frame(x, "linear", Capture(noise=noise))).data
    sigma = (noise[:, 0, None] * x.mean((-2, -1)) + noise[:, 1, None]).sqrt()[..., None, None]
    block = made(name, shake(), sigma=0.5)
    assert torch.allclose(told, block.net(x, block.kernel[None] if name in KNOWN else None, sigma), atol=5e-4)  # amplified rounding
    with pytest.raises(CampipeError, match="nothing of the noise; give the block sigma="):
        made(name, shake())(Frame(x, "linear"))


@pytest.mark.parametrize("name", FILLERS)
def test_encoded_light_is_refused(name):
    with pytest.raises(SpaceError, match="'camera' or 'linear' is needed, but one in 'display'"):
        made(name, shake(), sigma=0.01)(Frame(picture(1, 3, 16, 16), "display"))


@pytest.mark.parametrize("name", FILLERS)
@pytest.mark.parametrize("level", [0.0, 1e-3, 0.7])
def test_a_constant_stays(name, level):
    x = torch.full((1, 3, 18, 15), level)
    # Rounding of transforms of a few hundred pixels, a few times.
    assert torch.allclose(made(name, shake(), sigma=0.01)(Frame(x, "linear")).data, x, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("size", [(5, 5), (4, 6), (1, 1)])
def test_without_blur_and_noise_the_picture_comes_back(name, size):
    x = picture(1, 3, 20, 23)
    assert torch.allclose(made(name, delta(*size), sigma=0.0)(Frame(x, "linear")).data, x, atol=1e-4)


@pytest.mark.parametrize("name", KNOWN)
def test_picture_and_kernel_mirrored_give_the_mirrored_result(name):
    x, kernel = picture(1, 3, 21, 20, dtype=torch.float64), shake(5, 7)
    frame = Frame(x, "linear")
    out = made(name, kernel, sigma=0.01)(frame).data
    for dim in (-1, -2):
        mirrored = made(name, kernel.flip(dim), sigma=0.01)(frame.replace(x.flip(dim))).data
        assert torch.allclose(mirrored.flip(dim), out, atol=1e-9)


@pytest.mark.parametrize("name", KNOWN)
def test_a_moved_kernel_moves_the_picture(name):
    sharp = picture(1, 1, 60, 60, dtype=torch.float64)
    kernel = torch.nn.functional.pad(shake(5, 5, torch.float64), (2, 2, 2, 2))
    y = convolve(sharp, kernel[None])
    sigma = torch.tensor(0.01, dtype=torch.float64)
    block = made(name, kernel)
    still = block.net(y, kernel[None], sigma)
    moved = block.net(y, kernel.roll((2, -1), (0, 1))[None], sigma)
    # Near the border both know different surroundings.
    assert torch.allclose(moved[..., 10:-10, 10:-10], still.roll((-2, 1), (-2, -1))[..., 10:-10, 10:-10], atol=2e-2)


@pytest.mark.parametrize("name", KNOWN)
def test_a_brighter_picture_gives_the_brighter_result(name):
    x = picture(1, 3, 20, 20, dtype=torch.float64)
    block = made(name, shake())
    kernel, sigma = shake(dtype=torch.float64)[None], torch.tensor(0.01, dtype=torch.float64)
    assert torch.allclose(block.net(0.01 * x, kernel, 0.01 * sigma), 0.01 * block.net(x, kernel, sigma), atol=1e-8)


@pytest.mark.parametrize("name", KNOWN)
def test_it_undoes_a_blur_as_far_as_noise_allows(name):
    sharp, kernel = picture(2, 3, 44, 44), shake()
    y = convolve(sharp, kernel[None])
    truth = sharp[..., 2:-2, 2:-2]
    y = y + 0.002 * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    out = made(name, kernel, sigma=0.002)(Frame(y, "linear")).data
    assert (out - truth).square().mean() < (y - truth).square().mean() / 2


@pytest.mark.parametrize("name", KNOWN)
def test_each_item_may_have_its_own_kernel_sigma_and_weight(name):
    x = picture(2, 3, 16, 16)
    kernels = torch.stack([shake(), shake().flip(0)])
    sigma = torch.tensor([0.01, 0.05])
    path = Pipeline([made(name, shake(), sigma=0.1, name="deblur")])
    numbers = {"deblur.kernel": kernels, "deblur.sigma": sigma, f"deblur.{path['deblur'].weight}": torch.tensor([1.0, 0.5])}
    out = path(Frame(x, "linear"), parameters=numbers).data
    for i in range(2):
        options = {path["deblur"].weight: [1.0, 0.5][i], "sigma": float(sigma[i])}
        alone = made(name, kernels[i], **options)(Frame(x[i : i + 1], "linear")).data
        assert torch.allclose(out[i : i + 1], alone, atol=1e-4)
    views = Frame(torch.stack([x, 0.5 * x, x.flip(-1)], 1)[:, :, None], "linear")
    each = path(views, parameters=numbers).data
    assert torch.allclose(each[:, 0, 0], out, atol=1e-4)
    second = path(Frame(0.5 * x, "linear"), parameters=numbers).data
    assert torch.allclose(each[:, 1, 0], second, atol=1e-4)


@pytest.mark.parametrize("name", FILLERS)
def test_the_gradient_is_finite_or_refused(name):
    x = picture(1, 3, 14, 15).requires_grad_()
    block = made(name, shake(), sigma=0.01)
    assert block.differentiable == (name != "blind")
    if name == "blind":
        with pytest.raises(CampipeError, match="blind has no gradient; take 'hyper_laplacian'"):
            block(Frame(x, "linear")).data.sum().backward()
        return
    leaves = block.trainable("kernel" if name in KNOWN else "sigma")
    if name in LEARNED:
        block.body.last.data.fill_(0.01)
    block(Frame(x, "linear")).data.square().sum().backward()
    for grad in (x.grad, leaves[0].grad):
        assert grad is not None and torch.isfinite(grad).all() and grad.abs().sum() > 0


@pytest.mark.parametrize("name", FILLERS)
def test_the_configuration_builds_the_block_again(name):
    block, x = made(name, 3 * shake(), sigma=0.01), Frame(picture(1, 3, 16, 17), "linear")
    assert torch.equal(type(block)(**block.config())(x).data, block(x).data)


@pytest.mark.parametrize(
    ("kernel", "says"),
    [
        (None, "a rectangle of numbers"),
        ([[1.0], [1.0, 2.0]], "a rectangle of numbers"),
        ([1.0, 2.0], r"its shape is \(2,\)"),
        ([[0.0, 0.0]], "not all 0"),
        ([[1.0, -0.1]], "not negative"),
        ([[1.0, float("nan")]], "finite"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel, says):
    with pytest.raises(CampipeError, match=says):
        blocks.deblur("wiener", kernel=kernel)


def test_options_that_cannot_be_are_refused():
    with pytest.raises(CampipeError, match="'gradient' or 'flat'"):
        blocks.deblur("wiener", kernel=[[1.0]], prior="white")
    with pytest.raises(CampipeError, match="between 0 and 1"):
        blocks.deblur("hyper_laplacian", kernel=[[1.0]], exponent=2.0)
    for size in (4, 1, 2.5):
        with pytest.raises(CampipeError, match="odd number of pixels"):
            blocks.deblur("blind", kernel_size=size)


def test_the_width_of_a_blur_is_learned_through_the_wiener_filter():
    # The data says how wide the blur was: the sharp picture comes back best at its true width.
    place = torch.arange(-5.0, 6.0)

    def gaussian(log: Tensor) -> Tensor:
        row = torch.exp(-0.5 * (place / log.exp()) ** 2)
        kernel = row[:, None] * row
        return (kernel / kernel.sum())[None]

    sharp, true = picture(1, 1, 56, 56), torch.tensor(1.6)
    y = convolve(sharp, gaussian(true.log()))
    y = y + 0.003 * torch.randn(y.shape, generator=torch.Generator().manual_seed(3))
    path = Pipeline([blocks.deblur("wiener", kernel=gaussian(torch.zeros(()))[0], sigma=0.003, strength=1.0, rounds=2, name="deblur")])
    log = torch.zeros((), requires_grad=True)  # begins at 1 pixel
    optimiser = torch.optim.Adam([log], lr=0.05)
    for _ in range(40):
        optimiser.zero_grad()
        out = path(Frame(y, "linear"), parameters={"deblur.kernel": gaussian(log)}).data
        (out - sharp[..., 5:-5, 5:-5])[..., 8:-8, 8:-8].square().mean().backward()
        optimiser.step()
    # The least mean square error of a regularised filter lies a little beside the true width.
    assert abs(float(log.detach().exp()) - 1.6) < 0.1


# Scores. Twelve photos, the centre of each blurred in linear light by one kernel of a shaking camera.


def sharp_and_blurred(shared, number: int, kernel: Tensor, size: int) -> tuple[Tensor, Frame]:
    """The centre of a Kodak photo in linear light, and what the camera saw of it: true surroundings, shot and read noise."""
    import imageio.v3 as iio

    h, w = kernel.shape
    data = iio.imread(shared / "photos_test_kodak24" / f"kodim{number:02d}.webp")[..., :3]
    top, left = (data.shape[0] - size - h + 1) // 2, (data.shape[1] - size - w + 1) // 2
    data = data[top : top + size + h - 1, left : left + size + w - 1]
    light = srgb_decode(torch.from_numpy(data.copy()).permute(2, 0, 1)[None].double() / 255)
    blurred = convolve(light, kernel[None].double())
    noise = torch.randn(blurred.shape, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    y = blurred + noise * (1e-4 * blurred + 0.002**2).sqrt()
    centre = light[..., h - 1 - (h - 1) // 2 :, w - 1 - (w - 1) // 2 :][..., :size, :size]
    return centre.float(), Frame(y.float(), "linear", Capture(noise=[[1e-4, 0.002**2]]))


def camera_shake(shared, index: int = 9) -> Tensor:
    import scipy.io

    kernels = scipy.io.loadmat(shared / "blur_kernels" / "kernels_12.mat")["kernels"].ravel()
    kernel = torch.from_numpy(kernels[index].astype(np.float64)).clamp_min(0)
    return kernel / kernel.sum()


def psnr(a: Tensor, b: Tensor, border: int) -> float:
    inside = (..., slice(border, -border), slice(border, -border))
    return float(-10 * torch.log10((a[inside].double() - b[inside].double()).square().mean()))


def best_shift(a: Tensor, b: Tensor, reach: int) -> Tensor:
    """`a` moved by the whole pixels, at most `reach`, at which it is nearest to b inside twice that border."""
    inner = b[..., 2 * reach : -2 * reach, 2 * reach : -2 * reach]
    height, width = inner.shape[-2:]
    candidates = [
        ((a[..., y : y + height, x : x + width] - inner).square().mean().item(), 2 * reach - y, 2 * reach - x)
        for y in range(reach, 3 * reach + 1)
        for x in range(reach, 3 * reach + 1)
    ]
    _, dy, dx = min(candidates)
    return a.roll((dy, dx), (-2, -1))


def test_a_photo_is_restored_better_by_the_better_prior(shared):
    kernel = camera_shake(shared)
    truth, frame = sharp_and_blurred(shared, 1, kernel, 96)
    scores = {name: psnr(made(name, kernel)(frame).data, truth, 12) for name in KNOWN}
    assert scores["hyper_laplacian"] > scores["wiener"] > psnr(frame.data, truth, 12) + 2


def test_the_kernel_is_found_in_a_photo(shared):
    kernel = camera_shake(shared)
    _, frame = sharp_and_blurred(shared, 7, kernel, 160)
    found = blocks.deblur("blind", kernel_size=25).estimate_kernel(frame)[0].double()
    likeness = torch.nn.functional.conv2d(torch.nn.functional.pad(kernel, (24,) * 4)[None, None], found[None, None]).max()
    # 1 is the same kernel at another place; one pixel alone has 0.35, and an even square 0.53.
    assert likeness / (kernel.norm() * found.norm()) > 0.8


@pytest.mark.slow
def test_twelve_photos_with_the_kernel_known(shared, figure):
    kernel = camera_shake(shared)
    cases = [sharp_and_blurred(shared, number, kernel, 256) for number in range(1, 13)]
    scores = {"blurred": np.mean([psnr(frame.data, truth, 12) for truth, frame in cases])}
    limits = {"wiener": 29.0, "richardson_lucy": 30.5, "hyper_laplacian": 31.0}
    for name in KNOWN:
        block = blocks.deblur(name, kernel=kernel) if name in LEARNED else made(name, kernel)
        begin = time.process_time()
        out = [block(frame).data for _, frame in cases]
        seconds = (time.process_time() - begin) / len(cases)
        scores[name] = np.mean([psnr(o, truth, 12) for o, (truth, _) in zip(out, cases, strict=True)])
        encoded = np.mean([psnr(*(srgb_encode(p.clamp(0, 1)) for p in (o, t)), 12) for o, (t, _) in zip(out, cases, strict=True)])
        figure(f"{name}, camera shake, linear light, 12 Kodak crops, dB", scores[name], f">= {limits.get(name, 25.9)}")
        figure(f"{name}, camera shake, encoded, 12 Kodak crops, dB", encoded, "")
        figure(f"{name}, CPU seconds for 256 x 256 RGB", seconds, "")
    figure("blurred, camera shake, linear light, 12 Kodak crops, dB", scores["blurred"], "")
    for name, limit in limits.items():
        assert scores[name] >= limit
    assert scores["hyper_laplacian"] > max(scores["wiener"], scores["richardson_lucy"])


@pytest.mark.slow
def test_twelve_photos_with_the_kernel_unknown(shared, figure):
    kernel, block, better, gain, begin = camera_shake(shared), blocks.deblur("blind", kernel_size=25), 0, [], time.process_time()
    seconds = 0.0
    for number in range(1, 13):
        truth, frame = sharp_and_blurred(shared, number, kernel, 256)
        begin = time.process_time()
        out = block(frame).data
        seconds += time.process_time() - begin
        after, before = (psnr(best_shift(p, truth, 12), truth, 24) for p in (out, frame.data))
        better += after > before
        gain.append(after - before)
    figure("blind, camera shake, of 12 Kodak crops better than blurred", better, ">= 10")
    figure("blind, camera shake, gain over blurred, 12 Kodak crops, dB", np.mean(gain), "")
    figure("blind, CPU seconds for 256 x 256 RGB", seconds / 12, "")
    assert better >= 10
