"""Shot: what one call of a pipeline carries to each of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from campipe.core.errors import CampipeError
from campipe.core.random import Key


@dataclass(frozen=True)
class Shot:
    """One call: its key, whether noise is wanted, and numbers or draws given from outside, by path.

    root         the caller's key; None: nothing random may be drawn
    noise        False: the ideal, what a training target is
    draws        stage path to standardised draws, used instead of the key
    parameters   number path to a tensor of shape () or (B,) + shape of the number
    path         names of the stages that the call has entered
    found        what stages of this call have worked out for one another
    """

    root: Key | None = None
    noise: bool = True
    draws: Mapping[str, Tensor] | None = None
    parameters: Mapping[str, Tensor] | None = None
    path: tuple[str, ...] = ()
    found: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def enter(self, name: str) -> Shot:
        """The call as the stage `name` sees it."""
        return Shot(self.root, self.noise, self.draws, self.parameters, (*self.path, name), self.found)

    @property
    def key(self) -> Key | None:
        """The caller's key, folded with the names of the stages on the way."""
        key = self.root
        for name in self.path if key is not None else ():
            key = key.fold(name)  # type: ignore[union-attr]
        return key

    def given(self, block: str | None = None) -> Tensor | None:
        """Standardised draws given for this stage (and block), or None."""
        return None if self.draws is None else self.draws.get(".".join([*self.path, *([block] if block else [])]))

    def key_for(self, block: str | None = None) -> Key:
        """The key of one of the stage's blocks of draws."""
        key = self.key
        if key is None:
            name = ".".join([*self.path, *([block] if block else [])])
            if self.draws is not None:
                raise CampipeError(f"draws were given, but none for {name!r}; give them, or a key")
            raise CampipeError("this stage draws random numbers: pass key=Key(seed), or noise=False for the ideal")
        return key if block is None else key.fold(block)
