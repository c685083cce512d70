"""Every learned block that is listed has weights that ship, with a card that says what they are."""

from __future__ import annotations

import pytest

from campipe import blocks
from campipe.blocks.learned import Learned, read_weights, shipped
from campipe.core.resources import find

LEARNED = [(slot, name) for slot in blocks.slots() for name in blocks.names(slot) if issubclass(blocks.filler(slot, name), Learned)]


@pytest.mark.parametrize(("slot", "name"), LEARNED)
def test_the_weights_of_a_block_ship_with_their_card(slot, name):
    block = blocks.make(slot, name)
    assert isinstance(block, Learned) and block.block == f"{slot}/{name}"
    config = block.config()
    for option in {"weights", "colour"} & set(config):
        file = shipped(config[option])
        weights = read_weights(file)
        assert file.stat().st_size <= 3_000_000 and {"data", "licence", "budget"} <= set(weights.about)
        count = sum(tensor.numel() for tensor in weights.tensors.values())
        card = find("data", "weights", f"{file.stem}.md").read_text(encoding="utf-8")
        for words in (block.block, f"{count}", weights.about["data"], weights.about["licence"], weights.about["budget"]):
            assert words in card


def test_there_is_one():
    assert ("demosaick", "residual") in LEARNED
