"""Train a denoiser in five minutes, on your own photos, and put it beside classical ones.

python examples/09_train_a_block.py folder-of-photos
"""

import sys
import tempfile
from pathlib import Path

import torch

import campipe as cp
from campipe.train import TrainingRecipe, fit

RECIPE = """
train: 1
about: a small denoiser of colour pictures
block: denoise/unet
loss: l1
network: {{channels: 3, width: 16}}
data: {{crop: 64, held_out: 1, scenes: 0.1, sigma: [5, 50]}}
optimiser:
  steps: {steps}
  batch: 8
  rate: {{kind: cosine, peak: 0.004, end: 1.0e-5, warm_up: {warm_up}}}
  betas: [0.9, 0.99]
  ema: 0.99
card: {{data: photos of my own, licence: mine}}
"""


def main(photos: str, steps: int = 1500) -> None:
    recipe = TrainingRecipe.parse(RECIPE.format(steps=steps, warm_up=steps // 20))
    block = recipe.block()
    task = recipe.task(block, photos)
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(task, recipe.training, Path(folder), progress=lambda done, total, words: print(f"\r{done}/{total} {words}", end=""))
    print(f"\n{sum(p.numel() for p in block.body.parameters())} weights, {fitted.seconds:.0f} CPU seconds")

    clean = task.crops.validation()[0]  # a photo that was held out
    noisy = clean + 25 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    sigma = torch.full((1, 1, 1, 1), 25 / 255)
    others = {name: cp.blocks.denoise(name) for name in ("dct", "nlm", "wavelet")}
    for name, denoiser in {"trained here": block, **others}.items():
        answer = denoiser.net(noisy, sigma)
        print(f"{name:<13} {float(cp.measure.psnr(answer.clamp(0, 1), clean, data_range=1)):.2f} dB")
    print(f"{'noisy':<13} {float(cp.measure.psnr(noisy.clamp(0, 1), clean, data_range=1)):.2f} dB")


if __name__ == "__main__":
    main(sys.argv[1])
