"""A frozen noisy set: photos that were damaged once, for training that may never see a second version of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.random import Key
from campipe.train.crops import Crops
from campipe.train.draws import Numbers, uniform

Damage = Callable[[Tensor, int, Sequence[int]], Tensor]


class Frozen(nn.Module):
    """Square pieces of photos, each of which has one damaged version: whoever meets a pixel again meets the same noise.

    crops    whose photos and size are taken; it changes no colours, and has no scenes and no photos of half the size
    damage   from a photo, (1, 3, H, W) in [0, 1] on `device`, a seed and the number of the photo, `[n]`, to the damaged photo
    named    the damage in plain values, for the checkpoint
    seed     of the damage and the pieces; another one gives other noise
    device   on which the photos are damaged; all is held on the CPU until the module is moved

    Training on noisy pictures alone that draws their noise anew in every step learns from many versions of a photo, which whoever has
    but noisy photos does not have. The damaged photos are held in float32 on the device of the module (`.to(device)`). Pieces begin at
    any pixel, and are mirrored and transposed at random.
    """

    pixels: Tensor
    damaged: Tensor
    places: Tensor

    def __init__(self, crops: Crops, damage: Damage, named: Any, seed: int = 0, device: str = "cpu") -> None:
        super().__init__()
        changes = [f"{what}={getattr(crops, what):g}" for what in ("colour", "chroma", "scenes", "halved") if getattr(crops, what) > 0]
        if changes:
            raise CampipeError(f"a frozen set takes photos as they are, but crops with {', '.join(changes)} came; set that to 0")
        self.size, self.seed, self.named = crops.size, int(seed), named
        self._key = Key(self.seed).fold("frozen")
        pixels, places = crops.pixels.cpu(), crops.places.cpu()
        seen = []
        for number, (offset, height, width) in enumerate(places.tolist()):
            photo = pixels[:, offset : offset + height * width].reshape(1, 3, height, width).float() / 255
            seen.append(damage(photo.to(device), self._key.fold("damage").seed, [number]).cpu().reshape(3, -1))
        self.register_buffer("pixels", pixels, persistent=False)
        self.register_buffer("damaged", torch.cat(seen, 1), persistent=False)
        self.register_buffer("places", places, persistent=False)

    def about(self) -> dict[str, Any]:
        """What the pieces hang on besides their crops, as plain values."""
        return {"damage": self.named, "seed": self.seed}

    def batch(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """The samples of these numbers, damaged and as they were: (B, 3, size, size) each."""
        where = self.addresses(numbers)
        return self.damaged[:, where].transpose(0, 1).contiguous(), self.pixels[:, where].transpose(0, 1).float() / 255

    def addresses(self, numbers: Numbers) -> Tensor:
        """Which of the pixels that are held each sample sees, (B, size, size)."""
        u = uniform(self._key.fold("pieces").seed, numbers, 6, self.places.device)
        offset, height, width = self.places[(u[:, 0] * len(self.places)).long()].T[..., None, None]
        top, left = ((u[:, i, None, None] * (side - self.size + 1)).long() for i, side in ((1, height), (2, width)))
        across, down, turned = (u[:, 3:] < 0.5)[..., None, None].unbind(1)
        i = torch.arange(self.size, device=u.device)
        y, x = torch.where(turned, i, i[:, None]), torch.where(turned, i[:, None], i)
        y, x = torch.where(down, self.size - 1 - y, y), torch.where(across, self.size - 1 - x, x)
        return offset + (top + y) * width + left + x
