"""Sections of a training recipe that blocks share: what their models are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt

from campipe.synth.photos import Photos
from campipe.train.crops import Crops

Number = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[StrictInt, Field(ge=1)]
Whole = Annotated[StrictInt, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Level = Annotated[float, Field(ge=0, le=255)]
Channels = Literal[1, 3]


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("the smaller end of the range comes first")
    return ends


Levels = Annotated[tuple[Level, Level], AfterValidator(_ordered)]


class Strict(BaseModel):
    """A section: no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Strict):
    """What every block is trained on; see `campipe.train.crops.Crops`. The fields that a block's own model adds go to its task."""

    crop: Annotated[StrictInt, Field(ge=16, multiple_of=2)]
    colour: Share = 0.3
    chroma: Share = 0.5
    scenes: Share = 0.1
    halved: Share = 0.0
    held_out: Whole = 4

    def crops(self, photos: Photos, seed: int) -> Crops:
        """The crops of photos."""
        shares = {"colour": self.colour, "chroma": self.chroma, "scenes": self.scenes, "halved": self.halved}
        return Crops(photos, self.crop, **shares, held_out=self.held_out, seed=seed)


class NoisyData(Data):
    """Crops under noise of a sigma that is drawn evenly from a range, on the scale from 0 to 255."""

    sigma: Levels = (0.0, 55.0)
