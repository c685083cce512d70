"""Stage: one step of the light path."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from campipe.core.errors import CampipeError, LawError, ShapeError, SpaceError
from campipe.core.frame import Capture, Frame
from campipe.core.law import Law
from campipe.core.random import Key
from campipe.core.shot import Shot


class Log(nn.Module):
    """Parametrisation of a positive number by its logarithm, so that gradient steps are relative and never cross zero."""

    def forward(self, log: Tensor) -> Tensor:
        return log.exp()

    def right_inverse(self, value: Tensor) -> Tensor:
        return value.log()


class Stage(nn.Module):
    """One step of the light path: reads a frame in one space, writes one in another, and changes nothing else.

    A stage declares `reads` and `writes`, registers its physical numbers with `number`, and implements `transform`
    by a call of one function of `campipe.ops`. `forward` is sealed.

    reads     spaces that are accepted
    writes    space of the result; None: the same as came
    primary   the number that the stage's bare path stands for
    margin    pixels around a pixel that its result hangs on; None: unbounded
    """

    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[str | None] = None
    primary: ClassVar[str | None] = None
    margin: int | None = 0
    _arguments: Mapping[str, Any] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "forward" in cls.__dict__:
            raise TypeError(f"{cls.__name__}.forward is sealed by Stage; implement transform(frame, shot)")
        if "__init__" in cls.__dict__:
            cls.__init__ = _remembering(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self.name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()
        self._positive: dict[str, bool] = {}
        self._built_zero: set[str] = set()

    def number(self, name: str, value: Any, *, positive: bool = False) -> None:
        """Register a physical number as a frozen parameter; positive ones are optimised as logarithms."""
        try:
            tensor = value.detach().clone() if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError):
            raise CampipeError(f"{name} is a number, but {value!r} came") from None
        if not bool(torch.isfinite(tensor).all()):
            raise CampipeError(f"{name} is a finite number, but {value} came")
        if positive and bool((tensor < 0).any()):
            raise CampipeError(f"{name} is not negative, but {value} came")
        self.register_parameter(name, nn.Parameter(tensor, requires_grad=False))
        self._positive[name] = positive
        if not bool((tensor != 0).any()):
            self._built_zero.add(name)

    def is_off(self, name: str, value: Tensor) -> bool:
        """True where a number, as `value` gave it, is zero and stays so, so that its effect can be left out.

        A graph cannot look at its data: there a number is off that was zero when the stage was built.
        """
        if value.requires_grad:
            return False
        if torch.compiler.is_compiling():
            return name in self._built_zero and value is getattr(self, name)
        return value.item() == 0 if value.ndim == 0 else not bool((value != 0).any())

    def value(self, name: str, frame: Frame, shot: Shot) -> Tensor:
        """A number as it holds for this call, shaped to broadcast with the frame's data.

        A number of shape () comes back as () or (B, 1, 1, 1); one of shape (n,) keeps its own axes behind the batch axis.
        """
        own: Tensor = getattr(self, name)
        path = ".".join([*shot.path, name])
        given = None
        if shot.parameters is not None:
            given = shot.parameters.get(path)
            if given is None and name == self.primary:
                given = shot.parameters.get(".".join(shot.path))
        if given is None:
            return own
        if given.ndim == own.ndim:
            return given
        if given.ndim != own.ndim + 1 or given.shape[0] not in (1, frame.batch):
            raise ShapeError(f"{path} takes a shape () or ({frame.batch},) + {tuple(own.shape)}, but {tuple(given.shape)} came")
        return given.reshape(given.shape[0], *([1] * (frame.data.ndim - 1))) if own.ndim == 0 else given

    def forward(
        self,
        frame: Frame,
        *,
        key: Key | None = None,
        noise: bool = True,
        draws: Mapping[str, Tensor] | None = None,
        parameters: Mapping[str, Tensor | float] | None = None,
    ) -> Frame:
        """Apply the stage. The input and the stage stay as they were.

        frame        in one of the spaces that the stage reads
        key          names the random draws; the same key and frame give the same noise
        noise        False: the ideal, without everything that is random or individual
        draws        stage path to standardised draws, instead of a key
        parameters   number path to per-item values, instead of the stage's own
        """
        shot = self.shot(key, noise, draws, parameters)
        if key is not None and key.item is not None and isinstance(frame, Frame) and len(key.item) == frame.batch:
            frame = frame.replace(item=torch.tensor(key.item, device=frame.data.device))  # the items keep their numbers
        return self.root(frame, shot)

    def shot(
        self, key: Key | None, noise: bool, draws: Mapping[str, Tensor] | None, parameters: Mapping[str, Tensor | float] | None
    ) -> Shot:
        """Check what a caller gave and put it into one value."""
        if key is not None and not isinstance(key, Key):
            raise CampipeError(f"key is a campipe Key, but {type(key).__name__} came; write key=Key(seed)")
        if draws is not None:
            stages = set(self.paths())
            unknown = [d for d in draws if d not in stages and d.rpartition(".")[0] not in stages]
            if unknown:
                raise CampipeError(f"no stage {unknown[0]!r} draws anything here; there are {', '.join(sorted(stages))}")
        given = None
        if parameters is not None:
            known = {path for path, _, _ in self.numbers()}
            unknown = [p for p in parameters if p not in known]
            if unknown:
                raise CampipeError(f"there is no number {unknown[0]!r} here; there are {', '.join(sorted(known))}")
            given = {
                self.rooted(p): v if isinstance(v, Tensor) else torch.as_tensor(v, dtype=torch.float32) for p, v in parameters.items()
            }
        return Shot(key, noise, draws, given)

    def rooted(self, path: str) -> str:
        """The path that a number of this stage has in a call of it: a stage that is called by itself is entered under its own name."""
        return f"{self.name}.{path}"

    def root(self, frame: Frame, shot: Shot) -> Frame:
        """Run as the outermost stage of a call."""
        return self.run(frame, shot)

    def run(self, frame: Frame, shot: Shot) -> Frame:
        """Check the space, apply under the stage's own name, and put that name on every error."""
        try:
            if not isinstance(frame, Frame):
                raise SpaceError(
                    f"a Frame in {self._reads()} is needed, but {type(frame).__name__} came; wrap the tensor: Frame(tensor, space)"
                )
            if self.reads and frame.space not in self.reads:
                raise SpaceError(f"a frame in {self._reads()} is needed, but one in {frame.space!r} came")
            shot = shot.enter(self.name)
            out = self.transform(frame, shot)
            wanted = self.writes or frame.space
            if out.space != wanted:
                raise SpaceError(f"the stage promised {wanted!r} and gave {out.space!r}")
            return self._noted(out, shot)
        except CampipeError as error:
            raise error.within(self.name) from error.__cause__

    def transform(self, frame: Frame, shot: Shot) -> Frame:
        """The step itself. To be implemented."""
        raise CampipeError(f"{type(self).__name__} does not say what it does; implement transform(frame, shot)")

    def _noted(self, out: Frame, shot: Shot) -> Frame:
        capture = self.annotate(out.capture, out, shot)
        if capture is out.capture:
            return out
        return out.known(out.data, out.space, capture.batched(out.batch, out.data.device))

    def annotate(self, capture: Capture, frame: Frame, shot: Shot) -> Capture:
        """Write the stage's live numbers into the capture. `frame` gives shapes only."""
        return capture

    def law(self, law: Law) -> Law:
        """Pass on the law of the value. To be implemented where a closed form exists."""
        raise LawError(f"{type(self).__name__} has no closed form for its statistics; estimate them from frames instead")

    def run_law(self, law: Law) -> Law:
        """Pass a law through under the stage's own name."""
        outer = law.shot
        try:
            if self.reads and law.space not in self.reads:
                raise SpaceError(f"a law in {self._reads()} is needed, but one in {law.space!r} came")
            shot = outer.enter(self.name)
            out = self.law(law.replace(shot=shot))
            out = out.replace(space=self.writes or law.space)
            return out.replace(capture=self.annotate(out.capture, out.frame(), shot), shot=outer)
        except CampipeError as error:
            raise error.within(self.name) from error.__cause__

    def moments(self, frame: Frame, *, parameters: Mapping[str, Tensor | float] | None = None) -> Law:
        """Mean and variance of each pixel over all that differs from frame to frame; the fixed pattern is in the mean."""
        return self.root_law(Law.certain(frame, self.shot(None, True, None, parameters)))

    def root_law(self, law: Law) -> Law:
        return self.run_law(law)

    def offer(self, run: list[Stage], frame: Frame, shot: Shot) -> tuple[int, Frame] | None:
        """Do a run of neighbouring stages, this one first, in one pass: (how many, result). None: one by one. The result is the same."""
        return None

    def numbers(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, Stage, str]]:
        """Paths of the physical numbers, with the stage and the name there. A bare stage path stands for its primary number."""
        for name in self._positive:
            yield ".".join([*prefix, name]), self, name
            if name == self.primary and prefix:
                yield ".".join(prefix), self, name

    def paths(self, prefix: tuple[str, ...] = ()) -> Iterator[str]:
        """Paths of the stages; that of a stage which is called by itself is its own name."""
        yield ".".join(prefix or (self.name,))

    def learned(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, Stage]]:
        """Paths of trained weights, with the block that carries them: "denoise.weights"."""
        yield from ()

    def unfreeze(self) -> list[nn.Parameter]:
        """Let an optimiser change the weights of a learned block, and return them; another stage has none."""
        return []

    def trainable(self, *patterns: str) -> list[nn.Parameter]:
        """Unfreeze what the paths lead to, and return the leaves for an optimiser: numbers, positive ones as logarithms, and weights.

        patterns   paths or shell patterns: "sensor.gain", "isp.*", "denoise.weights"; a bare stage path stands for its primary
                   number, and where it has none, for its weights
        """
        leaves: list[nn.Parameter] = []
        for pattern in patterns:

            def matches(path: str, pattern: str = pattern) -> bool:
                return path == pattern or fnmatchcase(path, pattern)

            found = [stage._unfreeze(name) for path, stage, name in self.numbers() if matches(path)]
            found += [leaf for path, block in self.learned() if matches(path) for leaf in block.unfreeze()]
            if not found:
                known = [path for path, _, _ in self.numbers()] + [path for path, _ in self.learned()]
                raise CampipeError(f"no number matches {pattern!r}; there are {', '.join(known)}")
            leaves += found
        return list({id(leaf): leaf for leaf in leaves}.values())

    def freeze(self) -> None:
        """Freeze every number at its present value, and undo the logarithms; the weights of learned blocks likewise."""
        for _, stage, name in self.numbers():
            if parametrize.is_parametrized(stage, name):
                parametrize.remove_parametrizations(stage, name, leave_parametrized=True)
            getattr(stage, name).requires_grad_(False)
        for _, block in self.learned():
            if block is not self:
                block.freeze()

    def _unfreeze(self, name: str) -> nn.Parameter:
        if self._positive[name] and not parametrize.is_parametrized(self, name):
            if not bool((getattr(self, name) > 0).all()):
                raise CampipeError(f"{self.name}.{name} is 0 and is optimised as a logarithm; start it above 0")
            parametrize.register_parametrization(self, name, Log())
        leaf = self.parametrizations[name].original if parametrize.is_parametrized(self, name) else getattr(self, name)  # type: ignore[index,union-attr]
        return leaf.requires_grad_(True)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # A state holds the logarithm of a number that was being optimised; it fits stages where the number is frozen, and the other way.
        for name in self._positive:
            plain, logarithm = f"{prefix}{name}", f"{prefix}parametrizations.{name}.original"
            optimised = parametrize.is_parametrized(self, name)
            if logarithm in state_dict and not optimised:
                state_dict[plain] = state_dict.pop(logarithm).exp()
            elif plain in state_dict and optimised:
                state_dict[logarithm] = state_dict.pop(plain).log()
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def config(self) -> dict[str, Any]:
        """The arguments that build this stage again, numbers at their present values."""
        out = dict(self._arguments)
        for name in self._positive:
            if name in out and out[name] is not None:
                out[name] = getattr(self, name).detach().tolist()
        return out

    def _reads(self) -> str:
        return " or ".join(map(repr, self.reads)) or "any space"


def _remembering(init: Any) -> Any:
    """Let a constructor keep the arguments that it was called with, for `config`."""

    signature = inspect.signature(init)

    @functools.wraps(init)
    def wrapper(self: Stage, *args: Any, **kwargs: Any) -> None:
        outermost = "_arguments" not in self.__dict__
        if outermost:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            arguments = dict(list(bound.arguments.items())[1:])
            arguments.update(arguments.pop("options", {}))
            object.__setattr__(self, "_arguments", arguments)
        init(self, *args, **kwargs)

    return wrapper


Stage.__init__ = _remembering(Stage.__init__)  # type: ignore[method-assign]
