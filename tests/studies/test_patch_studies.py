"""The studies of patches run from end to end with a budget of a few steps, and leave weights that can be loaded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe.blocks.denoising.mlp import Mlp
from campipe.blocks.learned.dense import TiedAutoencoder
from campipe.studies import dae, mlp, set12, ssda
from campipe.studies.setting import Setting


@pytest.fixture
def setting(tmp_path, monkeypatch):
    import imageio.v3 as imageio

    draws = np.random.Generator(np.random.PCG64(0))
    for folder, shape, count in (("photos", (140, 140, 3), 6), ("gray_test_set12", (32, 40), 2)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            smooth = np.kron(
                draws.integers(0, 255, (shape[0] // 4 + 1, shape[1] // 4 + 1, *shape[2:])), np.ones((4, 4, *[1] * (len(shape) - 2)))
            )
            imageio.imwrite(tmp_path / folder / f"{number}.png", smooth[: shape[0], : shape[1]].astype(np.uint8))
    monkeypatch.setattr("campipe.train.patches.patchwise.MIDST", 24)
    monkeypatch.setattr(set12, "classical", lambda *_: 20.0)
    return Setting(tmp_path / "photos", tmp_path, tmp_path / "out")


@pytest.mark.slow
def test_the_perceptron(setting, monkeypatch):
    for name, value in (("STEPS", 2), ("BATCH", 1), ("CROP", 33), ("SIGMAS", (25.0,)), ("classical", set12.classical)):
        monkeypatch.setattr(mlp, name, value)
    monkeypatch.setattr(mlp, "WarmUpCosine", lambda peak, end, warm_up, steps: mlp_rate(peak, end, steps))
    result = mlp.study(setting)
    assert [row.name for row in result.rows][1:] == ["sliding cosine transform", "non-local means"]
    assert result.claims[0].value == pytest.approx(result.rows[0].scores["sigma 25: PSNR, dB"] - 20)
    assert 15 < result.rows[0].scores["sigma 25: PSNR, dB"] < 30
    again = Mlp.load(setting.out / "denoise_mlp.safetensors")
    assert again.architecture == {"side": 17, "width": 600, "layers": 4}
    card = (setting.out / "denoise_mlp.md").read_text(encoding="utf-8")
    assert "1430089" in card and "denoise/mlp" in card and "CC BY-SA" in card


def mlp_rate(peak: float, end: float, steps: int):
    from campipe.train.schedules import WarmUpCosine

    return WarmUpCosine(peak, end, 0, steps)


def test_principal_axes_are_those_of_the_covariance():
    draws = torch.randn(4000, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 3.0, 0.5, 2.0])
    strength, axes = dae.principal(draws)
    assert torch.allclose(strength, torch.tensor([9.0, 4.0, 1.0, 0.25]), rtol=0.15)
    assert torch.allclose(axes.abs(), torch.eye(4)[[1, 3, 0, 2]], atol=0.1)
    # Fewest errors of all projections of that rank: the energy that is left is that of the weaker axes.
    left = (draws - draws @ axes[:2].T @ axes[:2]).square().sum(1).mean()
    assert float(left) == pytest.approx(float(strength[2:].sum()), rel=1e-4)


def test_the_single_auto_encoders(setting, monkeypatch):
    nets = {"gaussian_4": 4, "gaussian_160": 160, "masking_4": 4}
    for name, value in (("STEPS", 3), ("BATCH", 1), ("CROP", 36), ("NETS", nets), ("WIDE", 160)):
        monkeypatch.setattr(dae, name, value)
    monkeypatch.setattr(dae, "WarmUpCosine", lambda peak, end, warm_up, steps: mlp_rate(peak, end, steps))
    monkeypatch.setattr(dae, "write_filters", lambda path, *layers: path.write_bytes(bytes(len(layers))))
    monkeypatch.setitem(nets, "masking_160", 160)
    result = dae.study(setting)
    assert len(result.claims) == 2 and (setting.out / "filters.png").exists()
    by_name = {row.name: row.scores["PSNR, dB"] for row in result.rows}
    noise = "4 numbers, Gaussian noise of 25/255"
    assert by_name[f"principal components, shrunk as Wiener does, {noise}"] >= by_name[f"principal components, {noise}"] - 1
    assert any(isinstance(net, TiedAutoencoder) for net in dae.learn(setting)[0].values())


@pytest.mark.slow
def test_the_stacks(setting, monkeypatch):
    for name, value in (
        ("LAYER_STEPS", 2), ("STEPS", {"noise": 2, "writing": 2}), ("CROP", {"noise": (24, 2), "writing": (24, 2)}),
        ("SIGMAS", (25.0,)), ("classical", set12.classical), ("_peers", lambda _: {"a peer": 10.0}),
    ):  # fmt: skip
        monkeypatch.setattr(ssda, name, value)
    monkeypatch.setattr(ssda, "WarmUpCosine", lambda peak, end, warm_up, steps: mlp_rate(peak, end, steps))
    result = ssda.study(setting)
    assert [claim.wanted for claim in result.claims] == [0.0, 0.0]
    assert {path.stem for path in setting.out.glob("*.safetensors")} == {"denoise_ssda", "inpaint_ssda"}
    assert "writing: PSNR, dB" in result.rows[-1].scores
