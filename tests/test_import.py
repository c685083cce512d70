"""`import campipe` is cheap, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import campipe

HEAVY = ("numba", "rawpy", "tifffile", "imageio", "matplotlib", "kornia", "colour", "pydantic", "yaml", "typer", "rich")
# The names that the documented examples use.
CONTRACT = {"Camera", "Key", "blocks", "cameras", "collate", "develop", "load", "read", "register", "sensor", "write"}


def loaded_after(statement: str) -> set[str]:
    """Return which heavy modules a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_campipe_loads_no_heavy_module():
    assert loaded_after("import campipe") == set()


def test_a_loaded_heavy_module_is_noticed():
    assert loaded_after("import yaml") == {"yaml"}


def test_every_public_name_resolves():
    missing = []
    for name in campipe.__all__:
        try:
            getattr(campipe, name)
        except (AttributeError, ImportError) as problem:
            missing.append(f"{name}: {problem}")
    assert not missing


def test_the_names_of_the_documented_examples_are_public():
    assert CONTRACT <= set(campipe.__all__)
    assert set(campipe.__all__) <= set(dir(campipe))
    assert len(campipe.__all__) == len(set(campipe.__all__))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="camrea"):
        campipe.camrea  # noqa: B018
