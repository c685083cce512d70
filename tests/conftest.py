"""What every test may ask for: shared photos and frames, scikit-image's photos, the EMVA 1288 referee."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import numpy as np
import pytest
import torch

# As many workers as cores run side by side.
torch.set_num_threads(1)

# In CI the examples are the same in every run, so that a failure belongs to the change; elsewhere they are new ones each time.
# No deadline: the first example of a test may compile a kernel.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True, max_examples=50)
hypothesis.settings.register_profile("local", derandomize=False, deadline=None, print_blob=True, max_examples=50)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

REPOSITORY = Path(__file__).resolve().parents[1]
# The colour photos that lie in scikit-image's wheel; its other ones are downloaded when asked for.
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")


def shared_folder(environment: dict[str, str], repository: Path) -> Path:
    """Return the folder of shared test data. Skips the test where it is missing; in CI that is a failure."""
    folder = Path(environment.get("CAMPIPE_SHARED") or repository.parent / "shared" / "data")
    if folder.is_dir():
        return folder
    message = f"no shared test data in {folder}; name their folder with CAMPIPE_SHARED"
    if environment.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data: CAMPIPE_SHARED, or shared/data beside the repository."""
    return shared_folder(dict(os.environ), REPOSITORY)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def photos() -> dict[str, np.ndarray]:
    """Real colour photos, by name: (H, W, 3) uint8, sRGB, from 300 x 451 to 512 x 512 and 427 x 640; read-only."""
    import skimage.data as data

    pictures = {name: getattr(data, name)() for name in PHOTOS}
    for picture in pictures.values():
        picture.setflags(write=False)
    return pictures


@pytest.fixture(scope="session")
def cut_photos(photos, tmp_path_factory) -> Callable[[int, int], Path]:
    """A folder of the upper left corners of three photos, of a height and width, as something small to train on."""
    import imageio.v3 as imageio

    def cut(height: int, width: int) -> Path:
        folder = tmp_path_factory.mktemp("photos")
        for name in ("coffee", "astronaut", "chelsea"):
            imageio.imwrite(folder / f"{name}.png", photos[name][:height, :width])
        return folder

    return cut


@pytest.fixture(scope="session")
def emva1288() -> Iterator[ModuleType]:
    """The `emva1288` package, release 1.0.2, which still calls a function that NumPy 2 took away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "asfarray", lambda a, dtype=float: np.asarray(a, dtype=dtype), raising=False)
        import emva1288 as package
        import emva1288.process

        yield package


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, float, str], None]:
    """Record a figure that the documentation quotes, as (what, value, limit); the run ends with a table of them."""
    return lambda what, value, limit: record_property("figure", (what, float(value), limit))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that the run reached beside their limits."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.getreports(outcome)]
    rows = sorted({tuple(value) for r in reports for name, value in r.user_properties if name == "figure"})
    if rows:
        terminalreporter.section("figures reached")
        for what, value, limit in rows:
            terminalreporter.write_line(f"{what:<72} {value:>12.4g}   {limit}")
