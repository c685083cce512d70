"""Ask a sensor for the mean and variance of each pixel, and see a thousand frames agree: the photon transfer curve."""

import torch

import campipe as cp


def main(frames: int = 1000) -> None:
    sensor = cp.sensor.FrameSensor(
        width=64, height=8, pattern=None, serial=1,
        quantum_efficiency=0.6, full_well=15000, dark_current=25.0, prnu=0.01,
        read_noise=3.0, gain=0.2, black_level=64, bits=12,
    )  # fmt: skip
    print("photons   mean (law)   variance (law)   variance (frames)   error of that")
    for photons in (0.0, 5.0, 50.0, 500.0, 5000.0, 20000.0, 40000.0):
        light = torch.full((1, 1, 8, 64), photons)
        law = sensor.moments(light, seconds=0.5)
        many = sensor.expose(light.expand(frames, -1, -1, -1), seconds=0.5, key=cp.Key(1))
        measured = many.data.double().var(0).mean()
        expected = law.variance.double().mean()
        # A sample variance of n frames has a relative standard error of sqrt(2 / (n - 1)); here 512 pixels are averaged.
        error = expected * (2 / (frames - 1) / 512) ** 0.5
        print(f"{photons:7.0f} {float(law.mean.mean()):12.2f} {float(expected):16.4f} {float(measured):19.4f} {float(error):15.4f}")


if __name__ == "__main__":
    main()
