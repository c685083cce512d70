"""Recipes: pipelines/*.yaml to objects and back, with a strict schema and one explicit list of parts."""

from __future__ import annotations

from campipe.recipe.parts import kinds, register
from campipe.recipe.pipelines import load_pipeline
from campipe.recipe.recipe import Recipe, load

__all__ = ["Recipe", "kinds", "load", "load_pipeline", "register"]
