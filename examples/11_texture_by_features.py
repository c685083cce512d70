"""Make a picture with the texture of another one, by its statistics in a feature network, as Gatys et al. do; no download is needed."""

import sys

import torch

import campipe as cp
from campipe.measure.features import feature_network
from campipe.measure.losses import style_loss

LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")


def cloth(size: int) -> torch.Tensor:
    """A woven cloth of two colours, (1, 3, size, size)."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    over = ((x // 6 + y // 6) % 2 == 0).float()
    warp, weft = ((0.5 + 0.5 * torch.cos(2 * torch.pi * place / 6)) for place in (x, y))
    colours = torch.tensor([[0.75, 0.3, 0.2], [0.15, 0.3, 0.5]])[:, :, None, None]
    return (colours[0] * over * (0.4 + 0.6 * warp) + colours[1] * (1 - over) * (0.4 + 0.6 * weft))[None]


def main(out: str = "texture.png", photo: str | None = None, size: int = 96, steps: int = 200) -> None:
    # The small network is campipe's own; feature_network("vgg19", "vgg19.pth", pooling="average") is the paper's.
    network = feature_network("campipe-small", pooling="average")
    style = cloth(size) if photo is None else cp.read(photo).data[..., :size, :size]
    noise = 0.1 * torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    start = (style.mean((2, 3), keepdim=True) + noise).clamp(0, 1)
    # Every layer counts for a share of the loss that the noise begins with.
    weights = {layer: 1 / (len(LAYERS) * float(style_loss(start, style, network, [layer], data_range=1))) for layer in LAYERS}
    made = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([made], max_iter=steps, history_size=20, line_search_fn="strong_wolfe", tolerance_change=0)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        outside = (made - made.clamp(0, 1)).square().mean()
        value = style_loss(made, style, network, weights, data_range=1) + 10 * outside
        value.backward()
        return value

    optimiser.step(loss)
    picture = made.detach().clamp(0, 1)
    left = float(style_loss(picture, style, network, weights, data_range=1))
    cp.write(out, cp.Frame(torch.cat([style, start, picture], -1), "display"))
    print(f"{out}: a texture, noise of its colours, and what became of the noise; {100 * left:.2f} % of its style loss is left")


if __name__ == "__main__":
    main(*sys.argv[1:3])
