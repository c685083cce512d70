"""Find a sensor's gain and read noise by gradient descent through its noise, from noisy frames alone."""

import torch

import campipe as cp


def sensor(gain: float, read_noise: float) -> cp.sensor.FrameSensor:
    numbers = {"quantum_efficiency": 0.6, "full_well": 20000, "black_level": 64, "bits": 14}
    return cp.sensor.FrameSensor(96, 96, None, gain=gain, read_noise=read_noise, **numbers)


def statistics(data: torch.Tensor) -> torch.Tensor:
    """Mean above black and variance of each of the four steps of the wedge, as logarithms."""
    steps = data.reshape(len(data), 96, 4, 24).transpose(1, 2).flatten(2)
    mean, variance = steps.mean((0, 2)) - 64, steps.transpose(0, 1).flatten(1).var(1)
    return torch.cat([mean.clamp_min(1).log(), variance.log()])


def main(steps: int = 150) -> None:
    light = torch.tensor([5.0, 40.0, 400.0, 4000.0]).repeat_interleave(24).expand(4, 1, 96, 96)
    truth, guess = sensor(gain=1.6, read_noise=4.0), sensor(gain=0.5, read_noise=12.0)
    target = statistics(truth.expose(light, key=cp.Key(1)).data)

    optimiser = torch.optim.Adam(guess.trainable("gain", "read_noise"), lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    key = cp.Key(2)
    for step in range(steps):
        optimiser.zero_grad()
        shot = guess.expose(light, key=key.fold(step))  # fresh noise at every step; the gradient passes through it
        (statistics(shot.data) - target).square().sum().backward()
        optimiser.step()
        schedule.step()
        if step % 30 == 0 or step == steps - 1:
            gain, noise = float(guess["gain"].gain.detach()), float(guess["read_noise"].std.detach())
            print(f"step {step:3d}   gain {gain:.4f}   read noise {noise:.3f}")
    print("truth      gain 1.6000   read noise 4.000")


if __name__ == "__main__":
    main()
