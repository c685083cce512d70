"""The fixtures that every test may ask for keep what they promise."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import hypothesis
import numpy as np
import pytest
import torch


@pytest.fixture
def conftest(request: pytest.FixtureRequest, repository: Path) -> ModuleType:
    return request.config.pluginmanager.get_plugin(str(repository / "tests" / "conftest.py"))


def test_the_shared_folder_is_the_named_one_or_the_one_beside_the_repository(conftest, tmp_path):
    beside = tmp_path / "shared" / "data"
    named = tmp_path / "named"
    beside.mkdir(parents=True)
    named.mkdir()
    assert conftest.shared_folder({"CAMPIPE_SHARED": str(named)}, tmp_path / "repository") == named
    assert conftest.shared_folder({}, tmp_path / "repository") == beside


def test_a_missing_shared_folder_skips_at_home_and_fails_in_ci(conftest, tmp_path):
    nowhere = {"CAMPIPE_SHARED": str(tmp_path / "nowhere")}
    for environment, outcome in ((nowhere, pytest.skip.Exception), ({**nowhere, "CI": "true"}, pytest.fail.Exception)):
        # Both are awaited: a skip that escaped would skip this test too.
        with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match="CAMPIPE_SHARED") as ended:
            conftest.shared_folder(environment, tmp_path)
        assert ended.type is outcome


def test_examples_are_the_same_in_every_ci_run_and_new_ones_elsewhere(conftest):
    assert hypothesis.settings.get_profile("ci").derandomize
    assert not hypothesis.settings.get_profile("local").derandomize
    assert hypothesis.settings().derandomize == bool(conftest.os.environ.get("CI"))


def test_photos_are_real_colour_pictures(photos):
    assert len(photos) >= 4
    for name, picture in photos.items():
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3, name
        assert min(picture.shape[:2]) >= 300, name
        assert not picture.flags.writeable, name
        assert (picture[..., 0] != picture[..., 2]).mean() > 0.5, f"{name} is grey"


def test_the_referee_runs_under_numpy_2(emva1288):
    assert np.asfarray([1, 2]).dtype == float
    assert emva1288.process.Emva1288


def test_tests_run_on_one_thread():
    assert torch.get_num_threads() == 1
