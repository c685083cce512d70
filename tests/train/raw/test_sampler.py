"""The fast pairs of all cameras: the frames that `Camera.capture` would take, in the mean, in the variance and where nothing is noise."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import pixel_unshuffle

from campipe.camera import Camera
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.core.random import Key
from campipe.ops.draws import tukey_lambda_std
from campipe.ops.levels import levels_of, to_unit
from campipe.optics import PolynomialVignetting
from campipe.synth.shoot import phase_of
from campipe.train.raw.cameras import LIGHTS, STEPS, CameraTable, bayer_cameras
from campipe.train.raw.exposure import FEW, counted, tukey
from campipe.train.raw.sampler import RawBatch, RawSampler, mosaicked

CAMERAS = ("sony-a7s2", "google-pixel", "nikon-d850", "vd56g3")  # two gains, 10 bits, heavy tails, a pattern that begins with green
SIDE = 128


def captured(name: str, picture: torch.Tensor, shots: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy and ideal planes of a camera's own capture, where a tile begins with blue, and its S and O."""
    camera = Camera.load(name)
    low, high = camera.profile.iso_range
    iso = min(max(low * (high / low) ** (int(shots["iso"][0]) / (STEPS - 1)), low), high)
    first, last = camera.profile.priors.cct
    numbers = {"cct": first + (last - first) * int(shots["light"][0]) / (LIGHTS - 1)}
    scene = camera.unprocess(Frame(picture, "display"), tone=float(shots["tone"]), brightness=float(shots["brightness"]), **numbers)
    size = {"width": camera.profile.width, "height": camera.profile.height}
    camera.light_path = camera.light_path.replaced(PolynomialVignetting((0.0,), **size, name="vignetting"))
    scene = scene.replace(origin=torch.tensor([phase_of(camera.profile.pattern, "BGGR")]))
    frames = [
        camera.capture(scene, iso=iso, ev=float(shots["ev"]), seconds=float(shots["seconds"]), key=Key(3), noise=noise)
        for noise in (True, False)
    ]
    noisy, ideal = (pixel_unshuffle(to_unit(frame.data, *levels_of(frame)), 2) for frame in frames)
    assert frames[0].capture.pattern == "BGGR" and frames[0].capture.noise is not None
    return noisy, ideal, frames[0].capture.noise


def shots_of(sampler: RawSampler, camera: int, iso: int, ev: float, seconds: float = 0.2) -> dict[str, torch.Tensor]:
    drawn = {name: value[:1] for name, value in sampler.shots([0]).items()}
    given = {"camera": torch.tensor([camera]), "iso": torch.tensor([iso]), "ev": torch.tensor([ev]), "seconds": torch.tensor([seconds])}
    return {**drawn, **given}


@pytest.fixture(scope="module")
def sampler() -> RawSampler:
    return RawSampler(CameraTable(CAMERAS))


@pytest.mark.parametrize(
    ("camera", "iso", "ev"), [(0, 2, 0.0), (0, 30, -4.0), (1, 0, -1.0), (2, STEPS - 1, -4.0), (2, 8, 0.0), (3, 20, -2.0)]
)
def test_mean_and_variance_are_those_of_the_camera_at_every_level(sampler, camera, iso, ev):
    """Of planes that are flat: their means within 5 standard errors, their variances within 10 %, where 2.2 % is one standard error."""
    flat = torch.tensor([0.55, 0.5, 0.6])[None, :, None, None].expand(1, 3, SIDE, SIDE).contiguous()
    shots = shots_of(sampler, camera, iso, ev)
    ours = sampler.photograph(flat, shots, [0])
    noisy, ideal, noise = captured(CAMERAS[camera], flat, shots)
    assert torch.allclose(ours.clean, ideal, rtol=2e-4, atol=1e-6)
    assert torch.allclose(ours.noise, noise, rtol=1e-5)
    for one, other in zip(ours.noisy[0], noisy[0], strict=True):
        spread = float(other.std())
        rows = one.shape[0]
        # Row noise is one number for a row of a plane: its mean scatters with the number of rows.
        error = spread * (2 / one.numel()) ** 0.5 + float((ours.noise[0, 1] / rows).sqrt()) * 2**0.5
        assert abs(float(one.mean() - other.mean())) < 5 * error
        assert float(one.var() / other.var()) == pytest.approx(1, abs=0.1)


def test_the_ideal_of_a_photo_is_that_of_the_camera(sampler, photos):
    picture = torch.tensor(photos["coffee"]).movedim(-1, 0)[None, :, 60 : 60 + SIDE, 100:240].float() / 255
    for camera, name in enumerate(CAMERAS):
        shots = shots_of(sampler, camera, 5, 0.3)
        assert torch.allclose(sampler.photograph(picture, shots, [0]).clean, captured(name, picture, shots)[1], rtol=5e-4, atol=2e-5)


def test_a_sample_hangs_on_its_number_alone(sampler):
    pictures = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    numbers = [3, 4, 5, 6, 7]
    together = sampler.photograph(pictures, sampler.shots(numbers), numbers)
    alone = sampler.photograph(pictures[2:3], sampler.shots([5]), [5])
    assert isinstance(alone, RawBatch)
    for one, all_ in zip(alone, together, strict=True):
        assert torch.equal(one[0], all_[2])
    assert not torch.equal(sampler.shots([5])["ev"], sampler.shots([6])["ev"])


@pytest.mark.parametrize("rate", [0.02, 0.5, 0.99 * FEW, 1.01 * FEW, 40.0])
def test_counts_have_the_poisson_law_of_each_electron(rate):
    """At evenly spaced probabilities the shares of 0, 1, 2, ... electrons are those of the law, to the 1e-3 that an expansion may miss."""
    count = 200_000
    normal = torch.special.ndtri((torch.arange(count, dtype=torch.float64) + 0.5) / count).float()
    found = counted(torch.full_like(normal, rate), normal).long().bincount(minlength=60)[:60] / count
    wanted = torch.distributions.Poisson(rate).log_prob(torch.arange(60.0)).exp()
    assert float((found - wanted).abs().sum()) / 2 < 1e-3


def test_tukey_numbers_have_unit_variance_and_the_tails_of_their_shape():
    normal = torch.special.ndtri((torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000).float()
    kurtosis = []
    for shape in (-0.2, 0.0, 0.14, float("nan")):
        spread = tukey_lambda_std(torch.tensor([shape if shape == shape else 0.1], dtype=torch.float64)).float()
        drawn = tukey(normal, torch.tensor([shape]), spread).double()
        assert float(drawn.var()) == pytest.approx(1, abs=0.02)  # of the heaviest tails, half a percent lies beyond the last number
        kurtosis.append(float(drawn.pow(4).mean()))
    assert kurtosis[0] > kurtosis[1] > kurtosis[2] and kurtosis[3] == pytest.approx(3, abs=0.01)


def test_the_mosaic_begins_with_blue():
    picture = torch.stack([torch.full((4, 6), float(c)) for c in range(3)])[None]
    assert mosaicked(picture)[0, 0, :2, :2].tolist() == [[2, 1], [1, 0]]


def test_cameras_are_held_out_by_name_and_monochrome_ones_are_not_taken():
    names = bayer_cameras(["nikon-d850"])
    assert "nikon-d850" not in names and "mv-mono-2mp" not in names and "sony-a7s2" in names and len(names) > 15
    with pytest.raises(CampipeError, match="no 'nikon-d851'"):
        bayer_cameras(["nikon-d851"])
    with pytest.raises(CampipeError, match="mv-mono-2mp is monochrome"):
        CameraTable(["mv-mono-2mp"])
