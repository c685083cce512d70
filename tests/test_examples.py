"""Every example runs, in seconds, and says what it promises."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch

import campipe as cp

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


def example(number: int) -> ModuleType:
    """The example of that number, as a module."""
    (path,) = [path for path in EXAMPLES if path.name.startswith(f"{number:02d}_")]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> str:
    """A small part of a real photo, as a file."""
    from skimage import data, io

    path = tmp_path_factory.mktemp("photo") / "coffee.png"
    io.imsave(path, data.coffee()[100:356, 200:456], check_contrast=False)
    return str(path)


def test_examples_are_numbered_in_order_and_shorter_than_sixty_lines():
    assert [int(path.name[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
    for path in EXAMPLES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path.name


def test_example_1_writes_a_raw_that_reads_back_as_a_photograph(photo, tmp_path, capsys):
    example(1).main(photo, str(tmp_path))
    raw = cp.read(tmp_path / "shot.dng")
    assert raw.space == "dn" and (raw.height, raw.width) == (256, 256)
    noisy, clean = cp.read(tmp_path / "shot.png").data, cp.read(tmp_path / "clean.png").data
    assert 0.01 < float((noisy - clean).square().mean().sqrt()) < 0.5
    said = float(re.search(r"([\d.]+) electrons a pixel", capsys.readouterr().out)[1])
    # The recorded frame's mean over 65,536 pixels lies within a few per mille of the ideal's.
    electrons = (raw.data - raw.capture.black_level.mean()).mean() / 12.24064  # the profile's gain at ISO 12800, DN/e-
    assert said == pytest.approx(float(electrons), rel=0.02)


def test_example_2_measures_what_the_law_predicts(capsys):
    example(2).main(frames=400)
    rows = [[float(cell) for cell in line.split()] for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(rows) == 7
    for photons, _, expected, measured, error in rows[:-1]:
        assert abs(measured - expected) < 6 * error, photons


def test_example_3_finds_the_gain_through_the_noise(capsys):
    example(3).main(steps=150)
    gain, noise = map(float, re.search(r"step 149 +gain ([\d.]+) +read noise ([\d.]+)", capsys.readouterr().out).groups())
    assert gain == pytest.approx(1.6, rel=0.02)
    assert noise == pytest.approx(4.0, rel=0.06)


def test_example_4_gives_the_same_sample_alone_and_in_a_batch(photo, capsys):
    example(4).main(photo, count=8)
    out = capsys.readouterr().out
    assert out.count("batch") == 2 and out.count("EV") == 8
    assert "the same bits" in out


def test_example_5_shows_a_wave_and_its_law_agrees_with_frames(photo, capsys):
    module = example(5)
    module.main(photo)
    assert "banding" in capsys.readouterr().out
    stage = module.Banding(amplitude=10.0, period=12.0)
    frames, height = 2000, 24
    still = cp.Frame(torch.zeros(frames, 1, height, 2), "electrons", cp.Capture(pattern=None))
    variance = stage(still, key=cp.Key(3)).data[..., 0].double().var(0).mean()
    law = stage.moments(still.replace(torch.zeros(1, 1, height, 2)))
    # a^2 sin^2 of a random phase has standard deviation a^2 / sqrt 8: one standard error is 50 / 2 ** 0.5 / sqrt(2000) = 0.79.
    assert abs(float(variance) - float(law.variance.mean())) < 6 * 0.79
    assert float(law.variance.mean()) == pytest.approx(50.0)


def test_example_6_makes_one_picture_of_four(photo, tmp_path, capsys):
    example(6).main(str(tmp_path / "strip.jpg"), photo)
    picture = cp.read(tmp_path / "strip.jpg")
    assert picture.width > 3 * 190 and capsys.readouterr().out.count("electrons a pixel") == 3


def test_example_7_finds_what_another_simulator_does(capsys):
    """emva1288 1.0.2: noise below no charge is cut off, and quantisation noise is added to what is rounded as well."""
    pytest.importorskip("emva1288")
    example(7).main("emva1288")
    dark, dim, bright, transfer, white = capsys.readouterr().out.splitlines()
    assert dark.startswith("FAILS") and "Nothing lies below 32" in dark
    assert dim.startswith("FAILS") and transfer.startswith("FAILS") and "1/12 too high" in transfer
    assert bright.startswith("passes") and white.startswith("passes")


def test_example_8_measures_the_camera_that_took_the_frames(tmp_path, capsys):
    example(8).main(str(tmp_path))
    said = capsys.readouterr().out
    for found, error, truth in re.findall(r"(?:gain|noise) ([\d.]+) \+- ([\d.]+) \S+, of ([\d.]+)", said):
        assert abs(float(found) - float(truth)) < 5 * float(error) + 1e-4
    # Of 120 divergences the largest is beyond 5 errors by chance once in 10^4; their own law leans a little.
    assert float(re.search(r"at most ([\d.]+) errors", said)[1]) < 6 and (tmp_path / "report.html").stat().st_size > 100_000


def test_example_11_gives_noise_the_statistics_of_a_texture(tmp_path, capsys):
    example(11).main(str(tmp_path / "texture.png"), size=48, steps=30)
    left = float(re.search(r"([\d.]+) % of its style loss", capsys.readouterr().out)[1])
    assert left < 10
    picture = cp.read(tmp_path / "texture.png")
    assert (picture.height, picture.width) == (48, 144)


def test_example_9_trains_a_denoiser_that_is_better_than_nothing_at_once(photo, tmp_path, capsys):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(Path(photo).read_bytes())
    example(9).main(str(tmp_path), steps=60)
    said = dict(re.findall(r"^(\w[\w ]+?) +([\d.]+) dB$", capsys.readouterr().out, flags=re.MULTILINE))
    assert set(said) == {"trained here", "dct", "nlm", "wavelet", "noisy"}
    assert 20.17 < float(said["noisy"]) < 22  # 20 log10(255 / 25), and a little more where values are clipped
    assert float(said["trained here"]) > float(said["noisy"]) + 3 and float(said["dct"]) > float(said["wavelet"]) - 1


def test_example_10_brings_the_picture_nearer_with_every_part_of_the_camera(photo, capsys):
    example(10).main(photo, steps=10)
    said = capsys.readouterr().out
    before, after = re.search(r"as it came: ([\d.]+) dB", said), re.search(r"10 ([\d.]+) dB", said)
    assert float(after[1]) > float(before[1]) + 0.5
    for group in ("camera_exposure_ev", "developing_denoise_strength", "developing_tone_curve", "developing_demosaick_weights"):
        assert all(float(norm) > 0 for norm in re.findall(rf"gradient_{group} ([\d.e-]+)", said)) and f"gradient_{group}" in said
