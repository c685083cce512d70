"""The random words: published vectors, the documented layout, and the torch path beside the compiled one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from campipe.core.random import Grid, Key, philox4x32
from campipe.ops import draws
from campipe.ops.kernels import portable

# Known answers of Random123 (Salmon et al.), file tests/kat_vectors, lines "philox4x32 10": counter, key, result.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def grid(height: int, width: int, *places: tuple[int, int, int, int]) -> Grid:
    """A grid of planes at (y, x, frame, item)."""
    y, x, frame, item = (torch.tensor(v) for v in zip(*places, strict=True))
    return Grid(height, width, torch.stack([y, x], 1), frame, item)


def encrypted(counters: list[tuple[int, ...]], key: tuple[int, int]) -> np.ndarray:
    from campipe.ops.kernels.philox import cipher

    out = np.empty((len(counters), 4), np.int32)
    cipher(np.array(counters, np.int64), *key, out)
    return out.view(np.uint32)


@pytest.mark.parametrize("counter, key, expected", VECTORS)
def test_the_compiled_cipher_gives_the_published_vectors(counter, key, expected):
    assert tuple(encrypted([counter], key)[0].tolist()) == expected
    assert philox4x32(counter, key) == expected


def test_the_compiled_cipher_is_the_plain_one():
    numbers = np.random.default_rng(0).integers(0, 2**32, (200, 6)).tolist()
    for *counter, k0, k1 in numbers:
        assert tuple(encrypted([tuple(counter)], (k0, k1))[0].tolist()) == philox4x32(tuple(counter), (k0, k1))


PLACES = [(0, 0, 0, 0), (5, 37, 3, 7), (2999, 130, 1, 2**32 - 70000), (2**20, 2**20 + 63, 2**31, 1)]


def test_a_pixel_takes_the_word_that_the_layout_says():
    key, at = Key(0x123456789ABCDEF0), grid(3, 200, *PLACES)
    word = draws.words(key, at)
    assert word.shape == (4, 1, 3, 200) and word.dtype == torch.int64
    for n, (y, x, frame, item) in enumerate(PLACES):
        for i in range(3):
            for j in (0, 1, 15, 16, 47, 63, 64, 65, 127, 199):
                c = (x + j) >> 6 << 4 | (x + j) & 15
                assert word[n, 0, i, j] == philox4x32((c, y + i, frame, item), key.words)[(x + j) >> 4 & 3]


def test_torch_and_the_compiled_loop_draw_the_same_words():
    key, at = Key(2**64 - 2), grid(7, 1500, *PLACES)
    assert torch.equal(draws.words(key, at)[:, 0], portable.words(at.origin, at.frame, at.item, *key.words, 7, 1500))


def test_a_crop_has_the_words_of_its_place():
    key = Key(3)
    whole = draws.words(key, grid(40, 2300, (10, 100, 2, 5)))
    for y, x, h, w in [(0, 0, 1, 1), (3, 1, 9, 64), (17, 999, 23, 1301), (39, 2299, 1, 1)]:
        assert torch.equal(draws.words(key, grid(h, w, (10 + y, 100 + x, 2, 5))), whole[:, :, y : y + h, x : x + w])


def test_an_item_has_the_same_words_alone_and_in_a_batch():
    key = Key(3)
    batch = draws.words(key, grid(5, 70, *PLACES))
    for n, place in enumerate(PLACES):
        assert torch.equal(draws.words(key, grid(5, 70, place))[0], batch[n])


def test_every_part_of_key_and_address_counts():
    word = {}
    for name, key, place in [
        ("base", Key(1), (0, 0, 0, 0)), ("seed", Key(2), (0, 0, 0, 0)), ("high seed", Key(1 + 2**32), (0, 0, 0, 0)),
        ("frame", Key(1), (0, 0, 1, 0)), ("item", Key(1), (0, 0, 0, 1)), ("row", Key(1), (64, 0, 0, 0)), ("column", Key(1), (0, 64, 0, 0)),
    ]:  # fmt: skip
        word[name] = draws.words(key, grid(64, 64, place)).flatten()
    joined = torch.cat(list(word.values()))
    # 28,672 words of 32 bits: 0.1 pairs are equal by chance, more than 5 with probability below 1e-8.
    assert len(joined) - len(joined.unique()) <= 5


def test_words_are_uniform_and_neighbours_independent():
    word = draws.words(Key(11), grid(1024, 1024, (0, 0, 0, 0))).flatten()
    # Chi-square over 2^16 cells, of the top, middle and bottom 16 bits and of the pairs of top bytes of neighbours in x and in y;
    # 65,535 degrees of freedom; each bound is exceeded with probability 1e-9 (normal approximation, 6 standard deviations).
    image = word.reshape(1024, 1024) >> 24
    cells = [word >> 16, word >> 8 & 0xFFFF, word & 0xFFFF, image[:, ::2] << 8 | image[:, 1::2], image[::2] << 8 | image[1::2]]
    for cell in cells:
        expected = cell.numel() / 65536
        count = torch.bincount(cell.flatten(), minlength=65536).double()
        assert abs(float(((count - expected) ** 2 / expected).sum()) - 65535) < 6 * (2 * 65535) ** 0.5
