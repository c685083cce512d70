"""Keys and addresses: randomness is a value."""

import numpy as np
import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.core.random import Grid, Key, philox4x32

# Known-answer vectors of the Random123 distribution for philox4x32, ten rounds: counter, key, result.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_philox_gives_the_published_known_answers(counter, key, result):
    assert philox4x32(counter, key) == result


def test_all_64_bits_of_a_seed_count():
    assert Key(1).fold("a") != Key(1 + 2**32).fold("a")
    assert Key(1).words != Key(1 + 2**32).words


def test_folding_separates_names_numbers_and_order():
    key = Key(5)
    folded = [key, key.fold("shot"), key.fold("read"), key.fold(3), key.fold("3"), key.fold("a").fold("b"), key.fold("b").fold("a")]
    assert len({k.seed for k in folded}) == len(folded)
    assert key.fold("shot") == Key(5).fold("shot")


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "7", True])
def test_seeds_that_are_none_are_refused(seed):
    with pytest.raises(CampipeError, match="a seed is"):
        Key(seed)


@pytest.mark.parametrize("what", [-1, 2**64, 1.5, None])
def test_what_cannot_be_folded_is_refused(what):
    with pytest.raises(CampipeError, match="a key folds"):
        Key(1).fold(what)


def test_item_numbers_survive_folding_and_are_bounded():
    assert Key(1).items([12, 13]).fold("a").item == (12, 13)
    with pytest.raises(CampipeError, match="item numbers"):
        Key(1).items([2**32])


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.tensor])
def test_whole_numbers_of_any_kind_name_the_same_key(kind):
    assert Key(kind(5)) == Key(5) and type(Key(kind(5)).seed) is int
    assert Key(5).fold(kind(7)) == Key(5).fold(7) and Key(5).items([kind(1)]) == Key(5).items([1])
    with pytest.raises(CampipeError, match="one per item"):
        Key(5).items(3)


def test_uniform_numbers_fill_the_unit_interval():
    draws = torch.tensor([Key(3).fold(i).uniform() for i in range(20000)], dtype=torch.float64)
    assert 0 <= draws.min() and draws.max() < 1
    # Kolmogorov's distance of n uniform draws exceeds 2.62 / sqrt(n) with a probability of 2 exp(-2 * 2.62^2) = 2e-6.
    ranks = torch.arange(1, 20001, dtype=torch.float64) / 20000
    assert (draws.sort().values - ranks).abs().max() < 2.62 / 20000**0.5 + 1 / 20000


def test_a_single_key_stands_for_the_items_of_the_batch():
    frame = Frame(torch.zeros(3, 1, 2, 2), "rate")
    assert frame.grid(Key(1)).item.tolist() == [0, 1, 2]
    assert frame.grid(Key(1).items([7, 8, 9])).item.tolist() == [7, 8, 9]
    named = frame.replace(capture=Capture(item=torch.tensor([4, 5, 6])))
    assert named.grid(Key(1)).item.tolist() == [4, 5, 6]


def test_times_continue_the_frame_number():
    frame = Frame(torch.zeros(2, 1, 3, 1, 2, 2), "rate", Capture(frame=torch.tensor([10, 20]), item=torch.tensor([1, 2])))
    grid = frame.grid(Key(1))
    assert grid.frame.tolist() == [10, 11, 12, 20, 21, 22]
    assert grid.item.tolist() == [1, 1, 1, 2, 2, 2]


def test_rows_columns_and_fixed_places():
    grid = Grid(4, 5, torch.tensor([[2, 3], [2, 3]]), torch.tensor([1, 2]), torch.tensor([0, 1]))
    assert (grid.rows().width, grid.rows().origin.tolist()) == (1, [[2, 0], [2, 0]])
    assert (grid.columns().height, grid.columns().origin.tolist()) == (1, [[0, 3], [0, 3]])
    assert len(grid.fixed()) == 1 and grid.fixed().frame.tolist() == [0]
