"""Written digits as coloured scenes, by number."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.core.errors import CampipeError, ShapeError
from campipe.train.draws import Numbers, uniform

HEIGHT = (0.7, 0.9)
"""Of a digit's square, as a share of the scene's side."""
INK, PAPER, TINT = (0.04, 0.3), (0.4, 0.9), (0.6, 1.0)
"""Reflectance of ink and paper, and the factor on each channel that colours them."""

_DRAWS = 12


@dataclass(frozen=True)
class Digits:
    """Written digits.

    ink      (N, h, w), 0 = paper to 1 = ink
    labels   (N,) int64, 0 to 9
    """

    ink: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.ink.ndim != 3 or self.labels.shape != self.ink.shape[:1] or not len(self.labels):
            raise ShapeError(f"digits are (N, h, w) with N labels, but {tuple(self.ink.shape)} and {tuple(self.labels.shape)} came")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, part: slice) -> Digits:
        return Digits(self.ink[part], self.labels[part])


def digits() -> Digits:
    """The 1,797 digits of 8 x 8 pixels that come with scikit-learn.

    Source: Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998: its test set.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise CampipeError("the digits come with scikit-learn; install it: pip install 'campipe[study]'") from None
    found = load_digits()
    return Digits(torch.tensor(found.images).float() / 16, torch.tensor(found.target).long())


class DigitScenes(nn.Module):
    """Digits on coloured paper; `scenes.batch([12])` is scene 12 whatever came before.

    digits   that are written
    size     pixels a side
    drawn    True: a scene's digit is drawn; False: scene n shows digit n
    seed     0 <= seed < 2**64; another one gives other places and colours

    A digit is enlarged by a cubic and put anywhere it fits; ink and paper each have a colour.
    """

    ink: Tensor
    labels: Tensor

    def __init__(self, digits: Digits, size: int = 32, drawn: bool = True, seed: int = 0) -> None:
        super().__init__()
        self.size, self.drawn, self.seed = int(size), bool(drawn), int(seed)
        self.register_buffer("ink", digits.ink, persistent=False)
        self.register_buffer("labels", digits.labels, persistent=False)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """Linear sRGB light, (B, 3, size, size) in [0, 1], and labels, (B,)."""
        device = self.ink.device
        u = uniform(self.seed, numbers, _DRAWS, device).float()
        which = (u[:, 0] * len(self)).long() if self.drawn else torch.as_tensor(numbers, device=device) % len(self)
        scale = HEIGHT[0] + (HEIGHT[1] - HEIGHT[0]) * u[:, 1]
        place = (1 - scale)[:, None] * (2 * u[:, 2:4] - 1)
        # The grid says where in the digit, -1 to 1, a pixel of the scene lies.
        table = torch.zeros(len(u), 2, 3, device=device)
        table[:, 0, 0], table[:, 1, 1] = 1 / scale, 1 / scale
        table[:, :, 2] = -place / scale[:, None]
        grid = functional.affine_grid(table, [len(u), 1, self.size, self.size], align_corners=False)
        ink = functional.grid_sample(self.ink[which][:, None], grid, mode="bicubic", align_corners=False).clamp(0, 1)
        pen, paper = (
            ((low + (high - low) * u[:, at : at + 1]) * (TINT[0] + (TINT[1] - TINT[0]) * u[:, at + 1 : at + 4]))[..., None, None]
            for (low, high), at in ((INK, 4), (PAPER, 8))
        )
        return paper + (pen - paper) * ink, self.labels[which]
