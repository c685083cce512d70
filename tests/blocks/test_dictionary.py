"""Dictionaries: what their atoms and codes are, and what the three of them reach."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from campipe import blocks
from campipe.calibrate.dictionary import learn_dictionary, save_dictionary
from campipe.core.errors import CampipeError, ShapeError
from campipe.core.resources import find
from campipe.io.photos import read_photo
from campipe.measure import psnr
from campipe.ops.ksvd import ksvd, patches_at, places
from campipe.ops.sparse_coding import dct_atoms, sparse_codes, sparse_denoise, trained_atoms

DICTIONARIES = ["dct_dictionary", "trained_dictionary", "ksvd"]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def grey(photo: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photo.copy()).float() @ torch.tensor([0.299, 0.587, 0.114]) / 255


def random_atoms(count: int, seed: int = 0) -> torch.Tensor:
    atoms = normal(64, count, seed=seed)
    return atoms / atoms.norm(dim=0)


# Codes.


@pytest.mark.parametrize("most", [1, 3, 8])
def test_a_code_is_the_greedy_choice_with_the_weights_of_least_squares(most):
    atoms, patches = random_atoms(100), normal(20, 64, seed=1)
    support, weights, counts = sparse_codes(patches, torch.zeros(20), atoms, most)
    assert (counts == most).all()
    table = atoms.double().numpy()
    for patch, chosen, weight in zip(patches.double().numpy(), support, weights, strict=True):
        rest, taken = patch, []
        for k in range(most):
            taken.append(int(np.abs(table.T @ rest).argmax()))
            best = np.linalg.lstsq(table[:, taken], patch, rcond=None)[0]
            rest = patch - table[:, taken] @ best
            assert chosen[k] == taken[k]
        assert weight[:most] == pytest.approx(best, abs=1e-4)


def test_a_code_stops_where_enough_is_left():
    atoms, patches = random_atoms(100), normal(50, 64, seed=1)
    allowed = torch.linspace(15, 80, 50)  # below, 32 atoms may not do
    support, _, counts = sparse_codes(patches, allowed, atoms, 32)
    for n in range(50):
        for count in (counts[n] - 1, counts[n]):
            if count < 0:
                continue
            # With the weights of the shorter code, which are others than the first ones of the longer code.
            table = atoms[:, support[n, :count]].double().numpy()
            patch = patches[n].double().numpy()
            left = patch - table @ np.linalg.lstsq(table, patch, rcond=None)[0] if count else patch
            assert (left @ left <= float(allowed[n]) * (1 + 1e-5)) is (count == counts[n])
    assert counts.min() <= 1 and counts.max() > 10


def test_a_patch_made_of_few_atoms_is_taken_apart_into_them():
    atoms = torch.linalg.qr(normal(64, 64).double()).Q.float()  # orthonormal: greedy is exact
    code = torch.zeros(64)
    code[[3, 17, 40]] = torch.tensor([2.0, -1.0, 0.5])
    support, weights, counts = sparse_codes((atoms @ code)[None], torch.tensor([1e-6]), atoms, 32)
    assert counts[0] == 3 and support[0, :3].tolist() == [3, 17, 40]
    assert weights[0, :3].tolist() == pytest.approx([2.0, -1.0, 0.5], abs=1e-5)


def test_an_atom_that_is_there_twice_is_taken_once():
    atoms = random_atoms(40)
    atoms[:, 20:] = atoms[:, :20]
    _, weights, counts = sparse_codes(normal(5, 64), torch.zeros(5), atoms, 32)
    assert (counts <= 20).all() and np.isfinite(weights).all()


def test_the_picture_is_the_mean_of_its_patches_and_of_itself():
    """Patch by patch in float64, by the formula of Elad and Aharon with lambda = 2."""
    sigma, own, x = 0.1, 2.0, 0.5 + 0.2 * normal(1, 1, 10, 17)  # fewer rows of patches than a patch has
    atoms = random_atoms(80).double().numpy()
    plane = x[0, 0].double().numpy()
    total, count = np.zeros_like(plane), np.zeros_like(plane)
    for i in range(plane.shape[0] - 7):
        for j in range(plane.shape[1] - 7):
            patch = plane[i : i + 8, j : j + 8].flatten()
            mean, rest, taken, fit = patch.mean(), patch - patch.mean(), [], np.zeros(64)
            while rest @ rest > 64 * (1.15 * sigma) ** 2:
                taken.append(int(np.abs(atoms.T @ rest).argmax()))
                fit = atoms[:, taken] @ np.linalg.lstsq(atoms[:, taken], patch - mean, rcond=None)[0]
                rest = patch - mean - fit
            total[i : i + 8, j : j + 8] += (mean + fit).reshape(8, 8)
            count[i : i + 8, j : j + 8] += 1
    out = sparse_denoise(x, torch.tensor(sigma), torch.from_numpy(atoms).float())
    assert out[0, 0].numpy() == pytest.approx((own * plane + total) / (own + count), abs=1e-4)


def test_the_number_of_threads_and_the_height_change_no_bit():
    x, threads = normal(1, 1, 150, 40), torch.get_num_threads()
    one = sparse_denoise(x, torch.tensor(0.5), dct_atoms())
    try:
        torch.set_num_threads(3)
        three = sparse_denoise(x, torch.tensor(0.5), dct_atoms())
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(one, three)
    assert torch.equal(sparse_denoise(x[:, :, 40:], torch.tensor(0.5), dct_atoms())[:, :, 7:], one[:, :, 47:])


@pytest.mark.parametrize("name", DICTIONARIES)
def test_the_unit_does_not_matter(name):
    x = normal(1, 1, 30, 34).cumsum(-1)
    block = blocks.denoise(name)
    # A power of two: not a bit differs, so that no greedy choice does.
    assert torch.equal(block.net(1024 * x, torch.tensor(512.0)), 1024 * block.net(x, torch.tensor(0.5)))


# Atoms.


@pytest.mark.parametrize("atoms", [dct_atoms, trained_atoms])
def test_atoms_have_length_one_and_no_mean(atoms):
    table = atoms()
    assert table.shape == (64, 256)
    assert torch.allclose(table.norm(dim=0), torch.ones(256), atol=1e-5)
    means = table.mean(0).abs()
    means[0] = 0 if atoms is dct_atoms else means[0]  # its first one is constant, and no patch without a mean takes it
    assert means.max() < 1e-3


def test_every_second_cosine_is_the_transforms():
    scipy_fft = pytest.importorskip("scipy.fft")
    waves = scipy_fft.dct(np.eye(8), axis=0, norm="ortho").T
    # The frequencies lie at k / 16: those of the transform at 2 k / 16, but sampled from 0 and not from the middle of a pixel.
    assert dct_atoms().shape[1] == 4 * waves.shape[0] * waves.shape[1]
    place = np.arange(8)
    wave = np.cos(np.pi / 16 * 5 * place)
    wave = (wave - wave.mean()) / np.linalg.norm(wave - wave.mean())
    assert dct_atoms()[:, 5 * 16 + 5].reshape(8, 8).numpy() == pytest.approx(np.outer(wave, wave), abs=1e-6)


def test_ksvd_finds_the_atoms_that_patches_were_made_of():
    true = random_atoms(20) - random_atoms(20).mean(0)
    true /= true.norm(dim=0)
    draws = torch.Generator().manual_seed(2)
    codes = torch.zeros(4000, 20)
    for _ in range(3):
        codes[torch.arange(4000), torch.randint(20, (4000,), generator=draws)] += 1 + torch.rand(4000, generator=draws)
    patches = codes @ true.T + 0.01 * normal(4000, 64)
    start = patches[:20].T / patches[:20].T.norm(dim=0)
    found = ksvd(patches, start, torch.full((4000,), 64 * 0.01**2 * 1.3), iterations=40, most=3)
    likeness = (found.T @ true).abs().max(0).values
    assert (likeness > 0.99).sum() >= 18  # it is greedy, and may end with one atom that stands for two


def test_atoms_that_no_patch_uses_make_way_but_in_the_last_round():
    start = random_atoms(20)
    start -= start.mean(0)
    start /= start.norm(dim=0)
    start[:, 10:] = 1 / 8  # a constant, and neither the patches nor the other atoms have a mean
    patches = patches_at(normal(50, 50).cumsum(0).cumsum(1) / 30, *places(torch.Size((50, 50)), 2000))
    once, thrice = (ksvd(patches, start, torch.zeros(len(patches)), iterations=n, most=3)[:, 10:] for n in (1, 3))
    assert torch.allclose(once, start[:, 10:], atol=1e-6)
    assert (thrice - start[:, 10:]).norm(dim=0).min() > 0.1


def test_ksvd_leaves_less_from_round_to_round():
    patches = patches_at(normal(60, 60).cumsum(0).cumsum(1) / 30, *places(torch.Size((60, 60)), 3000))
    left = []
    for iterations in (0, 1, 4):
        atoms = ksvd(patches, dct_atoms(), torch.zeros(len(patches)), iterations=iterations, most=4)
        support, weights, counts = sparse_codes(patches, torch.zeros(len(patches)), atoms, 4)
        used = np.where(np.arange(32) < counts[:, None], weights, 0)
        fit = torch.einsum("nk,nki->ni", torch.from_numpy(used), atoms.T[torch.from_numpy(support).long()])
        left.append(float((patches - fit).square().sum()))
    assert left[0] > left[1] > left[2]


def test_places_are_spread_and_inside():
    rows, columns = places(torch.Size((107, 207)), 500)
    assert 400 <= len(rows) <= 500 and rows.max() <= 99 and columns.max() <= 199
    assert len(set(columns.tolist())) > 150 and len(set(rows.tolist())) == 100
    assert len(places(torch.Size((9, 10)), 500)[0]) == 6


# Scores.


def test_a_learned_dictionary_is_better_than_a_fixed_one_on_stripes(figure):
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    clean = (0.5 + 0.25 * torch.sign(torch.sin(1.1 * x + 0.7 * y)))[None, None]
    noisy, sigma = clean + 0.1 * normal(1, 1, 96, 96), torch.tensor(0.1)
    score = {name: float(psnr(blocks.denoise(name).net(noisy, sigma), clean, data_range=1)) for name in DICTIONARIES}
    assert score["ksvd"] > score["dct_dictionary"] + 2


def test_the_trained_dictionary_is_better_than_the_fixed_one_on_part_of_set12(shared):
    gain = []
    for name in ("02", "11"):
        clean = read_photo(shared / "gray_test_set12" / f"{name}.png").data[:, :1, 60:188, 60:188]
        noisy = clean + 25 / 255 * normal(*clean.shape)
        fixed, trained = (blocks.denoise(n).net(noisy, torch.tensor(25 / 255)) for n in ("dct_dictionary", "trained_dictionary"))
        gain.append(float(psnr(trained, clean, data_range=1) - psnr(fixed, clean, data_range=1)))
    assert min(gain) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_fixed_external_and_internal_dictionaries_on_set12(shared, figure, sigma):
    score, seconds = {name: [] for name in DICTIONARIES}, {name: 0.0 for name in DICTIONARIES}
    for i, path in enumerate(sorted((shared / "gray_test_set12").glob("*.png"))):
        clean = read_photo(path).data[:, :1]
        noisy = clean + sigma / 255 * normal(*clean.shape, seed=i)
        for name in DICTIONARIES:
            start = time.process_time()
            out = blocks.denoise(name).net(noisy, torch.tensor(sigma / 255))
            seconds[name] += time.process_time() - start
            score[name].append(float(psnr(out.clamp(0, 1), clean, data_range=1)))
    mean = {name: float(np.mean(values)) for name, values in score.items()}
    limit = {"dct_dictionary": "reported", "trained_dictionary": "> dct_dictionary", "ksvd": ">= trained_dictionary"}
    limit = {"dct_dictionary": "> 28", "trained_dictionary": "> dct_dictionary", "ksvd": ">= 29"} if sigma == 25 else limit
    for name in DICTIONARIES:
        figure(f"Set12 sigma {sigma}, {name}: mean PSNR, dB", mean[name], limit[name])
        figure(f"Set12 sigma {sigma}, {name}: CPU seconds for the 12 pictures", seconds[name], "reported")
    assert mean["dct_dictionary"] < mean["trained_dictionary"] <= mean["ksvd"]
    if sigma == 25:
        assert mean["dct_dictionary"] > 28.0 and mean["ksvd"] >= 29.0


@pytest.mark.slow
def test_the_dictionary_that_ships_is_learned_again_from_the_same_photos(photos):
    again = learn_dictionary([grey(photos[name]) for name in ("astronaut", "chelsea", "coffee", "rocket")]).float()
    # Bit for bit on one machine; on another, sums in another order send a few greedy choices another way.
    likeness = (again.T @ trained_atoms()).abs().max(0).values
    assert likeness.median() > 0.95


# The file and its learning.


def test_a_dictionary_is_learned_written_and_read(photos, tmp_path):
    from safetensors.torch import load_file

    atoms = learn_dictionary([grey(photos["coffee"])[:80, :90]], patches=2000, iterations=2)
    assert atoms.shape == (64, 256) and atoms.dtype == torch.float16
    save_dictionary(tmp_path / "atoms.safetensors", atoms)
    assert torch.equal(load_file(tmp_path / "atoms.safetensors")["atoms"], atoms)
    with pytest.raises(CampipeError, match="none came"):
        learn_dictionary([])
    with pytest.raises(ShapeError, match=r"\(H, W\)"):
        learn_dictionary([torch.zeros(3, 20, 20)])


def test_the_card_lies_beside_the_weights():
    card = find("data", "weights", "dictionary-8x8.md").read_text(encoding="utf-8")
    assert "CC0" in card and "dB" in card and find("data", "weights", "dictionary-8x8.safetensors").stat().st_size < 40_000


def test_options_that_cannot_be_are_refused():
    with pytest.raises(CampipeError, match="iterations is 0 or more"):
        blocks.denoise("ksvd", iterations=-1)
    with pytest.raises(ShapeError, match="8 x 8"):
        sparse_denoise(torch.zeros(1, 1, 7, 20), torch.tensor(0.1), dct_atoms())
