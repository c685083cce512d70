"""Write a stage, give it a law, let a recipe name it: banding, a sine down the rows whose phase differs from frame to frame."""

import math
from pathlib import Path

import torch

import campipe as cp


class Banding(cp.Stage):
    """Add a wave that runs down the picture: amplitude in e-, period in rows. The ideal leaves it out. Gradient: exact in the amplitude."""

    reads = ("electrons",)
    writes = "electrons"
    primary = "amplitude"

    def __init__(self, amplitude: float, period: float = 12.0, name: str | None = None) -> None:
        super().__init__(name)
        self.number("amplitude", amplitude, positive=True)
        self.period = period

    def transform(self, frame: cp.Frame, shot) -> cp.Frame:
        if not shot.noise:
            return frame
        key = shot.key_for("phase")
        grid = frame.grid(key)  # the addresses of the draws: a phase per item and time, the same in a crop
        phases = [key.fold(int(item)).fold(int(time)).uniform() for item, time in zip(grid.item, grid.frame, strict=True)]
        rows = torch.arange(frame.height) + frame.origin()[:, :1]  # (B, H), rows of the sensor
        wave = torch.sin(2 * math.pi * (rows / self.period + torch.tensor(phases)[:, None]))
        return frame.replace(frame.data + self.value("amplitude", frame, shot) * wave[:, None, :, None])

    def law(self, law):
        # A sine of random phase has mean 0 and variance amplitude^2 / 2, but it is no normal law: only the two moments go on.
        return law.unknown(law.mean, law.variance + self.value("amplitude", law.frame(), law.shot) ** 2 / 2)


RECIPE = """
recipe: 1
about: a Sony A7S II with a noisy power supply
camera: sony-a7s2
photo: {crop: 96}
exposure: {iso: 6400, ev: -2}
stages:
  - {kind: banding, at: electrons, amplitude: {uniform: [2, 20]}}
"""


def main(photo: str) -> None:
    cp.register("banding", Banding)
    sample = cp.Recipe.parse(RECIPE).sample(index=3, seed=0, images=photo)
    rows = (sample.noisy.data - sample.clean.data).mean(-1).flatten()
    print(f"drawn: {sample.parameters['stages']}")
    print(f"mean of the first rows, noisy - clean, DN: {', '.join(f'{v:.1f}' for v in rows[:12].tolist())}")


if __name__ == "__main__":
    from skimage import data

    main(str(Path(data.__file__).parent / "chelsea.png"))
