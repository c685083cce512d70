"""Feature networks: built as published, filled from files with published keys, and loud where they cannot be."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import pytest
import torch
from safetensors.torch import save_file

from campipe.core.errors import CampipeError, ShapeError
from campipe.core.resources import find
from campipe.measure.features import NETWORKS, VGG16, VGG19, CampipeSmall, feature_network, load_features
from campipe.measure.losses import lpips
from campipe.train.perception.damages import KINDS

# Weights of the convolutional parts as the papers' layers have them, and as Keras prints them for VGG: without their classifiers.
COUNTS = {"vgg16": 14_714_688, "vgg19": 20_024_384, "alexnet": 2_469_696, "squeezenet": 722_496, "campipe-small": 462_304}
# Sides of layers: for a picture of 224 pixels as the papers' tables have them, and of a seventh of that where every size is halved exactly.
SIDES = {
    "vgg16": {"conv1_2": 32, "conv5_3": 2, "pool5": 1},
    "vgg19": {"conv3_4": 8, "conv5_4": 2, "pool5": 1},
    "alexnet": {"conv1": 55, "pool1": 27, "conv2": 27, "pool2": 13, "conv5": 13, "pool5": 6},
    "squeezenet": {"conv1": 111, "pool1": 55, "fire3": 55, "pool3": 27, "fire5": 27, "pool5": 13, "fire9": 13},
    "campipe-small": {"relu1_2": 32, "relu4_2": 4, "pool4": 2},
}
# Some keys and shapes of torchvision's checkpoints.
KEYS = {
    "vgg16": {"features.0.weight": (64, 3, 3, 3), "features.14.weight": (256, 256, 3, 3), "features.28.bias": (512,)},
    "vgg19": {"features.0.weight": (64, 3, 3, 3), "features.16.weight": (256, 256, 3, 3), "features.34.bias": (512,)},
    "alexnet": {"features.0.weight": (64, 3, 11, 11), "features.3.weight": (192, 64, 5, 5), "features.10.bias": (256,)},
    "squeezenet": {
        "features.0.weight": (64, 3, 3, 3),
        "features.3.squeeze.weight": (16, 64, 1, 1),
        "features.7.expand1x1.bias": (128,),
        "features.12.expand3x3.weight": (256, 64, 3, 3),
    },
}
# torchvision's numbers of layers that the literature names.
NUMBERS = {
    "vgg16": {"relu1_2": 3, "relu2_2": 8, "relu3_3": 15, "relu4_3": 22, "relu5_3": 29, "pool5": 30},
    "vgg19": {"conv1_2": 2, "conv2_2": 7, "conv3_4": 16, "conv4_2": 21, "conv4_4": 25, "conv5_1": 28, "conv5_4": 34, "relu5_4": 35},
    "alexnet": {"relu1": 1, "relu2": 4, "relu3": 7, "relu4": 9, "relu5": 11},
    "squeezenet": {"relu1": 1, "fire3": 4, "fire5": 7, "fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12},
}


def drawn(kind, seed: int = 0, **options):
    return kind(**options).draw(torch.Generator().manual_seed(seed))


def picture(side: int = 40, seed: int = 1, channels: int = 3) -> torch.Tensor:
    return torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_trunk_is_built_as_published(name):
    network = drawn(NETWORKS[name])
    assert sum(weight.numel() for weight in network.parameters()) == COUNTS[name]
    with torch.no_grad():
        features = network(picture(224 if name in ("alexnet", "squeezenet") else 32), SIDES[name])
    assert {layer: value.shape[-1] for layer, value in features.items()} == SIDES[name]
    assert all(layer in network.names for layer in network.lpips_layers)


def test_squeezenet_keeps_the_last_column_when_it_pools():
    # 42 pixels: 20 behind the first convolution, of which windows of 3 at a stride of 2 reach 19; the last one hangs over the edge.
    assert drawn(NETWORKS["squeezenet"])(picture(42), ["conv1", "pool1"])["pool1"].shape[-1] == 10


@pytest.mark.parametrize("name", KEYS)
def test_keys_and_numbers_are_those_of_the_published_checkpoints(name):
    network = NETWORKS[name]()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert {key: shapes[key] for key in KEYS[name]} == KEYS[name]
    assert all(key.startswith("features.") for key in shapes)
    assert {layer: network.names[layer] for layer in NUMBERS[name]} == NUMBERS[name]


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_a_checkpoint_with_its_classifier_fills_the_trunk(tmp_path, kind):
    source = drawn(NETWORKS["squeezenet"])
    state = {**source.state_dict(), "classifier.1.weight": torch.zeros(4, 512, 1, 1), "classifier.1.bias": torch.zeros(4)}
    path = tmp_path / f"squeezenet.{kind}"
    torch.save(state, path) if kind == "pth" else save_file({k: v.contiguous() for k, v in state.items()}, path)
    network = feature_network("squeezenet", path)
    assert torch.equal(network(picture(), ["fire9"])["fire9"], source(picture(), ["fire9"])["fire9"])
    assert not any(weight.requires_grad for weight in network.parameters())


def test_half_precision_weights_are_read_as_float32(tmp_path):
    source = drawn(CampipeSmall)
    save_file({key: value.half() for key, value in source.state_dict().items()}, tmp_path / "small.safetensors")
    network = feature_network("campipe-small", tmp_path / "small.safetensors")
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert torch.allclose(network(picture(), ["relu4_2"])["relu4_2"], source(picture(), ["relu4_2"])["relu4_2"], rtol=1e-2, atol=1e-2)


def test_features_are_those_of_the_layers_one_by_one():
    network = drawn(VGG16)
    x = picture(48)
    out = network(x, ["relu2_1", "4", "conv1_2"])
    value = (x - torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    for number, module in enumerate(network.features[:7]):
        value = module(value)
        for name, place in (("conv1_2", 2), ("4", 4), ("relu2_1", 6)):
            if number == place:
                assert torch.allclose(out[name], value, atol=1e-5)
    assert (out["conv1_2"] < 0).any()  # before its rectifier, which does not write on it
    assert list(out) == ["conv1_2", "4", "relu2_1"]


def test_grey_counts_as_three_equal_channels():
    network, grey = drawn(CampipeSmall), picture(channels=1)
    assert torch.equal(network(grey, ["relu2_2"])["relu2_2"], network(grey.expand(-1, 3, -1, -1), ["relu2_2"])["relu2_2"])


def test_average_pooling_takes_the_mean_and_has_a_gradient_everywhere():
    network = drawn(VGG19, pooling="average")
    inside, outside = (network(picture(), [name])[name] for name in ("relu1_2", "pool1"))
    assert torch.allclose(outside, torch.nn.functional.avg_pool2d(inside, 2))
    with pytest.raises(CampipeError, match="'max' or 'average'"):
        VGG19(pooling="mean")


def test_the_gradient_reaches_the_picture_and_not_the_weights():
    network, x = drawn(CampipeSmall), picture().requires_grad_()
    network(x, ["relu3_2"])["relu3_2"].sum().backward()
    assert x.grad.abs().max() > 0
    assert all(weight.grad is None for weight in network.parameters())


def test_random_weights_hang_on_their_generator_alone():
    first, again, other = drawn(CampipeSmall), drawn(CampipeSmall), drawn(CampipeSmall, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(other.parameters()))
    weight = first.features[12].weight  # (96, 96, 3, 3): 82 944 numbers, whose standard deviation is known to 0.25 %
    assert weight.shape == (96, 96, 3, 3)
    assert weight.std().item() == pytest.approx((2 / (96 * 9)) ** 0.5, rel=0.015)


def test_building_a_network_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    VGG16()
    drawn(NETWORKS["squeezenet"])
    assert torch.equal(before, torch.random.get_rng_state())


def test_copies_and_pickles_keep_their_weights():
    network = drawn(CampipeSmall)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(picture(), ["relu1_1"])["relu1_1"], network(picture(), ["relu1_1"])["relu1_1"])
    fresh = CampipeSmall()
    fresh.load_state_dict(network.state_dict())
    assert torch.equal(fresh(picture(), ["relu1_1"])["relu1_1"], network(picture(), ["relu1_1"])["relu1_1"])


# Refusals.


def test_a_network_without_weights_refuses_to_run():
    with pytest.raises(CampipeError, match="campipe-small needs weights"):
        CampipeSmall()(picture(), ["relu1_1"])
    with pytest.raises(CampipeError, match=r"vgg19 do not ship; give weights= .* features\.0\.weight"):
        feature_network("vgg19")
    with pytest.raises(CampipeError, match="there is no feature network 'resnet'"):
        feature_network("resnet", "x.pth")


def test_campipe_s_own_weights_ship_or_are_missed_in_one_line():
    try:
        find("data", "weights", "features_small.safetensors")
    except CampipeError:
        with pytest.raises(CampipeError, match=r"campipe-small are missing from data/weights/features_small\.safetensors") as error:
            feature_network("campipe-small")
        assert "\n" not in str(error.value)
    else:
        assert feature_network("campipe-small")(picture(), ["relu4_2"])["relu4_2"].abs().max() > 0


def test_files_of_another_kind_are_refused_with_what_is_wrong(tmp_path):
    state = drawn(CampipeSmall).state_dict()
    path = tmp_path / "weights.pth"

    def refused(content, match):
        torch.save(content, path)
        with pytest.raises(CampipeError, match=match):
            load_features(CampipeSmall(), path)

    refused({k: v for k, v in state.items() if k != "features.2.bias"}, r"a key features\.2\.bias, which is not there")
    refused({**state, "features.2.bias": torch.zeros(5)}, r"features\.2\.bias of campipe-small is \(32,\), but \(5,\) came")
    refused({**state, "features.99.bias": torch.zeros(5)}, r"has no features\.99\.bias")
    refused({**state, "features.2.bias": torch.full((32,), torch.nan)}, "damaged")
    refused([1, 2], "a state dict")
    refused({"features.0.weight": "x"}, "a state dict")
    with pytest.raises(CampipeError, match="there is none"):
        load_features(CampipeSmall(), tmp_path / "nowhere.pth")
    for suffix in ("pth", "safetensors"):
        broken = tmp_path / f"broken.{suffix}"
        broken.write_bytes(b"not weights at all")
        with pytest.raises(CampipeError, match="cannot be read as weights"):
            load_features(CampipeSmall(), broken)


def test_pictures_and_layers_that_do_not_fit_are_refused():
    network = drawn(NETWORKS["alexnet"])
    with pytest.raises(ShapeError, match="too few for layer 2 of alexnet"):
        network(picture(11), ["relu5"])
    assert network(picture(11), ["relu1"])["relu1"].shape[-1] == 2  # a layer that is not asked for is not in the way
    with pytest.raises(CampipeError, match=r"alexnet has no layer 'conv4_2'; it has conv1, relu1, .* and 0 to 12"):
        network(picture(), ["conv4_2"])
    with pytest.raises(CampipeError, match="none was named"):
        network(picture(), [])
    with pytest.raises(ShapeError, match="a feature network takes"):
        network(torch.rand(1, 2, 40, 40, generator=torch.Generator().manual_seed(0)), ["relu1"])


@pytest.mark.parametrize("damage", KINDS, ids=lambda damage: damage.__name__)
def test_the_distance_over_the_weights_that_ship_grows_with_every_damage(damage, photos):
    picture = torch.tensor(photos["astronaut"][:96, 160:256]).movedim(-1, 0)[None].float() / 255
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    network = feature_network("campipe-small")
    steps = [damage(picture, torch.tensor([strength]), noise).clamp(0, 1) for strength in (0.1, 0.2, 0.4, 0.7, 1.0)]
    distances = [float(lpips(step, picture, network, data_range=1)) for step in steps]
    assert all(a < b for a, b in pairwise([0.0, *distances]))
