"""Lettering: every letter is its own, the share is what was aimed at, and a mask hangs on its number alone."""

from __future__ import annotations

import pytest
import torch

from campipe.core.errors import CampipeError
from campipe.scenes.lettering import _FONT, _HIGH, _WIDE, CHARACTERS, MOST, _font, _places, lettering


def test_the_font_has_a_letter_for_every_character_and_no_two_are_alike():
    font = _font("cpu").reshape(-1, _HIGH, _WIDE)
    assert len(_FONT.split()) == len(CHARACTERS) == 62 and len(font) == 63
    assert len({tuple(letter.flatten().tolist()) for letter in font}) == 63
    assert not font[-1].any() and not font[:, 7:].any() and not font[:, :, 5:].any()
    rows = ["".join(" #"[int(dot)] for dot in row).rstrip() for row in font[CHARACTERS.index("F")]]
    assert rows[:7] == ["#####", "#", "#", "####", "#", "#", "#"]
    upright = [CHARACTERS.index(c) for c in "AHIMOTVWXY8ovwx"]
    symmetric = (font[:, :7, :5] == font[:, :7, :5].flip(-1)).all(-1).all(-1)
    assert bool(symmetric[upright].all())


def test_a_mask_hangs_on_seed_and_number_alone():
    some = lettering(3, range(5, 13), 40, 30, 0.3)
    assert some.shape == (8, 1, 40, 30) and some.dtype == torch.float32
    assert bool(((some == 0) | (some == 1)).all())
    assert torch.equal(lettering(3, [9], 40, 30, 0.3)[0], some[4])
    assert not torch.equal(lettering(4, [9], 40, 30, 0.3)[0], some[4])
    assert not any(torch.equal(some[i], some[j]) for i in range(8) for j in range(i))


@pytest.mark.parametrize("share", [0.05, 0.25, MOST])
def test_what_is_covered_is_what_was_aimed_at_but_for_half_a_word(share):
    covered = lettering(0, range(24), 128, 96, share, least=share).mean((1, 2, 3))
    # A letter has 20 dots of at most 9 pixels; a word of 10 of them would be 15 % of this picture, and one in 40 is that long.
    assert (covered - share).abs().max() < 0.08
    assert abs(float(covered.mean()) - share) < 0.01


def test_samples_aim_at_shares_drawn_evenly():
    covered = lettering(1, range(200), 64, 64, 0.5).mean((1, 2, 3))
    # Of an even law from 0 to 0.5: mean 0.25 and standard deviation 0.144; five standard errors.
    assert abs(float(covered.mean()) - 0.25) < 5 * 0.144 / 200**0.5
    assert abs(float(covered.std()) - 0.144) < 0.03
    assert float(lettering(1, range(4), 64, 64, 0.0).sum()) == 0


@pytest.mark.parametrize("slant", [0.0, 1.0])
def test_no_pixel_lies_before_the_first_letter_or_beyond_the_last(slant):
    for place in (0.0, 0.999):
        one = torch.full((1, 1), place)
        down, across = _places(torch.zeros(1, 1), torch.zeros(1, 1), torch.full((1, 1), slant), one, one, 50, 40)
        assert int(down.min()) >= 0 and int(across.min()) >= 0
        assert int(down.max()) // _HIGH < 50 // _HIGH + 2
        assert int(across.max()) // _WIDE < int(40 + 0.3 * 50) // _WIDE + 2


def test_a_share_that_letters_cannot_reach_is_refused():
    with pytest.raises(CampipeError, match=r"from 0 to 0.6 of a picture.* but 0.0 to 0.9 came"):
        lettering(0, [0], 16, 16, 0.9)
