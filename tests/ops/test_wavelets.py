"""The undecimated wavelet transform: its identities, and thresholds in closed form."""

import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.ops import tiles, wavelets
from campipe.ops.wavelets import back, forth, reach, wavelet_threshold


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize(("name", "moments"), [("haar", 1), ("db2", 2)])
def test_the_filters_are_orthonormal_and_blind_to_polynomials(name, moments):
    low, high = (torch.tensor(f, dtype=torch.float64) for f in wavelets._filters(name))
    assert low.sum().item() == pytest.approx(2**0.5)
    assert low.square().sum().item() == pytest.approx(1)
    assert (low * high).sum().item() == pytest.approx(0, abs=1e-15)
    if len(low) == 4:
        assert (low[2:] * low[:2]).sum().item() == pytest.approx(0, abs=1e-15)
    place = torch.arange(len(low), dtype=torch.float64)
    for power in range(moments):
        assert (high * place**power).sum().item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["haar", "db2"])
@pytest.mark.parametrize("size", [(16, 16), (7, 13), (1, 5)])
def test_the_inverse_gives_the_picture_back(name, size):
    x = noise(2, 3, *size)
    assert torch.allclose(back(*forth(x, name, 3), name), x, atol=1e-12)


@pytest.mark.parametrize("name", ["haar", "db2"])
def test_white_noise_keeps_its_size_in_every_band(name):
    rest, bands = forth(noise(1, 1, 512, 512), name, 3)
    for level, three in enumerate(bands):
        for band in three:  # neighbours are correlated: 4^level times fewer independent ones
            assert abs(band.std().item() - 1) < 5 * 2 ** (level + 1) / (2 * 512**2) ** 0.5
    assert len(bands) == 3 and rest.shape == (1, 1, 512, 512)


def test_it_commutes_with_shifts():
    x = noise(1, 1, 16, 18)
    first = forth(x.roll((3, 5), (-2, -1)), "db2", 2)[1][1][0]
    assert torch.allclose(first, forth(x, "db2", 2)[1][1][0].roll((3, 5), (-2, -1)))


@pytest.mark.parametrize("name", ["haar", "db2"])
def test_its_reach_is_what_it_says(name):
    x = torch.zeros(1, 1, 201, 201, dtype=torch.float64)
    x[..., 100, 100] = 1
    rest, bands = forth(x, name, 3)
    bands[2] = (bands[2][0] * 2, bands[2][1], bands[2][2] * 3)  # without a change the pixel would come back alone
    touched = back(rest, bands, name)[0, 0].abs() > 1e-12
    assert touched.any(0).nonzero()[0] >= 100 - reach(name, 3) and touched.any(0).nonzero()[-1] <= 100 + reach(name, 3)
    assert touched.sum() > 100


def test_one_threshold_for_a_band_is_that_of_the_paper():
    # Columns alternate by 2 a: all is in one band of the finest level, in Haar coefficients of size 2 a. Of 32 columns the last has none,
    # since the mirror image repeats it.
    a, sigma = 0.5, 0.3
    x = torch.where(torch.arange(32) % 2 == 0, a, -a).double().expand(1, 1, 32, 32)
    out = wavelet_threshold(x, torch.tensor(sigma).reshape(1, 1, 1, 1), 1.0, None, "haar", 1)
    threshold = sigma**2 / ((2 * a) ** 2 * 31 / 32 - sigma**2) ** 0.5
    assert torch.allclose(out[..., 8:-8, 8:-8], (x * (1 - threshold / (2 * a)))[..., 8:-8, 8:-8])


@pytest.mark.parametrize("window", [1, 5, 9])
def test_large_pictures_go_by_tiles(monkeypatch, window):
    x = noise(1, 2, 210, 230)
    whole = wavelet_threshold(x, torch.tensor(0.8).reshape(1, 1, 1, 1), 1.4, window, "db2", 2)
    ramp = torch.linspace(0.5, 1, 230, dtype=torch.float64).expand(1, 1, 210, 230)
    mapped = wavelet_threshold(x, ramp, 1.4, window, "db2", 2)
    monkeypatch.setattr(tiles, "_SIDE", 64)
    assert torch.allclose(wavelet_threshold(x, torch.tensor(0.8).reshape(1, 1, 1, 1), 1.4, window, "db2", 2), whole, atol=1e-12)
    assert torch.allclose(wavelet_threshold(x, ramp, 1.4, window, "db2", 2), mapped, atol=1e-12)


@pytest.mark.parametrize("name", ["haar", "db2"])
@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("size", [(23, 41), (1, 3)])
def test_the_loop_gives_what_torch_gives(name, mapped, size):
    x, strength = noise(2, 3, *size), torch.tensor(1.4)
    sigma = 0.2 + noise(2, 1, *size).abs() if mapped else torch.tensor(0.7, dtype=torch.float64).reshape(1, 1, 1, 1)
    out = wavelet_threshold(x.float(), sigma.float(), strength, 7, name, 3)
    # float32; the threshold is steep where the power is that of noise alone, but there everything goes.
    assert (out.double() - wavelet_threshold(x, sigma, strength, 7, name, 3)).abs().max() < 1e-5


def test_an_unknown_wavelet_is_answered_with_the_list():
    with pytest.raises(CampipeError, match="haar, db2, but 'sym9' came"):
        wavelets.check_wavelet("sym9")
