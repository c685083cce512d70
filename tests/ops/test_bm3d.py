"""BM3D: its transforms, its matching against a search by hand, what it must do with pictures that are known, and its scores."""

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import campipe.ops.bm3d as module
from campipe import blocks
from campipe.core.errors import CampipeError
from campipe.ops.bm3d import bm3d, cosine_matrix, grid, wavelet_matrix


def noise(*shape: int, seed: int = 6) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def number(value: float) -> torch.Tensor:
    return torch.tensor(value).reshape(1, 1, 1, 1)


def error(out: torch.Tensor, clean: torch.Tensor) -> float:
    """PSNR of what is shown in 8 bits, dB."""
    shown = (out.clamp(0, 1) * 255).round().double() / 255
    return float(-10 * torch.log10((shown - clean).square().mean()))


def test_the_cosine_transform_is_orthonormal_and_begins_with_the_mean():
    m = cosine_matrix()
    assert np.allclose(m @ m.T, np.eye(8), atol=1e-14)
    assert np.allclose(m @ np.ones(8), [8**0.5] + [0] * 7, atol=1e-14)


def test_the_wavelet_is_biorthogonal_with_haar_s_synthesis():
    m = wavelet_matrix()
    assert np.allclose((m**2).sum(1), 1)  # noise keeps its variance in every coefficient
    assert np.allclose((m @ np.ones(8))[1:], 0, atol=1e-14)  # a constant is the mean alone
    # Bior 1.5 is made of steps: what is built from the mean and the coarsest wavelet is constant on halves but for the wings of the dual.
    inverse = np.linalg.inv(m)
    assert np.allclose(inverse[:, 0], inverse[0, 0])
    finest = inverse[:, 4:]
    assert np.allclose(finest.sum(0), 0, atol=1e-14)  # dual wavelets have no mean,
    assert np.allclose((m[4:] != 0).sum(1), 2)  # and differences of neighbours find them


@pytest.mark.parametrize("matrix", [cosine_matrix(), wavelet_matrix()])
def test_a_block_is_transformed_both_ways_and_comes_back(matrix):
    from numba import njit

    from campipe.ops.kernels.bm3d_vectors import transform

    both = njit(lambda source, at, stride, matrix, target, to: transform(source, at, stride, matrix, target, to))
    picture = np.random.default_rng(0).standard_normal((12, 24)).astype(np.float32)
    forward, backward = (np.ascontiguousarray(m.ravel(), np.float32) for m in (matrix, np.linalg.inv(matrix)))
    out, again = np.zeros(128, np.float32), np.zeros(64, np.float32)
    both(picture.ravel(), 3 * 24 + 5, 24, forward, out, 64)
    block = picture[3:11, 5:13].astype(np.float64)
    assert np.abs(out[64:].reshape(8, 8) - (matrix @ block @ matrix.T).T).max() < 1e-5
    assert not out[:64].any()
    both(out, 64, 8, backward, again, 0)
    assert np.abs(again.reshape(8, 8) - block).max() < 1e-5


@pytest.mark.parametrize("blocks_", [1, 2, 16])
def test_the_transform_along_a_group_is_orthonormal(blocks_):
    from campipe.ops.kernels.bm3d import haar, haar_back

    group = np.random.default_rng(1).standard_normal(blocks_ * 64).astype(np.float32)
    given = group.copy()
    haar(group, blocks_)
    assert (group**2).sum() == pytest.approx((given**2).sum(), rel=1e-6)
    assert np.allclose(group[:64], given.reshape(-1, 64).sum(0) / blocks_**0.5, atol=1e-5)
    haar_back(group, blocks_)
    assert np.abs(group - given).max() < 1e-5


def test_shrinkage_is_its_formula_and_never_touches_the_mean():
    from campipe.ops.kernels.bm3d import threshold, wiener

    random = np.random.default_rng(9)
    given, pilot = random.standard_normal((2, 128)).astype(np.float32)
    given[0], pilot[0] = 0.3, 0.01
    group = given.copy()
    stays = np.abs(given) > 1.1
    assert threshold(group, 128, np.float32(1.1)) == stays[1:].sum() + 1
    assert np.array_equal(group[1:], np.where(stays, given, 0)[1:]) and group[0] == given[0]

    group, factor = given.copy(), pilot.astype(np.float64) ** 2 / (pilot.astype(np.float64) ** 2 + 0.4)
    factor[0] = 1
    assert wiener(group, pilot, 128, np.float32(0.4), np.empty(64, np.float32)) == pytest.approx((factor**2).sum(), rel=1e-5)
    assert np.allclose(group, factor * given, rtol=1e-5)


def test_however_strong_the_noise_is_said_to_be_flat_parts_keep_their_level():
    x = torch.full((1, 1, 24, 96), 0.4)
    x[..., 48:] = 0.45
    out = bm3d(x, number(10.0))
    # Within reach of the edge blocks of both sides are nearest to those that lie on it.
    assert torch.allclose(out[..., :28], x[..., :28], atol=1e-6)
    assert torch.allclose(out[..., 68:], x[..., 68:], atol=1e-6)


def matched(picture: np.ndarray, y: int, most: int, limit: float, radius: int = 19) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from campipe.ops.kernels.bm3d_match import match_row

    height, width = picture.shape
    columns = grid(width, 3)
    flat = np.pad(picture.ravel(), (0, 64))
    scratch = [np.empty(width + 64, np.float32) for _ in range(2)]
    nearest = np.empty((len(columns), most), np.float32)
    place, count = np.empty((len(columns), most), np.int32), np.empty(len(columns), np.int32)
    match_row(flat, width, height, width, y, columns, radius, np.float32(limit), most, *scratch, nearest, place, count)
    return nearest, place, count


@pytest.mark.parametrize("y", [0, 9, 22])
@pytest.mark.parametrize(("most", "limit"), [(16, 1e9), (16, 9.0), (2, 1e9)])
def test_matching_finds_what_a_search_by_hand_finds(y, most, limit):
    picture = np.random.default_rng(2).random((30, 37), np.float32)
    nearest, place, count = matched(picture, y, most, limit, radius=11)
    views = np.lib.stride_tricks.sliding_window_view(picture, (8, 8)).astype(np.float64)
    for r, x in enumerate(grid(37, 3)):
        top, left = max(0, y - 11), max(0, x - 11)
        around = ((views[top : y + 12, left : x + 12] - views[y, x]) ** 2).sum((2, 3))
        expected = np.sort(around[around < limit])[:most]
        assert count[r] == len(expected)
        assert np.allclose(nearest[r, : count[r]], expected, atol=1e-5)
        assert place[r, 0] == y * 37 + x
        assert len(set(place[r, : count[r]])) == count[r]
        found = views[place[r, : count[r]] // 37, place[r, : count[r]] % 37]
        assert np.allclose(((found - views[y, x]) ** 2).sum((1, 2)), expected, atol=1e-5)


def test_planted_copies_are_found():
    picture = np.random.default_rng(3).random((40, 44), np.float32)
    places = [(0, 0), (3, 17), (12, 5), (19, 19)]
    for y, x in places:
        picture[y : y + 8, x : x + 8] = picture[:8, :8]
    nearest, place, _ = matched(picture, 0, 4, 1e9)
    assert nearest[0].max() == 0
    assert {(int(p) // 44, int(p) % 44) for p in place[0]} == set(places)


def test_blocks_cover_every_pixel():
    for size in range(8, 40):
        for step in (1, 3, 8):
            begins = grid(size, step)
            assert begins[0] == 0 and begins[-1] == size - 8 and (np.diff(begins) <= 8).all()


def test_a_texture_that_comes_again_is_denoised_far_better_than_block_by_block():
    cell = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    clean = cell.repeat(1, 1, 12, 12)
    x = clean + 0.1 * noise(1, 1, 96, 96)
    by_blocks = blocks.denoise("dct").net(x, number(0.1))
    # Groups of 16 and 32 like blocks, of which a block by itself knows nothing: up to 12 dB, of which matching noise takes some.
    assert error(bm3d(x, number(0.1)), clean) > error(by_blocks, clean) + 6


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_alone_falls_to_next_to_nothing(channels):
    out = bm3d(0.5 + 0.1 * noise(1, channels, 64, 64), number(0.1))
    assert out.var() < 0.1**2 / 50
    assert abs(out.mean() - 0.5) < 5 * 0.1 / 64


@pytest.mark.parametrize("channels", [1, 3])
def test_neither_the_unit_nor_a_constant_matters(channels):
    x = torch.rand(1, channels, 33, 38, generator=torch.Generator().manual_seed(4))
    out = bm3d(x, number(0.25))
    assert torch.equal(bm3d(1024 * x, number(256.0)), 1024 * out)  # a power of 2 changes no digit
    assert (bm3d(x + 2, number(0.25)) - 2 - out).abs().mean() < 1e-5


@pytest.mark.parametrize("turn", [lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.transpose(-1, -2)])
def test_a_mirrored_picture_gives_the_mirrored_picture(turn):
    x = torch.rand(1, 1, 32, 38, generator=torch.Generator().manual_seed(5))  # blocks begin alike from both ends
    apart = (bm3d(turn(x), number(0.2)) - turn(bm3d(x, number(0.2)))).abs()
    assert apart.mean() < 1e-5  # a coefficient that lies on the threshold may fall to either side


def test_threads_and_bands_in_memory_change_no_bit(monkeypatch):
    x = torch.rand(1, 3, 130, 61, generator=torch.Generator().manual_seed(7))  # three bands
    whole = bm3d(x, number(0.2))
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    assert torch.equal(bm3d(x, number(0.2)), whole)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(bm3d(x, number(0.2)), whole)
    finally:
        torch.set_num_threads(threads)


def test_a_channel_without_noise_stays_as_it_is_and_the_others_are_denoised():
    x = 0.5 + 0.1 * noise(1, 3, 40, 40) * torch.tensor([1.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
    x[:, 1] += 0.2 * torch.rand(40, 40, generator=torch.Generator().manual_seed(8))
    out = bm3d(x, torch.tensor([0.1, 0.0, 0.1]).reshape(1, 3, 1, 1))
    assert torch.equal(out[:, 1], x[:, 1])
    assert torch.isfinite(out).all()
    assert out[:, ::2].var() < 0.1**2 / 4


def test_the_step_has_limits_and_a_gradient_is_refused_with_the_names_of_others():
    with pytest.raises(CampipeError, match="1 to 8 pixels"):
        blocks.denoise("bm3d", step=9)
    x = torch.rand(1, 1, 8, 8).requires_grad_()
    with pytest.raises(CampipeError, match="'nlm' or 'dct'"):
        blocks.denoise("bm3d").net(x, number(0.1)).sum().backward()


@pytest.mark.slow
def test_kodak_in_colour_as_it_is_published(shared, figure):
    reached = []
    for i in range(1, 7):
        photo = torch.from_numpy(iio.imread(shared / "photos_test_kodak24" / f"kodim{i:02d}.webp")).permute(2, 0, 1)[None] / 255
        top, left = (photo.shape[-2] - 500) // 2, (photo.shape[-1] - 500) // 2
        clean = photo[..., top : top + 500, left : left + 500]
        reached.append(error(bm3d(clean + 25 / 255 * noise(*clean.shape, seed=i), number(25 / 255)), clean))
    figure("bm3d, 6 crops of 500 x 500 of Kodak, sigma 25: PSNR, dB", sum(reached) / 6, ">= 31.35")
    assert sum(reached) / 6 >= 31.35
