"""What the tests of the commands share: a small real photo, a raw file of it, and a way to run a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from campipe.cli.entry import main


@dataclass(frozen=True)
class Answer:
    """Exit status, and what was said on stdout and stderr."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys) -> Callable[..., Answer]:
    """Run `campipe` with the given words in this process."""

    def call(*words: object) -> Answer:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        said = capsys.readouterr()
        return Answer(int(left.value.code or 0), said.out, said.err)

    return call


@pytest.fixture(scope="session")
def photo(tmp_path_factory) -> Path:
    """256 x 320 pixels of a real photo."""
    from skimage import data, io

    path = tmp_path_factory.mktemp("photos") / "cat.png"
    io.imsave(path, data.chelsea()[:256, :320], check_contrast=False)
    return path


@pytest.fixture(scope="session")
def raw(photo, tmp_path_factory) -> Path:
    """The photo as a Sony A7S II records it at ISO 400."""
    path = tmp_path_factory.mktemp("raws") / "cat.dng"
    with pytest.raises(SystemExit) as left:
        main(["simulate", str(photo), "--camera", "sony-a7s2", "--iso", "400", "--out", str(path)])
    assert not left.value.code
    return path
