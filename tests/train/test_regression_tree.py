from __future__ import annotations

import pytest
import torch

from campipe.blocks.demosaicking.regression_tree import RegressionTree
from campipe.blocks.learned.tree_field import PHASES, TreeField
from campipe.synth.photos import Photos
from campipe.train import regression_tree as training
from campipe.train.crops import Crops
from campipe.train.demosaicking import seen_through
from campipe.train.loop import fit
from campipe.train.regression_tree import FieldFitting, grow
from campipe.train.schedules import Constant
from campipe.train.task import Training


@pytest.fixture(scope="module")
def crops(tmp_path_factory, photos) -> Crops:
    import imageio.v3 as iio

    folder = tmp_path_factory.mktemp("photos")
    for name in ("coffee", "chelsea"):
        iio.imwrite(folder / f"{name}.png", photos[name][:280, :400])
    return Crops(Photos.under(folder), 40, colour=0.0, scenes=0.0, held_out=1)


@pytest.fixture(scope="module")
def grown(crops) -> RegressionTree:
    block = RegressionTree(weights=None, depth=2)
    grow(block.body, crops, 0.0, 40, share=1.0)
    return block


def test_a_split_that_made_the_data_is_found_again():
    draws = torch.Generator().manual_seed(0)
    seen, features = torch.randn(8000, 5, generator=draws), torch.rand(8000, training.COUNT, generator=draws)
    left, right = torch.randn(5, 3, generator=draws), torch.randn(5, 3, generator=draws)
    # A third of the samples lies below a limit on feature 7: a boundary of ninths.
    wanted = torch.where(features[:, 7:8] > 1 / 3, seen @ right, seen @ left)
    which, limit = training._split(seen, features, wanted, torch.arange(8000))
    assert which == 7 and limit == pytest.approx(1 / 3, abs=0.02)
    assert torch.allclose(training._fit(seen, seen @ left), left, atol=1e-3)


def test_a_node_with_few_samples_sends_all_to_one_side():
    few = torch.rand(100, training.COUNT, generator=torch.Generator().manual_seed(0))
    assert training._split(few, few, few[:, :3], torch.arange(100))[1] > 1e4


def test_grown_trees_are_above_malvar_and_the_field_above_its_leaves(grown, crops):
    scores = FieldFitting(grown, crops, "psnr", 0.0).validate()
    assert scores["psnr"] > scores["base_psnr"] + 1
    field = grown.body
    assert isinstance(field, TreeField) and {*field.feature.flatten().tolist()} <= set(range(training.COUNT))
    iterations, field.iterations = field.iterations, 0
    alone = FieldFitting(grown, crops, "psnr", 0.0).validate()["psnr"]
    field.iterations = iterations
    assert scores["psnr"] > alone


def test_growing_gives_each_leaf_what_reached_it(grown, crops):
    leaf = grown.body.leaf(seen_through(crops.batch(range(40))))
    counts = torch.bincount(leaf.flatten(), minlength=PHASES * grown.body.leaves)
    assert int((counts > 0).sum()) >= PHASES * 2 and torch.isfinite(grown.body.root).all()


@pytest.mark.parametrize("measure", ["psnr", "ssim"])
def test_training_through_the_inference_lowers_the_loss(measure, grown, crops, tmp_path):
    block = RegressionTree(weights=grown.save(tmp_path / "a.safetensors"))
    task = FieldFitting(block, crops, measure, 5.0)  # grown without noise, so that there is something to learn
    batch = task.batch(range(100, 104))
    before = float(task(batch).detach())
    fit(task, Training(12, 4, Constant(1e-3), ema=None, validate_every=100), tmp_path / "run")
    assert float(task(batch).detach()) < 0.99 * before
    assert next(iter(task.validate())) == measure and task.about()["loss"] == measure


def test_batches_hang_on_their_numbers_alone(grown, crops):
    task = FieldFitting(grown, crops, "psnr", 5.0)
    clean, mosaic = task.batch([7, 8])
    assert torch.equal(task.batch([8])[1], mosaic[1:])
    noise = mosaic - seen_through(clean)
    # 3200 draws: their spread scatters by 1.25 %.
    assert float(noise.std()) == pytest.approx(5 / 255, rel=0.06)
