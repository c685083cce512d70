"""The architecture, read from the syntax trees: imports go down the stairs, and nothing is done behind a caller's back.

Each rule is a function from a module's name and syntax tree to complaints. It is run over the package, and over a made-up
snippet that breaks it, so that no rule can fall asleep.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

FLOORS = {
    "core": 0,
    "ops": 1,
    **dict.fromkeys(("scenes", "optics", "sensor", "isp", "blocks", "measure", "calibrate", "io"), 2),
    "developing": 2.5,  # a landing on the stairs: isp and blocks meet here, and the camera takes what comes out
    "camera": 3,
    "synth": 4,
    "recipe": 5,
    **dict.fromkeys(("testing", "train", "report"), 6),
    "studies": 6.5,  # the step below the jobs, which run and list them
    **dict.fromkeys(("jobs", "explore"), 7),
    "cli": 8,
    "__main__": 8,
}
FRONT = "campipe"

# Draws of torch that take torch's global generator unless they are given another one.
TORCH_DRAWS = {"bernoulli", "multinomial", "normal", "poisson", "randperm"}
TORCH_DRAWS |= {name + like for name in ("rand", "randint", "randn") for like in ("", "_like")}
IN_PLACE_DRAWS = {"bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_"}
TORCH_SEEDS = {"manual_seed", "manual_seed_all", "seed", "seed_all", "initial_seed", "set_rng_state", "get_rng_state", "fork_rng"}
# What numpy.random has beside its global state.
NUMPY_EXPLICIT = {"BitGenerator", "Generator", "MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64", "SeedSequence", "default_rng"}

Rule = Callable[[str, ast.Module], Iterator[str]]


# How a module is read.


def module_name(path: Path) -> str:
    """`<repository>/campipe/core/frame.py` is "campipe.core.frame"; a package is named by its folder."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The room of a module: "core" for "campipe.core.frame", "" for the front door."""
    return (module.split(".") + [""])[1]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything imported; `from a.b import c` is "a.b.c". Relative ones keep their dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def named_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield modules of campipe that are named by a string ("campipe.sensor.frame:FrameSensor"), to be imported late."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"campipe(\.[a-z_0-9]+)+(:\w+)?", node.value):
            yield node.lineno, node.value.split(":")[0]


def dotted(node: ast.AST) -> str:
    """The source of a plain chain of names, "np.random.normal"; "" for anything else."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def at_import_time(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported, without those for the type checker alone."""
    waiting = list(tree.body)
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, ast.If) and dotted(statement.test).endswith("TYPE_CHECKING"):
            waiting += statement.orelse
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]


# The rules.


def imports_go_down(module: str, tree: ast.Module) -> Iterator[str]:
    """Only lower floors and the own room: neighbours on one floor never import one another, so calibrate sees no sensor and no optics."""
    here = room(module)
    if not here:
        return
    if here not in FLOORS:
        yield f"{here} has no floor; give it one in FLOORS and in the design"
        return
    for line, name in (*imports(tree), *named_modules(tree)):
        there = room(name)
        if name.split(".")[0] != FRONT or there == here or not there:
            continue
        if FLOORS.get(there, 99) >= FLOORS[here]:
            yield f"line {line}: {here} (floor {FLOORS[here]}) imports {name} (floor {FLOORS.get(there, 'unknown')})"


def nobody_uses_the_front_door(module: str, tree: ast.Module) -> Iterator[str]:
    """`from campipe.core.frame import Frame`; never `import campipe`, `from campipe import ...`, nor relative imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == FRONT for alias in node.names):
            yield f"line {node.lineno}: import campipe; import from the module that defines the name"
        if isinstance(node, ast.ImportFrom) and (node.level or node.module == FRONT):
            yield f"line {node.lineno}: from {'.' * node.level}{node.module or ''} import; name the module in full"


def the_front_door_is_lazy(module: str, tree: ast.Module) -> Iterator[str]:
    """campipe/__init__.py imports nothing but the means to import later."""
    if module != FRONT:
        return
    for statement in at_import_time(tree):
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for line, name in imports(statement):
                if name.split(".")[0] not in {"__future__", "importlib", "typing"}:
                    yield f"line {line}: imports {name} at once; load it when it is asked for"


def no_global_randomness(module: str, tree: ast.Module) -> Iterator[str]:
    """Randomness comes in by a key or an explicit generator; nothing seeds or reads a global one."""
    for line, name in imports(tree):
        if name.split(".")[0] == "random":
            yield f"line {line}: the random module draws from global state; take a Key"
        if name.startswith("numpy.random.") and name.split(".")[2] not in NUMPY_EXPLICIT:
            yield f"line {line}: {name} draws from global state; take a Key"
        if name.startswith("torch.") and (name.split(".")[-1] in TORCH_SEEDS | TORCH_DRAWS or name == "torch.random"):
            yield f"line {line}: {name} uses torch's global generator; take a Key"
    for node in ast.walk(tree):
        name = dotted(node) if isinstance(node, ast.Attribute) else ""
        if re.match(r"(np|numpy)\.random\.\w+$", name) and name.split(".")[2] not in NUMPY_EXPLICIT:
            yield f"line {node.lineno}: {name} draws from global state; take a Key"
        if name.startswith("torch.") and name.split(".")[-1] in TORCH_SEEDS:
            yield f"line {node.lineno}: {name} touches torch's global generator; take a Key"
        if isinstance(node, ast.Call) and not any(word.arg == "generator" for word in node.keywords):
            called = dotted(node.func)
            drawn = called.startswith("torch.") and called.removeprefix("torch.") in TORCH_DRAWS
            if drawn or (isinstance(node.func, ast.Attribute) and node.func.attr in IN_PLACE_DRAWS):
                yield f"line {node.lineno}: {ast.unparse(node.func)} without generator= draws from torch's global generator; take a Key"


def nothing_prints(module: str, tree: ast.Module) -> Iterator[str]:
    """The library returns, raises or logs; the commands write through their console."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in {"print", "builtins.print"}:
            yield f"line {node.lineno}: print"


def no_bare_except(module: str, tree: ast.Module) -> Iterator[str]:
    """An error that is caught is named."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"line {node.lineno}: bare except; name the error"


def no_torchvision(module: str, tree: ast.Module) -> Iterator[str]:
    """torchvision's wheel needs CUDA libraries that the CPU build of torch lacks."""
    for line, name in imports(tree):
        if name.split(".")[0] == "torchvision":
            yield f"line {line}: imports torchvision"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in {"importorskip", "import_module", "__import__"}:
            if any(isinstance(part, ast.Constant) and str(part.value).split(".")[0] == "torchvision" for part in node.args):
                yield f"line {node.lineno}: imports torchvision by name"


def plots_only_in_report(module: str, tree: ast.Module) -> Iterator[str]:
    """matplotlib is loaded in one room."""
    for line, name in imports(tree):
        if name.split(".")[0] == "matplotlib" and room(module) != "report":
            yield f"line {line}: imports {name}; plots live in campipe/report"


def one_finder_of_files(module: str, tree: ast.Module) -> Iterator[str]:
    """Shipped files are found by core.resources alone: no path climbs out of the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"\.\.[/\\]", node.value):
            yield f"line {node.lineno}: {node.value!r} leads out of the folder"
        # The compiler of the loops takes a fingerprint of their sources, which are no shipped data.
        if isinstance(node, ast.Name) and node.id == "__file__" and module not in ("campipe.core.resources", "campipe.ops.kernels.jit"):
            yield f"line {node.lineno}: __file__; find shipped files with campipe.core.resources"


RULES: list[Rule] = [
    imports_go_down,
    nobody_uses_the_front_door,
    the_front_door_is_lazy,
    no_global_randomness,
    nothing_prints,
    no_bare_except,
    no_torchvision,
    plots_only_in_report,
    one_finder_of_files,
]

# Snippets that break a rule, and next to them the nearest ones that keep it: (rule, module, source, kept or broken).
KEPT, BROKEN = True, False
SNIPPETS: list[tuple[Rule, str, str, bool]] = [
    (imports_go_down, "campipe.core.frame", "from campipe.ops.colour import encode", BROKEN),
    (imports_go_down, "campipe.ops.colour", "from campipe.core.frame import Frame", KEPT),
    (imports_go_down, "campipe.sensor.shot", "from campipe.optics.blur import Blur", BROKEN),
    (imports_go_down, "campipe.sensor.shot", "from campipe.sensor.frame import FrameSensor", KEPT),
    (imports_go_down, "campipe.calibrate.transfer", "from campipe.sensor.frame import FrameSensor", BROKEN),
    (imports_go_down, "campipe.calibrate.blur", "def later():\n    from campipe.optics.blur import Blur", BROKEN),
    (imports_go_down, "campipe.core.stage", "if TYPE_CHECKING:\n    from campipe.camera import Camera", BROKEN),
    (imports_go_down, "campipe.synth.samples", "TABLE = {'x': 'campipe.recipe:Recipe'}", BROKEN),
    (imports_go_down, "campipe.recipe", "TABLE = {'x': 'campipe.sensor.frame:FrameSensor'}", KEPT),
    (imports_go_down, "campipe.core.frame", "NAME = 'campipe.Frame'", KEPT),
    (imports_go_down, "campipe.attic.box", "", BROKEN),
    (imports_go_down, "campipe.cli", "from campipe.attic import box", BROKEN),
    (nobody_uses_the_front_door, "campipe.camera", "import campipe as cp", BROKEN),
    (nobody_uses_the_front_door, "campipe.camera", "import campipe.core.frame", BROKEN),
    (nobody_uses_the_front_door, "campipe.camera", "from campipe import Key", BROKEN),
    (nobody_uses_the_front_door, "campipe.core.stage", "from .frame import Frame", BROKEN),
    (nobody_uses_the_front_door, "campipe.core.stage", "from campipe.core import spaces", KEPT),
    (the_front_door_is_lazy, "campipe", "from campipe.camera import Camera", BROKEN),
    (the_front_door_is_lazy, "campipe", "try:\n    import torch\nexcept ImportError:\n    pass", BROKEN),
    (the_front_door_is_lazy, "campipe", "def __getattr__(name):\n    from campipe.camera import Camera", KEPT),
    (the_front_door_is_lazy, "campipe", "if TYPE_CHECKING:\n    from campipe.camera import Camera", KEPT),
    (no_global_randomness, "campipe.ops.x", "torch.manual_seed(0)", BROKEN),
    (no_global_randomness, "campipe.ops.x", "torch.cuda.manual_seed_all(0)", BROKEN),
    (no_global_randomness, "campipe.ops.x", "from torch import randn", BROKEN),
    (no_global_randomness, "campipe.ops.x", "torch.randn(3)", BROKEN),
    (no_global_randomness, "campipe.ops.x", "torch.randn(3, generator=g)", KEPT),
    (no_global_randomness, "campipe.ops.x", "torch.empty(3).normal_()", BROKEN),
    (no_global_randomness, "campipe.ops.x", "np.random.normal(size=3)", BROKEN),
    (no_global_randomness, "campipe.ops.x", "from numpy.random import normal", BROKEN),
    (no_global_randomness, "campipe.ops.x", "np.random.Generator(np.random.SFC64(3)).normal()", KEPT),
    (no_global_randomness, "campipe.ops.x", "import random", BROKEN),
    (no_global_randomness, "campipe.ops.x", "from campipe.core.random import Key", KEPT),
    (nothing_prints, "campipe.cli", "print('hello')", BROKEN),
    (nothing_prints, "campipe.cli", "console.print('hello')", KEPT),
    (no_bare_except, "campipe.cli", "try:\n    x()\nexcept:\n    pass", BROKEN),
    (no_bare_except, "campipe.cli", "try:\n    x()\nexcept OSError:\n    pass", KEPT),
    (no_torchvision, "campipe.blocks.x", "def f():\n    from torchvision.io import read_image", BROKEN),
    (no_torchvision, "tests.test_x", "pytest.importorskip('torchvision')", BROKEN),
    (no_torchvision, "tests.test_x", "import torch", KEPT),
    (plots_only_in_report, "campipe.jobs.demo", "def f():\n    import matplotlib.pyplot as plt", BROKEN),
    (plots_only_in_report, "campipe.report.page", "import matplotlib", KEPT),
    (one_finder_of_files, "campipe.camera", "Path('../data/cameras')", BROKEN),
    (one_finder_of_files, "campipe.camera", "Path(__file__).parents[1]", BROKEN),
    (one_finder_of_files, "campipe.core.resources", "Path(__file__).parents[1]", KEPT),
]

PACKAGE = sorted((REPOSITORY / "campipe").rglob("*.py"))
TESTS = sorted((REPOSITORY / "tests").rglob("*.py"))


def complaints(rule: Rule, files: list[Path]) -> list[str]:
    found = []
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
        found += [f"{file.relative_to(REPOSITORY)} {complaint}" for complaint in rule(module_name(file), tree)]
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule):
    assert len(PACKAGE) > 10
    assert not complaints(rule, PACKAGE)


def test_no_test_needs_torchvision():
    assert Path(__file__) in TESTS
    assert not complaints(no_torchvision, TESTS)


@pytest.mark.parametrize(("rule", "module", "source", "kept"), SNIPPETS, ids=lambda value: getattr(value, "__name__", None))
def test_a_rule_tells_broken_from_kept(rule, module, source, kept):
    assert (list(rule(module, ast.parse(source))) == []) is kept


def test_every_rule_is_seen_to_fail_and_to_pass():
    assert {rule for rule, _, _, kept in SNIPPETS if not kept} == set(RULES)
    assert {rule for rule, _, _, kept in SNIPPETS if kept} == set(RULES)


# Files speak of no machine.

HOMES = re.compile(r"(?<![\w.:/-])/(?:" + "|".join(("work", "tmp", "root", "home", "Users")) + r")/\w")


def test_no_file_names_a_folder_of_one_machine():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    named = []
    for file in (REPOSITORY / name for name in listed.stdout.splitlines()):
        text = file.read_bytes() if file.is_file() else b""
        if b"\0" in text:
            continue
        lines = text.decode("utf-8", errors="replace").splitlines()
        named += [f"{file.relative_to(REPOSITORY)}:{number}" for number, line in enumerate(lines, 1) if HOMES.search(line)]
    assert not named


@pytest.mark.parametrize("folder", ["work", "tmp", "home"])
def test_a_machine_folder_is_noticed(folder):
    assert HOMES.search(f"see /{folder}/main")
    assert HOMES.search(f'Path("/{folder}/x")')
    assert not HOMES.search(f"see our/{folder}/main")
