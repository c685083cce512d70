"""Lettering: masks of overlaid writing, in a small font of campipe's own, made for a whole batch at once on any device."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.random import Grid, Key
from campipe.ops.draws import uniform

MOST = 0.6
"""Share of a picture that writing covers at most: pages of it lie over one another, and leave the rest between their letters."""
SCALE, SLANT = (1.0, 3.0), (-0.3, 0.3)
"""Pixels that a dot of the font is wide and, apart from that, high; and by how much a page leans, pixels across per pixel down."""

# A letter is seven rows of five dots, each row a digit of base 32 whose highest bit is the dot at the left.
_FONT = """
ehhvhhh uhhuhhu ehggghe uhhhhhu vgguggv vgguggg ehgnhhe hhhvhhh e44444e 72222ic hikokih ggggggv hrllhhh hpljhhh ehhhhhe uhhuggg
ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllla hha4ahh hha4444 v1248gv
00e1fhf ggmphhu 00egghe 11djhhf 00ehvge 698s888 0fhhf1e ggmphhh 40c444e 20622ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe 00uhugg
00djf11 00mpggg 00ege1u 88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 00hhf1e 00v248v
ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ehhehhe ehhf12c
"""
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

_WIDE, _HIGH = 6, 9  # dots from letter to letter and from line to line
_PAGES = 6
_SPACES = 1 / 6  # share of the places that are empty
_BLANK = len(CHARACTERS)
_NEVER = 2.0  # beyond every rank


def lettering(
    seed: int,
    numbers: Sequence[int] | Tensor,
    height: int,
    width: int,
    share: float,
    device: torch.device | str = "cpu",
    least: float = 0.0,
) -> Tensor:
    """Draw where writing covers a picture: words of random letters in several sizes and slants, over one another.

    seed      whole number; another one gives other writing
    numbers   of the samples, plain or a tensor of int64; a mask hangs on the seed and its own number alone
    share     of a picture that is covered: what each sample aims at is drawn evenly from `least` to this, at most MOST
    returns   (B, 1, height, width), float32, 1 where there is writing and 0 elsewhere

    Words are taken whole until what is aimed at is reached as nearly as it can be. The same on every device, but for pixels whose place
    in the font rounds otherwise. Gradient: none.
    """
    if not 0 <= least <= share <= MOST:
        raise CampipeError(f"writing covers a share from 0 to {MOST} of a picture, least to most, but {least} to {share} came")
    key = Key(seed).fold("lettering")
    lines, columns = height // _HIGH + 2, int(width + SLANT[1] * height) // _WIDE + 2
    wide, high, slant, left, top = _drawn(key.fold("page"), numbers, 5, device).unbind(-1)
    places = _places(wide, high, slant, left, top, height, width)
    line, column = places[0] // _HIGH, places[1] // _WIDE
    where = ((line * columns + column).clamp(max=lines * columns - 1)).flatten(2)
    letters = (_drawn(key.fold("letters"), numbers, lines * columns, device) * (_BLANK / (1 - _SPACES))).long().clamp(max=_BLANK)
    ranks = _drawn(key.fold("words"), numbers, lines * columns, device)
    word = (letters == _BLANK).unflatten(-1, (lines, columns)).cumsum(-1) + columns * torch.arange(lines, device=device)[:, None]
    ranks = ranks.gather(-1, word.flatten(2).clamp(max=lines * columns - 1))
    dot = ((places[0] % _HIGH) * _WIDE + places[1] % _WIDE).flatten(2)
    ink = _font(device)[letters.gather(-1, where), dot]
    level = torch.where(ink, ranks.gather(-1, where), _NEVER).amin(1)
    aim = least + (share - least) * _drawn(key.fold("share"), numbers, 1, device)[:, 0]
    return _covered(level, aim).float().reshape(len(numbers), 1, height, width)


def _drawn(key: Key, numbers: Sequence[int] | Tensor, count: int, device: torch.device | str) -> Tensor:
    """Numbers from (0, 1) for each page of each sample, (B, pages, count)."""
    item = torch.as_tensor(numbers if isinstance(numbers, Tensor) else list(numbers), dtype=torch.int64, device=device)
    grid = Grid(_PAGES, count, torch.zeros(len(item), 2, dtype=torch.int64, device=device), torch.zeros_like(item), item)
    return uniform(key, grid, device=device)[:, 0]


def _places(wide: Tensor, high: Tensor, slant: Tensor, left: Tensor, top: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Which row and column of a page's dots each pixel sees, (B, pages, height, width) each, from numbers in (0, 1), (B, pages)."""
    wide, high, slant, left, top = (part[..., None, None] for part in (wide, high, slant, left, top))
    wide, high = (SCALE[0] + (SCALE[1] - SCALE[0]) * part for part in (wide, high))
    slant = SLANT[0] + (SLANT[1] - SLANT[0]) * slant
    y = torch.arange(height, device=wide.device)[:, None].float()
    x = torch.arange(width, device=wide.device).float()
    # A page that leans to the left begins further right, so that no place is below 0.
    across = (x + slant * y + (-slant).clamp(min=0) * height) / wide + _WIDE * left
    down = (y / high + _HIGH * top).expand_as(across)
    return down.long(), across.long()


def _covered(level: Tensor, aim: Tensor) -> Tensor:
    """The pixels of the words of lowest rank, (B, N) bool, as many words as bring their share nearest to `aim`, (B, 1)."""
    ordered = level.sort(-1).values
    count = level.shape[-1]
    last = ordered.gather(-1, (aim * count).long().clamp(max=count - 1)).clamp(max=1)
    below, with_it = level < last, level <= last
    nearer = with_it.float().mean(-1, keepdim=True) - aim < aim - below.float().mean(-1, keepdim=True)
    return torch.where(nearer, with_it, below)


@functools.cache
def _font(device: torch.device | str) -> Tensor:
    """(letters and the blank, dots of a place) bool; one on each device, so that a GPU need not wait for it."""
    rows = torch.tensor([[int(digit, 32) for digit in letter] for letter in _FONT.split()])
    dots = rows[:, :, None] >> torch.arange(4, -1, -1) & 1
    font = torch.zeros(_BLANK + 1, _HIGH, _WIDE, dtype=torch.bool)
    font[:_BLANK, :7, :5] = dots.bool()
    return font.flatten(1).to(device)
