"""Make a picture with the texture of another one, by its statistics in a feature network, as Gatys et al. do; no download is needed."""

import sys

import torch

import campipe as cp
from campipe.measure.features import feature_network
from campipe.measure.losses import style_loss, total_variation_loss

LAYERS = {"conv1_1": 1.0, "conv2_1": 1.0, "conv3_1": 1.0, "conv4_1": 1.0}


def texture(size: int) -> torch.Tensor:
    """A woven cloth of three colours, (1, 3, size, size)."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    over = ((x // 6 + y // 6) % 2 == 0).float()
    warp, weft = ((0.5 + 0.5 * torch.cos(2 * torch.pi * place / 6)) for place in (x, y))
    colours = torch.tensor([[0.75, 0.3, 0.2], [0.15, 0.3, 0.5]])[:, :, None, None]
    return (colours[0] * over * (0.4 + 0.6 * warp) + colours[1] * (1 - over) * (0.4 + 0.6 * weft))[None]


def main(out: str = "texture.png", photo: str | None = None, size: int = 128, steps: int = 200) -> None:
    # The small network is campipe's own; feature_network("vgg19", "vgg19.pth", pooling="average") is the paper's.
    network = feature_network("campipe-small", pooling="average")
    style = texture(size) if photo is None else cp.read(photo).data[..., :size, :size]
    start = 0.5 + 0.1 * torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    made = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([made], lr=0.03)
    whole = float(style_loss(start, style, network, LAYERS, data_range=1))
    for step in range(steps):
        optimiser.zero_grad()
        loss = style_loss(made, style, network, LAYERS, data_range=1) / whole
        (loss + 1e-3 * total_variation_loss(made)).backward()
        optimiser.step()
        with torch.no_grad():
            made.clamp_(0, 1)
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:3d}   style loss {float(loss.detach()):.5f} of that of noise")
    beside = torch.cat([style, start.clamp(0, 1), made.detach()], -1)
    cp.write(out, cp.Frame(beside, "display"))
    print(f"{out}: the texture, the noise it began with, and the picture that was made")


if __name__ == "__main__":
    main(*sys.argv[1:3])
