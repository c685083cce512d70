"""Perceptual, content and style losses and LPIPS, against their definitions written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from campipe.core.errors import CampipeError
from campipe.measure.features import NETWORKS, VGG19, CampipeSmall
from campipe.measure.losses import (
    LPIPS,
    ContentLoss,
    PerceptualLoss,
    StyleLoss,
    content_loss,
    gram_matrix,
    lpips,
    lpips_weights,
    perceptual_loss,
    style_loss,
)
from campipe.measure.losses.lpips import _unit

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of the published code of LPIPS, for pictures from -1 to 1


@pytest.fixture(scope="module")
def small() -> CampipeSmall:
    return CampipeSmall().draw(torch.Generator().manual_seed(0)).double()


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, 24, 26, generator=generator, dtype=torch.float64)
    return x, (x + 0.1 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)


LAYERS = {"conv1_2": 0.5, "relu3_1": 2.0}


def test_the_modules_are_the_functions(small, pair):
    x, y = pair
    for reduction in ("mean", "none"):
        kept = {"data_range": 1.2, "reduction": reduction}
        assert torch.equal(
            PerceptualLoss(small, LAYERS, distance="l1", **kept)(x, y), perceptual_loss(x, y, small, LAYERS, distance="l1", **kept)
        )
        assert torch.equal(ContentLoss(small, "conv3_1", **kept)(x, y), content_loss(x, y, small, "conv3_1", **kept))
        assert torch.equal(
            StyleLoss(small, LAYERS, normalisation="elements", **kept)(x, y),
            style_loss(x, y, small, LAYERS, normalisation="elements", **kept),
        )
        assert torch.equal(LPIPS(small, **kept)(x, y), lpips(x, y, small, **kept))
    assert perceptual_loss(x, y, small, LAYERS, data_range=1.0, reduction="none").shape == (2,)
    assert not list(PerceptualLoss(small, LAYERS, data_range=1.0).state_dict().keys() ^ {f"network.{k}" for k in small.state_dict()})


def test_perceptual_and_content_losses_are_their_formulas(small, pair):
    x, y = pair
    a, b = small(x, LAYERS), small(y, LAYERS)
    for distance, norm in (("l1", torch.abs), ("l2", torch.square)):
        expected = sum(weight * norm(a[name] - b[name]).mean((1, 2, 3)) for name, weight in LAYERS.items())
        ours = perceptual_loss(x, y, small, LAYERS, data_range=1, distance=distance, reduction="none")
        assert ours.tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    expected = 0.5 * np.sum((a["relu3_1"] - b["relu3_1"]).numpy() ** 2, (1, 2, 3))
    assert content_loss(x, y, small, "relu3_1", data_range=1, reduction="none").tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    with pytest.raises(CampipeError, match="'l1' or 'l2'"):
        perceptual_loss(x, y, small, LAYERS, data_range=1, distance="cosine")


def test_only_the_ratio_to_the_data_range_counts(small, pair):
    x, y = pair
    for loss, options in ((perceptual_loss, (LAYERS,)), (content_loss, ("conv2_1",)), (style_loss, (LAYERS,)), (lpips, ())):
        one = loss(x, y, small, *options, data_range=1).item()
        assert loss(255 * x, 255 * y, small, *options, data_range=255).item() == pytest.approx(one, rel=1e-9)


def test_gradients_into_the_picture_are_right(small, pair):
    x, y = (t[:1] for t in pair)
    for loss, options in (
        (perceptual_loss, ({"relu2_1": 1.0},)),
        (content_loss, ("conv2_1",)),
        (style_loss, (["conv1_1", "conv2_1"],)),
        (lpips, ()),
    ):

        def some(part: torch.Tensor, loss=loss, options=options) -> torch.Tensor:
            whole = x.clone()
            whole[:, :, 3:5, 4:5] = part
            return loss(whole, y, small, *options, data_range=1)

        assert torch.autograd.gradcheck(some, x[:, :, 3:5, 4:5].clone().requires_grad_())


def written_out(network, x: torch.Tensor, numbers: list[int]) -> dict[int, np.ndarray]:
    """Features of a published trunk by torchvision's numbers of its layers, behind ImageNet's mean and deviation, layer by layer."""
    mean, std = (torch.tensor(t, dtype=x.dtype).reshape(1, 3, 1, 1) for t in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    value, found = (x - mean) / std, {}
    for number in range(max(numbers) + 1):
        module = network.features[number]
        if isinstance(module, torch.nn.Conv2d):
            value = functional.conv2d(value, module.weight, module.bias, padding=1)
        elif isinstance(module, torch.nn.ReLU):
            value = value.clamp_min(0)
        else:
            blocks = value[..., : value.shape[-2] // 2 * 2, : value.shape[-1] // 2 * 2].unfold(-2, 2, 2).unfold(-2, 2, 2)
            value = blocks.mean((-1, -2)) if isinstance(module, torch.nn.AvgPool2d) else blocks.amax((-1, -2))
        if number in numbers:
            found[number] = value.numpy()
    return found


def test_perceptual_losses_on_vgg_are_those_that_are_published_by_number_of_the_layer():
    """VGG-19's five layers before their rectifiers with weights of 0.1 and 1 and an l1 norm; VGG-16's relu3_3 with a squared one."""
    generator = torch.Generator().manual_seed(4)
    x = torch.rand(2, 3, 34, 32, generator=generator)
    y = (x + 0.1 * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    numbers, weights = [2, 7, 16, 25, 34], [0.1, 0.1, 1.0, 1.0, 1.0]
    names = ["conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4"]
    network = VGG19().draw(generator)
    a, b = (written_out(network, t, numbers) for t in (x, y))
    expected = sum(w * np.abs(a[n].astype(float) - b[n]).mean() for n, w in zip(numbers, weights, strict=True))
    ours = perceptual_loss(x, y, network, dict(zip(names, weights, strict=True)), data_range=1, distance="l1")
    assert ours.item() == pytest.approx(expected, rel=1e-5)
    network = NETWORKS["vgg16"]().draw(generator)
    a, b = (written_out(network, t, [15]) for t in (x, y))
    expected = np.square(a[15].astype(float) - b[15]).mean()
    assert perceptual_loss(x, y, network, {"relu3_3": 1.0}, data_range=1).item() == pytest.approx(expected, rel=1e-5)


def test_gatys_losses_on_vgg_19_with_average_pooling_are_equations_1_to_5_of_the_paper():
    generator = torch.Generator().manual_seed(5)
    x, y = (torch.rand(1, 3, 32, 32, generator=generator) for _ in range(2))
    network = VGG19(pooling="average").draw(generator)
    numbers = [0, 5, 10, 19, 28]  # conv1_1 to conv5_1
    a, b = (written_out(network, t, [*numbers, 21]) for t in (x, y))
    content = 0.5 * np.sum((a[21].astype(float) - b[21]) ** 2)
    assert content_loss(x, y, network, data_range=1).item() == pytest.approx(content, rel=1e-5)
    style = 0.0
    for number in numbers:
        f, p = (t[number][0].reshape(t[number].shape[1], -1).astype(float) for t in (a, b))
        maps, places = f.shape
        style += 1 / 5 * np.sum((f @ f.T - p @ p.T) ** 2) / (4 * maps**2 * places**2)
    ours = style_loss(x, y, network, {f"conv{k}_1": 1 / 5 for k in range(1, 6)}, data_range=1)
    assert ours.item() == pytest.approx(style, rel=1e-5)


# Style.


def test_gram_matrices_have_their_closed_form():
    # Map 0 is 2 everywhere, map 1 is 3 at half of the positions: products 4, 3 and 4.5 on average.
    features = torch.zeros(1, 2, 4, 6)
    features[:, 0], features[:, 1, :2] = 2, 3
    assert gram_matrix(features)[0].tolist() == [[4, 3], [3, 4.5]]
    moved = features.flip(-2).roll(1, -1)
    assert torch.equal(gram_matrix(moved), gram_matrix(features))  # places do not count


def test_style_loss_is_equation_4_of_the_paper(small, pair):
    x, y = pair
    layers = ("conv1_1", "relu2_1")
    a, b = small(x, layers), small(y, layers)
    expected = np.zeros(2)
    for name in layers:
        maps = a[name].shape[1]
        f, g = (t[name].flatten(2).numpy() for t in (a, b))
        m = f.shape[2]
        for i in (0, 1):
            expected[i] += 0.5 * np.sum((f[i] @ f[i].T - g[i] @ g[i].T) ** 2) / (4 * maps**2 * m**2)
    assert style_loss(x, y, small, layers, data_range=1, reduction="none").tolist() == pytest.approx(expected.tolist(), rel=1e-10)


def test_the_three_normalisations_differ_by_their_factors(small, pair):
    x, y = pair
    for layer, maps in (("conv1_1", 32), ("conv4_1", 128)):
        paper, positions, elements = (
            style_loss(x, y, small, {layer: 1.0}, data_range=1, normalisation=kind).item() for kind in ("paper", "positions", "elements")
        )
        assert positions == pytest.approx(4 * paper, rel=1e-12)
        assert elements == pytest.approx(4 / maps**2 * paper, rel=1e-12)
    # PyTorch's tutorial: mse_loss of Gram matrices divided by the number of elements of one picture's features.
    f, g = (small(t[:1], ["conv2_1"])["conv2_1"] for t in (x, y))
    tutorial = functional.mse_loss(*((t[0].flatten(1) @ t[0].flatten(1).T) / t.numel() for t in (f, g)))
    ours = style_loss(x[:1], y[:1], small, {"conv2_1": 1.0}, data_range=1, normalisation="elements")
    assert ours.item() == pytest.approx(tutorial.item(), rel=1e-12)
    with pytest.raises(CampipeError, match="'paper', 'positions' or 'elements'"):
        style_loss(x, y, small, ["conv1_1"], data_range=1, normalisation="chw")


def test_one_style_of_another_size_serves_a_batch(small, pair):
    x, y = pair
    style = y[:1, :, :17, :20]
    each = style_loss(x, style, small, ["conv1_1", "conv2_1"], data_range=1, reduction="none")
    alone = [style_loss(x[i : i + 1], style, small, ["conv1_1", "conv2_1"], data_range=1).item() for i in (0, 1)]
    assert each.tolist() == pytest.approx(alone, rel=1e-12)
    with pytest.raises(CampipeError, match="one style"):
        style_loss(x, torch.cat([y, y[:1]]), small, ["conv1_1"], data_range=1)


def test_the_layers_of_the_paper_are_the_default(pair):
    x, y = (t[:1].float() for t in pair)
    network = VGG19(pooling="average").draw(torch.Generator().manual_seed(0))
    named = style_loss(x, y, network, {f"conv{k}_1": 0.2 for k in (1, 2, 3, 4, 5)}, data_range=1)
    assert style_loss(x, y, network, data_range=1).item() == pytest.approx(named.item(), rel=1e-6)
    assert content_loss(x, y, network, data_range=1).item() == pytest.approx(
        content_loss(x, y, network, "conv4_2", data_range=1).item(), rel=1e-6
    )
    with pytest.raises(CampipeError, match="campipe-small has no layer 'conv5_1'"):
        StyleLoss(CampipeSmall(), data_range=1)


# LPIPS.


def published(x: torch.Tensor, y: torch.Tensor, network, numbers, linear) -> np.ndarray:
    """LPIPS 0.1 written out: pictures from -1 to 1, its own scaling, and layers by torchvision's numbers."""
    total = np.zeros(len(x))
    shift, scale = (torch.tensor(t, dtype=x.dtype).reshape(1, 3, 1, 1) for t in (SHIFT, SCALE))
    a, b = ((2 * t - 1 - shift) / scale for t in (x, y))
    for number, module in enumerate(network.features[: max(numbers) + 1]):
        a, b = module(a), module(b)
        if number in numbers:
            f, g = (t.numpy() / (np.sqrt((t.numpy() ** 2).sum(1, keepdims=True)) + 1e-10) for t in (a, b))
            total += (linear[numbers.index(number)].numpy().reshape(1, -1, 1, 1) * (f - g) ** 2).sum(1).mean((1, 2))
    return total


@pytest.mark.parametrize(
    ("name", "numbers"), [("alexnet", [1, 4, 7, 9, 11]), ("vgg16", [3, 8, 15, 22, 29]), ("squeezenet", [1, 4, 7, 9, 10, 11, 12])]
)
def test_lpips_is_the_published_definition_with_weights_of_a_file(tmp_path, name, numbers):
    generator = torch.Generator().manual_seed(2)
    network = NETWORKS[name]().draw(generator)
    x = torch.rand(2, 3, *((32, 35) if name == "vgg16" else (64, 70)), generator=generator)
    y = (x + 0.1 * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    widths = [value.shape[1] for value in network(x, network.lpips_layers).values()]
    linear = [torch.rand(width, generator=generator) / width for width in widths]
    torch.save({f"lin{i}.model.1.weight": weight.reshape(1, -1, 1, 1) for i, weight in enumerate(linear)}, tmp_path / "lin.pth")
    ours = LPIPS(network, tmp_path / "lin.pth", data_range=1, reduction="none")(x, y)
    expected = published(x, y, network, numbers, linear)
    assert ours.tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert torch.equal(lpips(x, y, network, linear, data_range=1, reduction="none"), ours)
    plain = lpips(x, y, network, data_range=1, reduction="none")
    assert plain.tolist() == pytest.approx(published(x, y, network, numbers, [torch.ones(w) for w in widths]).tolist(), rel=1e-5)


def test_lpips_refuses_pictures_of_another_range(small, pair):
    x, y = pair
    with pytest.raises(CampipeError, match=r"from 0 to data_range=1, .* \(x \+ 1\) / 2"):
        lpips(2 * x - 1, 2 * y - 1, small, data_range=1)
    with pytest.raises(CampipeError, match="reach from"):
        lpips(255 * x, 255 * y, small, data_range=1)
    with pytest.raises(CampipeError, match="from 0 to data_range=2"):
        lpips(3 * x, y, small, data_range=2)
    assert lpips(1.2 * x - 0.1, y, small, data_range=1) > 0  # an estimate may overshoot


def test_lpips_is_zero_for_equal_pictures_with_a_finite_gradient_where_features_vanish(pair):
    network = CampipeSmall().draw(torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        network.features[7].bias.fill_(-1e3)  # relu2_2, number 8, is 0 everywhere
    x = pair[0].clone().requires_grad_()
    assert network(x, ["relu2_2"])["relu2_2"].abs().max() == 0
    assert lpips(x, pair[0], network, data_range=1).item() == 0
    (grad,) = torch.autograd.grad(lpips(x, pair[1], network, data_range=1), x)
    assert torch.isfinite(grad).all() and grad.abs().max() > 0
    # A rectifier hides what is not finite before it; other layers would not.
    features = torch.zeros(1, 4, 2, 2, requires_grad=True)
    assert torch.equal(torch.autograd.grad(_unit(features).sum(), features)[0], torch.full((1, 4, 2, 2), 1e10))


def test_grey_pictures_have_the_lpips_of_three_equal_channels(small, pair):
    x, y = (t[:, :1] for t in pair)
    grey = lpips(x, y, small, data_range=1)
    assert grey.item() == pytest.approx(lpips(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1), small, data_range=1).item(), rel=1e-12)


def test_weights_that_do_not_fit_are_refused(tmp_path, small, pair):
    x, y = pair
    ones = [torch.ones(n) for n in (32, 64, 96, 128)]
    assert lpips(x, y, small, ones, data_range=1).item() == pytest.approx(lpips(x, y, small, data_range=1).item(), rel=1e-12)
    with pytest.raises(CampipeError, match="has 4 layers, but weights for 3 came"):
        lpips(x, y, small, ones[:3], data_range=1)
    with pytest.raises(CampipeError, match="relu2_2 of campipe-small has 64 channels, but 32 weights came"):
        lpips(x, y, small, [ones[0], ones[0], *ones[2:]], data_range=1)
    with pytest.raises(CampipeError, match="not defined on vgg19"):
        lpips(x, y, VGG19(), data_range=1)
    path = tmp_path / "lin.pth"
    torch.save({"lin0.model.1.weight": torch.tensor([-1.0])}, path)
    with pytest.raises(CampipeError, match="not negative"):
        lpips_weights(path)
    torch.save({"lin0.weight": torch.tensor([1.0])}, path)
    with pytest.raises(CampipeError, match=r"a key lin0\.model\.1\.weight"):
        LPIPS(small, path, data_range=1)
