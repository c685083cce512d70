"""Mining: the two measures find what they are for, and the sampler goes where they point."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from campipe.blocks.demosaicking.bilinear import Bilinear
from campipe.core.errors import CampipeError
from campipe.synth.photos import Photos
from campipe.train.crops import Crops
from campipe.train.draws import uniform
from campipe.train.jdd.mining import JITTER, QUIET, VISIBLE, Mined, MinedCrops, mine, moire, thin_structures


def grating(amplitude: float, cycles: int, side: int = 64) -> torch.Tensor:
    """(1, 3, side, side): red and blue against green, around a grey of 0.5."""
    wave = amplitude * torch.cos(2 * math.pi * cycles * torch.arange(side) / side)
    return (0.5 + wave[None, None, None] * torch.tensor([1.0, -1.0, 1.0])[:, None, None]).expand(1, 3, side, side)


@pytest.fixture(scope="module")
def folder(cut_photos) -> Path:
    return cut_photos(128, 160)


def table(names: tuple[str, ...], places: list[tuple[int, int, int]]) -> Mined:
    zero = torch.zeros(len(places))
    return Mined(names, 32, torch.tensor(places), zero, zero)


def test_equal_pictures_are_not_hard():
    picture = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert thin_structures(picture, picture).abs().max() == 0 and moire(picture, picture).abs().max() == 0


def test_an_error_without_contrast_counts_in_units_of_what_is_visible_and_structure_hides_it():
    flat = torch.full((1, 3, 64, 64), 0.5)
    assert float(thin_structures(flat + VISIBLE, flat)) == pytest.approx(1, rel=1e-3)
    assert float(thin_structures(flat - 3 * VISIBLE, flat)) == pytest.approx(3, rel=1e-3)
    rough = flat + 0.2 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert float(thin_structures(rough + VISIBLE, rough)) < 0.2
    colour = flat.clone()
    colour[:, 0] += 0.1 / 0.299  # red and blue that leave the luma as it is
    colour[:, 2] -= 0.1 / 0.114
    assert float(thin_structures(colour, flat)) < 1e-3


def test_moire_is_the_gain_of_a_frequency_of_the_colours():
    flat, weak, strong = grating(0.0, 9), grating(0.01, 9), grating(0.1, 9)
    assert float(moire(strong, weak)) == pytest.approx(2 * math.log(10), rel=0.1)  # the floor counts in the weaker one
    # From nothing: the power of the wave under the window, averaged over 3 x 3 frequencies, against that of the floor.
    window = torch.outer(*[torch.hann_window(64, periodic=False)] * 2)
    wave = (grating(0.1, 9)[0, 0] - grating(0.1, 9)[0, 1]) / math.sqrt(2)
    spectrum = torch.fft.fft2(wave * window).abs().square()
    around = torch.stack([spectrum.roll((y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]).mean(0)
    expected = float((1 + around.max() / (QUIET**2 * window.square().sum())).log())
    found = float(moire(strong, flat))
    assert found >= expected - 1e-3  # of two colours, the other of which may be stronger
    assert found == pytest.approx(expected, rel=0.1)
    grey = 0.5 + 0.2 * torch.cos(2 * math.pi * 9 * torch.arange(64) / 64).expand(1, 3, 64, 64)
    assert float(moire(grey, flat)) < 1e-4 and float(moire(flat, strong)) < 1e-4  # no colour; a colour that is lost


def test_mining_finds_the_place_that_was_made_hard():
    """A photo that is smooth but for one piece with stripes at the limit of the mosaic, by a method that fails there."""
    y, x = torch.meshgrid(torch.linspace(0.3, 0.6, 160), torch.linspace(0.4, 0.7, 192), indexing="ij")
    photo = ((y + x) / 2).expand(1, 3, 160, 192).clone()
    photo[..., 72:104, 104:136] = (torch.arange(32) % 3 == 0).float().expand(32, 32)
    found = mine([photo, photo.flip(-1)], ["a", "b"], lambda mosaic: Bilinear().net(mosaic, "RGGB"), size=32, step=32)
    assert found.photos == ("a", "b") and len(found.places) == 2 * 4 * 5 and found.places[0].tolist() == [0, 8, 8]
    hard = found.hardest(2 / 40)
    # In the second photo, which is mirrored, the stripes lie across two pieces of the grid. Their end is as hard for the luma of the next.
    assert tuple(found.places[found.moire.argmax()].tolist()) in {(0, 72, 104), (1, 72, 40), (1, 72, 72)}
    assert 2 <= len(hard.places) <= 4 and set(hard.places[:, 1].tolist()) == {72}
    assert float(hard.moire.max()) == float(found.moire.max()) and float(hard.thin.max()) == float(found.thin.max())


def test_the_hardest_are_those_of_either_measure():
    thin, colours = torch.tensor([0.0, 3.0, 1.0, 2.0]), torch.tensor([5.0, 0.0, 1.0, 2.0])
    mined = Mined(("a",), 8, torch.tensor([(0, n, n) for n in range(4)]), thin, colours)
    assert mined.hardest(0.25).places[:, 1].tolist() == [0, 1]
    assert mined.hardest(0.5).places[:, 1].tolist() == [0, 1, 3]
    assert mined.digest() != mined.hardest(0.5).digest()
    with pytest.raises(CampipeError, match="above 0 and at most 1, but 0"):
        mined.hardest(0)


def test_a_share_of_the_samples_begins_at_the_places_up_to_the_jitter(folder):
    photos, numbers = Photos.under(folder), range(2000)
    names = tuple(photos.names[:2])
    places = [(0, 40, 60), (1, 0, 0), (1, 96, 128)]
    crops = MinedCrops(photos, 32, table(names, places), 0.3, scenes=0.0, held_out=1)
    plain = Crops(photos, 32, scenes=0.0, held_out=1)
    u = uniform(crops._key.seed, numbers, 17)
    (which, top, left), ever = crops.placed(numbers, u), plain.placed(numbers, u)
    same = (which == ever[0]) & (top == ever[1]) & (left == ever[2])
    share = 1 - float(same.float().mean())
    assert abs(share - 0.3) < 5 * (0.3 * 0.7 / 2000) ** 0.5
    near = torch.zeros_like(same)
    for photo, y, x in places:
        near |= (which == photo) & ((top - y).abs() <= JITTER) & ((left - x).abs() <= JITTER)
    assert bool((same | near).all())
    assert int(top.min()) >= 0 and int(left.min()) >= 0 and bool((top[which < 2] <= 96).all()) and bool((left[which < 2] <= 128).all())
    assert {int(t) % 2 for t in top[~same]} == {0, 1} and {int(t) % 2 for t in left[~same]} == {0, 1}  # every phase of the mosaic


def test_mined_samples_hang_on_their_number_and_are_cut_where_it_is_said(folder):
    photos = Photos.under(folder)
    crops = MinedCrops(photos, 32, table(tuple(photos.names[:2]), [(1, 50, 70)]), 1.0, colour=0.0, chroma=0.0, scenes=0.0, held_out=1)
    batch = crops.batch(range(8))
    assert torch.equal(crops.batch([5])[0], batch[5])
    around = photos.read(1).data[0, :, 50 - JITTER : 82 + JITTER, 70 - JITTER : 102 + JITTER]
    windows = around.unfold(1, 32, 1).unfold(2, 32, 1)
    for sample in batch:
        turned = [way.flip(dims) for way in (sample, sample.mT) for dims in ((), (1,), (2,), (1, 2))]
        assert any(bool(((windows - t[:, None, None]).abs().amax((0, 3, 4)) < 1e-6).any()) for t in turned)


def test_a_table_of_other_photos_or_pieces_too_large_are_refused(folder):
    photos = Photos.under(folder)
    with pytest.raises(CampipeError, match="mined in 1 photos, but these samples are cut from 2 others"):
        MinedCrops(photos, 32, table(("other.png",), [(0, 0, 0)]), 0.5, scenes=0.0, held_out=1)
    with pytest.raises(CampipeError, match="from 0 to 1, but 2"):
        MinedCrops(photos, 32, table(tuple(photos.names[:2]), [(0, 0, 0)]), 2, scenes=0.0, held_out=1)
    with pytest.raises(CampipeError, match="at least 80 pixels a side"):
        mine([torch.zeros(1, 3, 40, 40)], ["a"], lambda mosaic: Bilinear().net(mosaic, "RGGB"))


def test_a_checkpoint_tells_tables_and_shares_apart(folder):
    photos = Photos.under(folder)
    names = tuple(photos.names[:2])
    kinds = ((0, 0.5), (1, 0.5), (0, 0.4))
    made = [MinedCrops(photos, 32, table(names, [(0, y, 0)]), share, scenes=0.0, held_out=1).about() for y, share in kinds]
    assert made[0] != made[1] and made[0] != made[2]
