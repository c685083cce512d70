"""Regression tree fields: the inference finds the minimum of the energy, and trees and leaves are found again from data that they made."""

from __future__ import annotations

import pytest
import torch

from campipe.blocks.demosaicking.malvar import Malvar
from campipe.blocks.demosaicking.regression_tree import RegressionTree
from campipe.blocks.learned.tree_features import COUNT, REACH, tree_features
from campipe.blocks.learned.tree_field import PHASES, RESIDUALS, TreeField, flattener, gathered, phases, spread, unseen, windows
from campipe.core.errors import CampipeError
from campipe.ops.conjugate_gradients import conjugate_gradients
from campipe.ops.demosaick import malvar

PATTERNS = ["RGGB", "GRBG", "GBRG", "BGGR"]


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def awake(depth: int = 2, *, exact: bool = False, iterations: int = 6) -> RegressionTree:
    """A block with splits, targets and metrics of all kinds."""
    block = RegressionTree(weights=None, depth=depth, exact=exact, iterations=iterations)
    field = block.body
    assert isinstance(field, TreeField)
    field.feature.copy_(torch.arange(field.feature.numel()).reshape_as(field.feature) % COUNT)
    field.threshold.copy_(0.3 * rand(*field.threshold.shape, seed=1))
    field.linear.copy_(0.05 * (rand(*field.linear.shape, seed=2) - 0.5))
    field.root.copy_(torch.eye(RESIDUALS) + 0.3 * (rand(*field.root.shape, seed=3) - 0.5))
    return block


def test_conjugate_gradients_solve_a_system_in_as_many_steps_as_it_has_eigenvalues():
    root = rand(2, 6, 6, seed=1) - 0.5
    matrix, wanted = root @ root.mT + 0.1 * torch.eye(6), rand(2, 6, seed=2)
    found = conjugate_gradients(lambda x: (matrix @ x[..., None])[..., 0], wanted, torch.zeros(2, 6, dtype=torch.float64), 12)
    assert torch.allclose(found, torch.linalg.solve(matrix, wanted), atol=1e-9)
    still = conjugate_gradients(lambda x: 2 * x, torch.ones(1, 3), torch.full((1, 3), 0.5), 5)
    assert torch.equal(still, torch.full((1, 3), 0.5))


@pytest.mark.parametrize("exact", [True, False])
def test_the_inference_finds_the_minimum_of_the_energy(exact):
    """The oracle: the energy is quadratic, so that its gradient vanishes at the minimum and nowhere else."""
    field, mosaic = awake(exact=exact, iterations=80).body, rand(1, 1, 8, 10)
    found = field(mosaic)
    leaf = field.leaf(mosaic)
    targets, root = field.targets(mosaic, leaf), torch.tril(field.root).double()[leaf]

    def energy(z: torch.Tensor) -> torch.Tensor:
        rest = spread(z) - targets
        kept = torch.ones_like(rest)  # steps out of the picture count nothing
        kept[:, 3:6, :, -1], kept[:, 6:, -1] = 0, 0
        rest = (rest * kept).movedim(1, -1)[..., None, :]
        return 0.5 * (rest @ root).square().sum()

    slope = torch.autograd.functional.jacobian(energy, found)
    free = unseen(mosaic) if exact else 1
    assert float((slope * free).abs().max()) < 1e-8 < float(torch.autograd.functional.jacobian(energy, found + 0.01).abs().max())
    if exact:
        assert torch.equal(found * (1 - free), torch.zeros_like(found))


def test_steps_and_their_transpose_belong_together():
    z, r = rand(2, 3, 5, 7), rand(2, 9, 5, 7, seed=1)
    assert float((spread(z) * r).sum()) == pytest.approx(float((z * gathered(r)).sum()), abs=1e-12)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_untrained_block_is_malvars_and_one_with_targets_is_not(pattern):
    x = rand(2, 1, 9, 12, dtype=torch.float32)
    assert torch.equal(RegressionTree(weights=None).net(x, pattern), Malvar().net(x, pattern))
    assert not torch.allclose(awake().net(x, pattern), Malvar().net(x, pattern), atol=1e-3)


def test_all_phases_are_treated_alike():
    block, x = awake(), rand(1, 1, 60, 62)
    whole, m = block.net(x, "RGGB"), 26
    for (y, z), pattern in {(0, 1): "GRBG", (1, 0): "GBRG", (1, 1): "BGGR"}.items():
        out = block.net(x[..., y:, z:], pattern)
        # What lies outside the crop reaches in as far as the solution does.
        assert torch.allclose(out[..., m:-m, m:-m], whole[..., y + m : -m, z + m : -m], atol=1e-4)


def test_a_flat_colour_is_not_corrected():
    colour = torch.tensor([0.7, 0.4, 0.2], dtype=torch.float64)[:, None, None].expand(3, 14, 15)
    mosaic = torch.stack([colour[int(p // 2 + p % 2), 0, 0] for p in phases(rand(1, 1, 14, 15)).flatten()]).reshape(1, 1, 14, 15)
    assert torch.allclose(awake().net(mosaic, "RGGB")[0], colour, atol=1e-9)
    assert torch.allclose(flattener(2, mosaic).square().sum((1, 2)), torch.full((PHASES,), 25.0 - 3).double())  # a projection: its rank


def test_the_gradient_is_right():
    block, mosaic = awake(), rand(1, 1, 6, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: block.net(x, "RGGB"), mosaic, fast_mode=True)
    field = block.body.double()
    for weight in (field.linear, field.root):
        weight.requires_grad_(True)
        inputs = weight.detach().clone().requires_grad_()
        name = "linear" if weight is field.linear else "root"
        call = lambda w, name=name: torch.func.functional_call(field, {name: w}, (mosaic.detach(),))  # noqa: E731
        assert torch.autograd.gradcheck(call, inputs, fast_mode=True)


def test_a_leaf_is_found_by_its_features():
    field, mosaic = awake(depth=2).body, rand(1, 1, 8, 8)
    features = tree_features(mosaic, malvar(mosaic, "RGGB"))[0].movedim(0, -1)
    for y, x in ((0, 0), (3, 4), (5, 5)):
        phase = 2 * (y % 2) + x % 2
        node = 0
        while node < field.leaves - 1:
            above = float(features[y, x, int(field.feature[phase, node])]) > float(field.threshold[phase, node])
            node = 2 * node + 1 + above
        assert int(field.leaf(mosaic)[0, y, x]) == phase * field.leaves + node - (field.leaves - 1)


def test_features_reach_as_far_as_they_say():
    mosaic = rand(1, 1, 40, 40)
    other = mosaic.clone()
    other[..., 20, 20] += 1
    changed = (tree_features(other, malvar(other, "RGGB")) != tree_features(mosaic, malvar(mosaic, "RGGB"))).any(1)[0].nonzero() - 20
    assert int(changed.abs().max()) == REACH


def test_a_window_begins_above_and_to_the_left():
    mosaic = torch.arange(30.0).reshape(1, 1, 5, 6)
    assert windows(mosaic, 1)[2 * 6 + 3].tolist() == [8, 9, 10, 14, 15, 16, 20, 21, 22]


def test_weights_that_were_written_give_the_same_block(tmp_path):
    block, x = awake(), rand(1, 1, 10, 12, dtype=torch.float32)
    again = RegressionTree(weights=block.save(tmp_path / "a.safetensors"))
    twice = RegressionTree(weights=again.save(tmp_path / "b.safetensors"))
    assert torch.allclose(again.net(x, "RGGB"), block.net(x, "RGGB"), atol=3e-3)  # 16 bits, and limits that moved by half of one
    assert torch.equal(again.net(x, "RGGB"), twice.net(x, "RGGB")) and again.architecture == block.architecture


def test_numbers_that_make_no_field_are_refused():
    with pytest.raises(CampipeError, match="depth of a field is a whole number from 0 on"):
        RegressionTree(weights=None, depth=-1)
