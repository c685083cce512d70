"""Pipeline: stages in a row, checked when built."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator

from torch import nn

from campipe.core.errors import CampipeError, SpaceError
from campipe.core.frame import Frame
from campipe.core.law import Law
from campipe.core.shot import Shot
from campipe.core.stage import Stage


class Pipeline(Stage):
    """Stages in order. Their names are unique here, and each reads what the one before it writes.

    stages   in the order of the light path; pipelines may be among them

    A name, never a position, is what a stage's draws hang on: a stage added or moved changes no other stage's draws.
    The path of a number is the names on the way to it, without the outermost pipeline's own: "sensor.gain".
    """

    def __init__(self, stages: Iterable[Stage], name: str | None = None) -> None:
        super().__init__(name)
        self._order: list[str] = []
        for stage in stages:
            self._take(stage, len(self._order))
        if not self._order:
            raise CampipeError("a pipeline has at least one stage")
        self._check_order()

    @property
    def stages(self) -> list[Stage]:
        """The stages in order."""
        return [self._modules[name] for name in self._order]  # type: ignore[misc]

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.stages[0].reads

    @property
    def writes(self) -> str | None:  # type: ignore[override]
        return next((s.writes for s in reversed(self.stages) if s.writes), None)

    @property
    def margin(self) -> int | None:  # type: ignore[override]
        margins = [s.margin for s in self.stages]
        return None if None in margins else sum(m for m in margins if m is not None)

    def inserted(self, stage: Stage, before: str | None = None) -> Pipeline:
        """The same pipeline with one more stage, in front of the stage named `before`, or at the end. The other stages are shared."""
        changed = copy.copy(self)
        changed._modules, changed._order = dict(self._modules), list(self._order)
        changed._take(stage, len(self._order) if before is None else self._order.index(before))
        changed._check_order()
        return changed

    def replaced(self, stage: Stage) -> Pipeline:
        """The same pipeline with another stage in the place of the one of that name. The other stages are shared."""
        self[stage.name]  # raises for a name that is not there
        changed = copy.copy(self)
        changed._modules = {**self._modules, stage.name: stage}
        changed._check_order()
        return changed

    def _take(self, stage: Stage, place: int) -> None:
        if not isinstance(stage, Stage):
            raise CampipeError(f"a pipeline is made of stages, but {type(stage).__name__} came")
        if stage.name in self._order:
            raise CampipeError(f"stage names are unique in a pipeline, but two are called {stage.name!r}; give one name=...")
        if hasattr(self, stage.name):
            raise CampipeError(f"a stage cannot be called {stage.name!r} here; give it name=...")
        self.add_module(stage.name, stage)
        self._order.insert(place, stage.name)

    def _check_order(self) -> None:
        space, writer = None, None
        for stage in self.stages:
            if space is not None and stage.reads and space not in stage.reads:
                place = self._place(stage, writer)
                raise SpaceError(f"{writer} writes {space}, but {stage.name} reads {' or '.join(stage.reads)}; move {stage.name} {place}")
            if stage.writes:
                space, writer = stage.writes, stage.name

    def _place(self, stage: Stage, writer: str | None) -> str:
        before = [s.name for s in self.stages if s.writes in stage.reads and s is not stage]
        return f"behind {before[0]}" if before and before[0] != writer else f"before {writer}"

    def rooted(self, path: str) -> str:
        return path

    def root(self, frame: Frame, shot: Shot) -> Frame:
        # The outermost pipeline's own name is no part of any path, so that it may be called anything.
        if not isinstance(frame, Frame) or (self.reads and frame.space not in self.reads):
            return self.run(frame, shot)  # raises the error under this pipeline's name
        out = self.transform(frame, shot)
        return self._noted(out, shot)

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        stages, i = self.stages, 0
        while i < len(stages):
            done = stages[i].offer(stages[i:], frame, shot)
            count, frame = done if done is not None else (1, stages[i].run(frame, shot))
            i += count
        return frame

    def root_law(self, law: Law) -> Law:
        out = self.law(law)
        return out.replace(capture=self.annotate(out.capture, out.frame(), law.shot))

    def law(self, law: Law) -> Law:
        for stage in self.stages:
            law = stage.run_law(law)
        return law

    def numbers(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, Stage, str]]:
        for stage in self.stages:
            yield from stage.numbers((*prefix, stage.name))

    def learned(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, Stage]]:
        for stage in self.stages:
            yield from stage.learned((*prefix, stage.name))

    def paths(self, prefix: tuple[str, ...] = ()) -> Iterator[str]:
        for stage in self.stages:
            yield from stage.paths((*prefix, stage.name))

    def extra_repr(self) -> str:
        return f"name={self.name!r}"

    def __getitem__(self, name: str) -> nn.Module:
        """The stage of that name."""
        if name not in self._order:
            raise CampipeError(f"there is no stage {name!r} here; there are {', '.join(self._order)}")
        return getattr(self, name)
