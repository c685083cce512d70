"""Draws by key: their laws, measured against closed forms at the words themselves, and their promises."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
from torch import Tensor

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.random import Grid, Key
from campipe.ops import draws
from campipe.ops.kernels import portable

ALL = 2**32
PLACES = [(0, 0, 0, 0), (5, 37, 3, 7), (2999, 130, 1, 2**31)]
KEY = Key(0x0123456789ABCDEF)


def grid(height: int, width: int, *places: tuple[int, int, int, int]) -> Grid:
    """A grid of planes at (y, x, frame, item)."""
    y, x, frame, item = (torch.tensor(v) for v in zip(*(places or PLACES), strict=True))
    return Grid(height, width, torch.stack([y, x], 1), frame, item)


def rates(at: Grid, low: float = 0.01, high: float = 1e4) -> Tensor:
    """Log-uniform rates of the shape that the grid asks for."""
    u = torch.from_numpy(np.random.default_rng(0).random((len(at), 1, at.height, at.width)))
    return (low * (high / low) ** u).float()


DRAWS = {
    "words": draws.words,
    "uniform": draws.uniform,
    "normal": draws.normal,
    "tukey": lambda key, at: draws.tukey_lambda(key, at, -0.2),
    "row normal": lambda key, at: draws.normal(key, at.rows()),
    "column normal": lambda key, at: draws.normal(key, at.columns()),
    "poisson": lambda key, at: draws.poisson(torch.full((len(at), 1, at.height, at.width), 17.5), key, at),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_crop_draws_what_the_whole_plane_draws_there(draw):
    whole = draw(KEY, grid(40, 2300, (10, 100, 2, 5)))
    for y, x, h, w in [(0, 0, 1, 1), (3, 1, 9, 64), (17, 999, 23, 1301)]:
        crop = draw(KEY, grid(h, w, (10 + y, 100 + x, 2, 5)))
        rows = slice(y, y + h) if whole.shape[-2] > 1 else slice(None)
        columns = slice(x, x + w) if whole.shape[-1] > 1 else slice(None)
        assert torch.equal(crop, whole[:, :, rows, columns])


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_an_item_draws_the_same_alone_and_in_a_batch(draw):
    batch = draw(KEY, grid(9, 70))
    for n, place in enumerate(PLACES):
        assert torch.equal(draw(KEY, grid(9, 70, place))[0], batch[n])


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_another_key_frame_or_item_draws_something_else(draw):
    base = draw(KEY, grid(64, 64, (0, 0, 0, 0)))
    for key, place in [(KEY.fold("a"), (0, 0, 0, 0)), (KEY, (0, 0, 1, 0)), (KEY, (0, 0, 0, 1))]:
        other = draw(key, grid(64, 64, place))
        # A count at rate 17.5 is met again by chance in 7 % of the pixels; 64 of them, all met in 15 %, by less than 1e-5.
        assert (other == base).float().mean() < 0.15


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_the_number_of_threads_changes_no_bit(draw, threads):
    at = grid(300, 500)
    alone = draw(KEY, at)
    torch.set_num_threads(threads)
    try:
        assert torch.equal(draw(KEY, at), alone)
    finally:
        torch.set_num_threads(1)


def words_of(start: int, stop: int, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Words from `start` on, and the kernel's normal numbers of them."""
    from campipe.ops.kernels.rows import normal_words

    word = np.arange(start, stop, step)
    z = np.empty(word.size, np.float32)
    normal_words(word.astype(np.uint32).view(np.int32), z)
    return word, z


def normal_error(start: int, stop: int, step: int = 1) -> tuple[float, float]:
    """Largest absolute and relative error of normal numbers of the lower half's words, by scipy's quantile."""
    word, z = words_of(start, stop, step)
    exact = scipy.special.ndtri((word + 0.5) / ALL)
    error = np.abs(z - exact)
    return float(error.max()), float((error / np.abs(exact)).max())


# The largest errors over all 2**32 words, found by the slow test.
ABSOLUTE, RELATIVE = 1.03e-6, 3.3e-7


@pytest.mark.parametrize("start, stop, step", [(0, 2**20, 1), (2**31 - 2**20, 2**31, 1), (0, 2**31, 1021), (2**23, 2**25, 17)])
def test_normal_numbers_are_the_normal_quantile(start, stop, step):
    absolute, relative = normal_error(start, stop, step)
    assert absolute < ABSOLUTE and relative < RELATIVE


@pytest.mark.slow
def test_normal_numbers_are_the_normal_quantile_for_every_word():
    errors = [normal_error(start, start + 2**24) for start in range(0, 2**31, 2**24)]
    assert max(e[0] for e in errors) < ABSOLUTE and max(e[1] for e in errors) < RELATIVE


def test_a_word_s_complement_gives_exactly_the_negative_number():
    for start, step in [(0, 1), (2**31 - 2**20, 1), (12345, 2039)]:
        word, z = words_of(start, start + step * 2**20, step)
        last = ALL - 1 - word
        _, mirrored = words_of(int(last[-1]), int(last[0]) + 1, step)
        assert (mirrored[::-1] == -z).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normal_numbers_pass_a_chi_square_test(dtype):
    z = draws.normal(KEY, grid(1024, 1024, (0, 0, 0, 0)), dtype=dtype).flatten().double().numpy()
    edges = scipy.stats.norm.ppf(np.linspace(0, 1, 1001))
    count, _ = np.histogram(z, edges)
    p = scipy.stats.chisquare(count).pvalue
    assert p > 1e-8
    assert z.dtype == np.float64 and abs(z).max() < 6.4


def test_float64_normal_numbers_belong_to_the_same_words():
    wide, narrow = draws.normal(KEY, grid(100, 999), dtype=torch.float64), draws.normal(KEY, grid(100, 999))
    assert wide.dtype == torch.float64 and narrow.dtype == torch.float32
    assert (wide - narrow).abs().max() < ABSOLUTE
    exact = scipy.special.ndtri((draws.words(KEY, grid(100, 999)).numpy() + 0.5) / ALL)
    assert np.abs(wide.numpy() - exact).max() < 1e-13


def test_uniform_numbers_are_the_words_scaled():
    word = draws.words(KEY, grid(64, 64))
    u, wide = draws.uniform(KEY, grid(64, 64)), draws.uniform(KEY, grid(64, 64), dtype=torch.float64)
    assert torch.equal(wide, (word.double() + 0.5) / ALL)
    assert u.dtype == torch.float32 and float(u.min()) > 0 and float(u.max()) < 1
    assert (u.double() - wide).abs().max() <= 2.0**-24


SHAPES = [-0.49, -0.3, -0.1, -1e-3, -1e-5, 0.0, 1e-6, 9.9e-5, 1.1e-4, 0.01, 0.14, 0.5, 1.0, 2.0, 30.0]


@pytest.mark.parametrize("shape", SHAPES)
def test_tukey_lambda_numbers_are_the_quantile_over_its_standard_deviation(shape):
    at = grid(50, 999)
    u = (draws.words(KEY, at).numpy() + 0.5) / ALL
    std = math.sqrt(scipy.integrate.quad(lambda v: 2 * scipy.special.boxcox(v, shape) * (scipy.special.boxcox(v, shape)
          - scipy.special.boxcox(1 - v, shape)), 0, 1, limit=500, epsabs=1e-12)[0]) if shape > -0.4 else None  # fmt: skip
    known = float(draws.tukey_lambda_std(torch.tensor(shape, dtype=torch.float64)))
    if std is not None:
        assert known == pytest.approx(std, rel=1e-6)
    lower = np.minimum(u, 1 - u)
    exact = (scipy.special.boxcox(lower, shape) - scipy.special.boxcox1p(-lower, shape)) / known * np.where(u < 0.5, 1, -1)
    narrow, wide = draws.tukey_lambda(KEY, at, shape), draws.tukey_lambda(KEY, at, shape, dtype=torch.float64)
    # Half a unit of float32 in the last place; near 0 the difference of two powers leaves 1e-16 / shape in float64.
    assert (np.abs(narrow.numpy() - exact) <= 6.1e-8 * np.abs(exact) + 1e-10).all()
    assert (np.abs(wide.numpy() - exact) <= 1e-9 * np.abs(exact) + 2e-11).all()


def test_the_tukey_lambda_variance_joins_smoothly_at_zero_and_has_known_values():
    std = draws.tukey_lambda_std(torch.tensor([0.0, 1.0, 2.0, 1e-2 - 1e-9, 1e-2 + 1e-9, -1e-2 - 1e-9, -1e-2 + 1e-9], dtype=torch.float64))
    # The logistic law's; a uniform law on (-1, 1); one on (-1/2, 1/2).
    assert std[:3].tolist() == pytest.approx([math.pi / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(12)], rel=1e-12)
    assert float((std[3] - std[4]).abs()) < 1e-7 and float((std[5] - std[6]).abs()) < 1e-7


def test_each_item_may_have_its_own_tukey_lambda_shape():
    at = grid(9, 70)
    shapes = [-0.2, 0.0, 0.3]
    batch = draws.tukey_lambda(KEY, at, torch.tensor(shapes, dtype=torch.float64))
    for n, (place, shape) in enumerate(zip(PLACES, shapes, strict=True)):
        assert torch.equal(draws.tukey_lambda(KEY, grid(9, 70, place), shape)[0], batch[n])


@pytest.mark.parametrize("shape", [-0.5, -1.0, math.nan, torch.tensor([0.1, -0.6, 0.1])])
def test_a_tukey_lambda_shape_without_variance_is_refused(shape):
    with pytest.raises(CampipeError, match=r"above -0\.5"):
        draws.tukey_lambda(KEY, grid(2, 2), shape)


@pytest.mark.parametrize("rate", [0.5, 3.0, 20.0, 400.0, 2500.0])
def test_counts_of_a_picture_pass_a_chi_square_test(rate):
    at = grid(1024, 1024, (0, 0, 0, 0))
    count = draws.poisson(torch.full((1, 1, 1024, 1024), rate), KEY.fold(int(rate * 2)), at).flatten().numpy().astype(int)
    law = scipy.stats.poisson(rate)
    low, high = int(law.ppf(1e-4)), int(law.ppf(1 - 1e-4))
    seen = np.bincount(np.clip(count, low, high) - low, minlength=high - low + 1)
    expected = np.diff(np.concatenate([[0], law.cdf(np.arange(low, high)), [1]])) * count.size
    assert scipy.stats.chisquare(seen, expected).pvalue > 1e-8


def test_counts_in_torch_are_the_compiled_ones():
    at = grid(60, 700)
    rate = rates(at)
    expected = portable.poisson(draws.words(KEY, at), rate)
    counts = draws.poisson(rate, KEY, at)
    assert counts.dtype == torch.float32 and torch.equal(counts.double(), expected)
    assert draws.poisson(rate.double(), KEY, at).dtype == torch.float64


def test_a_strided_rate_gives_the_same_counts():
    at = grid(30, 70)
    wide = rates(grid(60, 140))
    view = wide[:, :, ::2, ::2]
    assert torch.equal(draws.poisson(view, KEY, at), draws.poisson(view.contiguous(), KEY, at))


def test_a_higher_rate_never_gives_a_lower_count():
    at = grid(60, 700)
    rate = rates(at)
    assert (draws.poisson(rate * 1.01, KEY, at) >= draws.poisson(rate, KEY, at)).all()


def test_rates_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"\(3, 1, 2, 2\)"):
        draws.poisson(torch.ones(3, 2, 2), KEY, grid(2, 2))


def test_counts_are_detached_from_their_rate():
    at = grid(4, 4)
    counts = draws.poisson(rates(at).requires_grad_(), KEY, at)
    assert not counts.requires_grad


def test_empty_planes_draw_nothing():
    assert draws.normal(KEY, grid(0, 5)).shape == (3, 1, 0, 5)
    none = Grid(4, 5, torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    assert draws.poisson(torch.ones(0, 1, 4, 5), KEY, none).shape == (0, 1, 4, 5)


OPERATORS = {
    "words": (4, 5),
    "normal": (4, 5, False),
    "tukey_lambda": (4, 5, torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64), True),
}


@pytest.mark.parametrize("name", [*OPERATORS, "poisson"])
def test_the_operators_keep_torch_s_rules(name):
    at = grid(4, 5)
    place = (at.origin, at.frame, at.item, *KEY.words)
    args = (rates(at)[:, 0], *place) if name == "poisson" else (*place, *OPERATORS[name])
    torch.library.opcheck(getattr(torch.ops.campipe, name).default, args)


def test_fake_tensors_pass_through_the_draws():
    """What torch.compile and torch.export trace with: shapes and types without numbers."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    at = grid(4, 5)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        rate = mode.from_tensor(rates(at))
        assert draws.poisson(rate, KEY, at).shape == rate.shape
        assert draws.normal(KEY, at, dtype=torch.float64).dtype == torch.float64


def test_importing_the_draws_loads_no_compiler():
    code = "import sys, campipe.ops.draws, campipe.ops.kernels.exposure; sys.exit('numba' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=".", check=False).returncode == 0
