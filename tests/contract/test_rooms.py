"""The shape of the house: imports run one way, files and functions stay small, nothing unsafe."""

import ast
import functools
import re
from pathlib import Path

import pytest

import girsanov

HOUSE = Path(girsanov.__file__).parent
ROOMS = [  # top to bottom: a file imports only from rooms above its own, or from its own
    *("_checks", "_choices", "_notebook", "_signatures", "_typing", "_records", "_files"),
    *("_launched", "_parts"),
    "_processes",
    *("montecarlo", "_philox", "noise", "basis", "class_moments", "moments", "volume"),
    *("process", "law", "data", "denoise", "comparison"),
    *("error_curve", "score_error", "sampling", "measuring", "train", "path_kl", "ledger"),
    *(
        "planning",
        "posterior",
        "likelihood",
        "reporting",
        "checkpoints",
        "diffusers_export",
        "audited",
        "auditing",
        "advice",
        "paper",
    ),
    *("workflow", "cli", "__main__"),
]
LONGEST_CHAIN = 12  # files that load one after the other
MOST_PARAMETERS = 7  # of a public function outside the commands; a value of options counts one
FILES = sorted(str(p.relative_to(HOUSE)) for p in HOUSE.rglob("*.py"))
over_files = pytest.mark.parametrize("name", FILES)


@functools.cache
def tree(name):
    return ast.parse((HOUSE / name).read_text(encoding="utf-8"))


def room(name):
    return Path(name).parts[0].removesuffix(".py")


def imported_rooms(node, name):
    """Rooms that an import statement of the file `name` reaches."""
    if isinstance(node, ast.Import):
        dotted = [alias.name.split(".") for alias in node.names]
    elif node.level:
        base = ["girsanov", *Path(name).parts[:-1]]
        base = base[: len(base) - node.level + 1] + (node.module.split(".") if node.module else [])
        dotted = [[*base, alias.name] for alias in node.names]
    else:
        dotted = [[*node.module.split("."), alias.name] for alias in node.names]
    return [d[1] for d in dotted if d[0] == "girsanov" and len(d) > 1 and d[1] != "__version__"]


def imports(name):
    return [n for n in ast.walk(tree(name)) if isinstance(n, ast.Import | ast.ImportFrom)]


def for_types_only(name):
    """Import nodes under `if TYPE_CHECKING`, which run nothing."""
    guards = [
        n
        for n in ast.walk(tree(name))
        if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING"
    ]
    return {id(m) for guard in guards for m in ast.walk(guard)}


def at_import(name):
    """Nodes that run when the file is imported: all but the bodies of functions."""
    found, queue = [], [tree(name)]
    while queue:
        node = queue.pop()
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            queue += ast.iter_child_nodes(node)
    return found


def test_every_room_is_known():
    assert {room(n) for n in FILES} - {"__init__"} == set(ROOMS)


@over_files
def test_imports_run_one_way(name):
    if name == "__init__.py":
        return  # the front door: names every room, imports each when first used (test below)
    here = ROOMS.index(room(name))
    for node in imports(name):
        for there in imported_rooms(node, name):
            assert ROOMS.index(there) <= here, f"{name}:{node.lineno} imports {there}"


# no circles


def module(name):
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module(name): name for name in FILES}


@functools.cache
def imported_modules(name):
    """Files that any import of the file `name` reaches, local and typing ones too.

    A package's `__init__` stands for no file: it only names what the files of its room hold.
    """
    reached = set()
    for node in imports(name):
        if isinstance(node, ast.Import):
            wanted = [alias.name.removeprefix("girsanov.") for alias in node.names]
        else:
            parts = list(Path(name).parts[:-1])
            base = parts[: len(parts) - node.level + 1] if node.level else []
            inside = node.module or ""
            base += inside.removeprefix("girsanov").strip(".").split(".") if inside else []
            stem = ".".join(part for part in base if part)
            wanted = [stem, *(f"{stem}.{a.name}" if stem else a.name for a in node.names)]
        reached |= {MODULES[w] for w in wanted if w in MODULES}
    return {r for r in reached if not r.endswith("__init__.py")} - {name}


def circles():
    """Sets of files that reach each other (strongly connected, by Tarjan's algorithm)."""
    order, low, stack, circles = {}, {}, [], []

    def visit(v):
        order[v] = low[v] = len(order)
        stack.append(v)
        for w in imported_modules(v):
            if w not in order:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], order[w])
        if low[v] == order[v]:
            circle = [stack.pop()]
            while circle[-1] != v:
                circle.append(stack.pop())
            circles.extend([sorted(circle)] if len(circle) > 1 else [])

    for name in FILES:
        if name not in order and not name.endswith("__init__.py"):
            visit(name)
    return circles


def test_no_files_import_each_other():
    assert circles() == []


def test_the_search_for_circles_sees(monkeypatch):  # or the test above could not fail
    assert "error_curve/curve.py" in imported_modules("score_error/corrections.py")
    ring = {"data/arrays.py": {"data/load.py"}, "data/load.py": {"data/arrays.py"}}
    monkeypatch.setitem(globals(), "imported_modules", lambda name: ring.get(name, set()))
    assert circles() == [["data/arrays.py", "data/load.py"]]


@functools.cache
def chain(name):
    """The longest way of imports at load time from a file, itself counted."""
    typing_only = for_types_only(name)
    loaded = {id(n) for n in tree(name).body}
    reached = imported_modules(name) - _only_later(name, loaded, typing_only)
    return 1 + max((chain(other) for other in reached), default=0)


def _only_later(name, loaded, typing_only):
    """Files that the file `name` imports inside functions or for types alone."""
    at_once, later = set(), set()
    for node in imports(name):
        alone = ast.Module(body=[node], type_ignores=[])
        reached = _reached(alone, name)
        (at_once if id(node) in loaded and id(node) not in typing_only else later).update(reached)
    return later - at_once


def _reached(part, name):
    whole = tree(name)
    kept, whole.body = whole.body, part.body
    try:
        return imported_modules.__wrapped__(name)
    finally:
        whole.body = kept


def test_no_way_of_imports_is_long():
    longest = max((n for n in FILES if not n.endswith("__init__.py")), key=chain)
    assert chain(longest) <= LONGEST_CHAIN, longest


def test_the_import_walk_sees():  # or the test above could not fail
    def rooms_of(line, name):
        return imported_rooms(ast.parse(line).body[0], name)

    assert rooms_of("from ..planning.plan import x", "measuring/audit.py") == ["planning"]
    two = rooms_of("from .. import planning, noise", "measuring/audit.py")
    assert two == ["planning", "noise"]
    assert rooms_of("from . import planning", "moments.py") == ["planning"]
    assert rooms_of("from .basis import Basis", "moments.py") == ["basis"]
    assert rooms_of("from .holds import Step", "sampling/loop.py") == ["sampling"]
    assert rooms_of("import girsanov.cli.main", "noise.py") == ["cli"]
    assert rooms_of("from girsanov.cli import main", "noise.py") == ["cli"]
    assert rooms_of("from numpy import linalg", "noise.py") == []
    assert len(imports("measuring/audit.py")) > 10


def test_the_front_door_imports_nothing_at_once():
    typing_only = for_types_only("__init__.py")
    eager = [
        n
        for n in at_import("__init__.py")
        if isinstance(n, ast.Import | ast.ImportFrom) and id(n) not in typing_only
    ]
    assert not [r for n in eager for r in imported_rooms(n, "__init__.py")]


def test_every_public_name_can_be_had():
    assert set(girsanov.__all__) <= set(dir(girsanov))
    for name in girsanov.__all__:
        assert getattr(girsanov, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'schedule'"):
        girsanov.schedule  # noqa: B018


@over_files
def test_files_stay_small(name):
    lines = (HOUSE / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 350
    pragma = re.compile(r"  # (type: ignore|noqa).*$")
    assert max((len(pragma.sub("", line)) for line in lines), default=0) <= 99


@over_files
def test_functions_stay_small(name):
    """At most 60 lines besides its docstring, and few parameters but in a command's own."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
            few = len([a for a in own if a not in ("self", "cls")]) <= MOST_PARAMETERS
            assert few or name.startswith("cli/") or node.name.startswith("_"), node.name
            has_doc = ast.get_docstring(node) is not None
            doc = node.body[0].end_lineno - node.body[0].lineno + 1 if has_doc else 0
            length = node.end_lineno - node.lineno + 1 - doc
            assert length <= 60, f"{name}:{node.lineno} {node.name} has {length} lines"


def test_types_are_promised():
    assert (HOUSE / "py.typed").is_file()


@over_files
def test_no_options_travel_in_a_bare_dictionary(name):
    """No public parameter is a dict of anything; `Json` is the content of a file."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            for a in (*node.args.args, *node.args.kwonlyargs):
                kind = "" if a.annotation is None else ast.unparse(a.annotation)
                assert "dict[str, Any]" not in kind, f"{name}: {node.name}({a.arg}: {kind})"


@over_files
def test_every_file_opens_with_a_docstring(name):
    assert ast.get_docstring(tree(name))


# names

COMMANDS = {  # a command, the call of the workflow behind it, and the public function
    *("audit", "bounds", "compare", "demo", "doctor", "export", "fit", "likelihood", "plan"),
    *("checkpoints", "report", "sample", "verify", "check", "init_network", "coverage", "advise"),
}
PROTOCOL = {"run", "STATEMENT"}  # what every file of paper/statements defines; `run` of the CLI


def defined(name):
    """Public functions and classes at the top of a file, and public constants."""
    callables, constants = set(), set()
    for node in tree(name).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            callables.add(node.name)
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        targets = targets if isinstance(node, ast.Assign | ast.AnnAssign) else []
        constants |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return [{n for n in names if not n.startswith("_")} for names in (callables, constants)]


def named_twice(what):
    """Names that `what` of two files have in common, the exceptions left out."""
    files = {}
    for name in FILES:
        for each in what(name) - PROTOCOL:
            files.setdefault(each, []).append(name)
    return {
        each: where
        for each, where in files.items()
        if len(where) > 1 and not (each in COMMANDS and any(w.startswith("cli/") for w in where))
    }


def test_no_function_or_class_is_named_twice():
    assert not named_twice(lambda name: defined(name)[0])


def test_no_constant_that_another_file_imports_is_named_twice():
    imported = {
        alias.name
        for name in FILES
        for node in imports(name)
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith("girsanov"))
        for alias in node.names
    }
    assert not named_twice(lambda name: defined(name)[1] & imported)


# randomness

SEEDED = {"default_rng", "Philox", "Generator", "SeedSequence"}  # with arguments
TORCH_DRAWS = {
    *("rand", "randn", "randint", "randperm", "normal"),
    *("bernoulli", "multinomial", "poisson", "rand_like", "randn_like"),
    *("randint_like", "manual_seed", "seed", "normal_", "uniform_"),
    *("bernoulli_", "random_", "exponential_", "cauchy_", "log_normal_"),
    *("geometric_"),
}


def dotted(node):
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def global_draws(source):
    """Calls in `source` that read or set a random state which nobody passed in."""
    bad = []
    for node in ast.walk(source):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
            bad += ["random"] if "random" in named and not getattr(node, "level", 0) else []
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        last = name.rpartition(".")[2] or getattr(node.func, "attr", "")
        given = any(k.arg == "generator" for k in node.keywords)
        if name.startswith(("np.random.", "numpy.random.")):
            bad += [] if last in SEEDED and (node.args or node.keywords) else [name]
        elif name.startswith("torch.") or last.endswith("_"):
            bad += [name] if last in TORCH_DRAWS and not given else []
    return bad


KEEPERS = {"_checks.py": ["random"]}  # `need` puts Python's state back after an import


@over_files
def test_no_global_random_state(name):
    assert global_draws(tree(name)) == KEEPERS.get(name, [])


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("np.random.normal(size=3)", True),
        ("np.random.default_rng()", True),
        ("np.random.default_rng(seed)", False),
        ("torch.randn(3)", True),
        ("torch.randn(3, generator=g)", False),
        ("torch.nn.init.normal_(w)", True),
        ("w.data.uniform_(-1, 1)", True),
        ("f(x)[0].normal_()", True),
        ("torch.manual_seed(0)", True),
        ("g.manual_seed(0)", False),
        ("source.normal(0, 0, 1, 1)", False),
        ("import random", True),
        ("from numpy import random", True),
    ],
)
def test_the_search_for_random_calls_sees(line, bad):
    assert bool(global_draws(ast.parse(line))) == bad


@over_files
def test_noise_alone_makes_generators_of_numbers(name):
    """Philox belongs to noise.py; data.split shuffles rows with a seeded generator."""
    users = {"noise.py", "data/lineage.py"}
    calls = [dotted(n.func) for n in ast.walk(tree(name)) if isinstance(n, ast.Call)]
    assert name in users or not any(c.startswith("np.random.") for c in calls)


# safety and habits


@over_files
def test_nothing_is_unpickled(name):
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
            assert not {"pickle", "dill", "joblib", "cloudpickle", "marshal"} & set(modules)
        if isinstance(node, ast.Call):
            called = dotted(node.func)
            assert called not in ("torch.load", "eval", "exec", "torch.save")
            allowed = [k.value for k in node.keywords if k.arg == "allow_pickle"]
            assert all(isinstance(v, ast.Constant) and v.value is False for v in allowed)
            if called in ("np.load", "np.save", "np.lib.format.read_array", "np.savez"):
                assert allowed or called == "np.savez"


@over_files
def test_optional_packages_are_not_imported_at_once(name):
    heavy = {"diffusers", "matplotlib", "sklearn", "pyarrow", "pandas", "transformers"}
    skip = for_types_only(name)
    for node in at_import(name):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in skip:
            module = getattr(node, "module", None)
            names = [module] if module else [a.name for a in node.names]
            assert not heavy & {n.split(".")[0] for n in names if n}


@over_files
def test_no_loose_ends(name):
    text = (HOUSE / name).read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text)
    assert not re.search(r"^\s*(print|breakpoint)\(", text, re.M) or name.startswith("cli/")
