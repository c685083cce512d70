"""Tune a camera in little light from end to end: its exposure, its developing and a learned demosaicker, each at its own pace."""

import json
import sys
import tempfile
from pathlib import Path

import torch

import campipe as cp
from campipe.train import Training, WarmUpCosine, fit
from campipe.train.draws import uniform
from campipe.train.end_to_end import EndToEnd

SIDE = 64
RATES = {"camera.exposure.ev": 5.0, "developing.denoise.strength": 10.0, "developing.tone_curve": 1.0, "developing.demosaick.weights": 1.0}


class Tuning(EndToEnd):
    """Bring the pictures of a noisy camera as near as possible to those of a perfect one."""

    def __init__(self, pipeline: cp.Pipeline, scene: cp.Frame, picture: torch.Tensor) -> None:
        super().__init__(pipeline, RATES, capture=scene.capture)
        self.scene, self.picture = scene.data, picture

    def batch(self, numbers):
        height, width = (size - SIDE for size in self.scene.shape[-2:])
        corners = [(int(v * height / 2) * 2, int(u * width / 2) * 2) for v, u in uniform(0, numbers, 2).tolist()]
        cut = [torch.cat([data[..., y : y + SIDE, x : x + SIDE] for y, x in corners]) for data in (self.scene, self.picture)]
        return *cut, torch.tensor(list(numbers))

    def loss(self, picture, wanted):
        return (picture - wanted).square().mean()

    @torch.no_grad()
    def validate(self):
        shown = self.shoot(self.scene, [2**30]).data.clamp(0, 1)
        return {"psnr": float(cp.measure.psnr(shown, self.picture, data_range=1))}


def main(photo: str, steps: int = 150) -> None:
    camera = cp.Camera.load("sony-a7s2")
    picture = cp.read(photo)
    picture = picture.replace(picture.data[..., :256, :256])
    scene = camera.unprocess(picture, cct=5000.0, tone=0.5, brightness=1.2).replace(seconds=1 / 60)
    learned = cp.blocks.demosaick("residual", name="demosaick")  # with the weights that ship, trained without noise
    developing = camera.developing.replaced(learned).inserted(cp.blocks.denoise("guided", name="denoise"), before="white_balance")
    developing = developing.replaced(cp.isp.ToneCurve(0.5)).replaced(cp.isp.Exposure(4.0))
    task = Tuning(cp.Pipeline([camera.at(iso=25600, ev=-4.0), developing]), scene, picture.data)
    print(f"as it came: {task.validate()['psnr']:.2f} dB")
    with tempfile.TemporaryDirectory() as folder:
        fit(task, Training(steps, 2, WarmUpCosine(3e-3, 1e-4, 5, steps), ema=0.9, log_every=max(steps // 5, 1)), Path(folder))
        for line in map(json.loads, (Path(folder) / "log.jsonl").read_text().splitlines()):
            norms = {name: value for name, value in line.items() if name.startswith("gradient_")}
            print(line["step"], ", ".join(f"{name} {value:.2g}" for name, value in norms.items()) or f"{line['psnr']:.2f} dB")


if __name__ == "__main__":
    main(sys.argv[1])
