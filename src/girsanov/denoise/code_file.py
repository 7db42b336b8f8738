"""A model that is code: FILE.py:NAME, where NAME is a function that returns a denoiser.

It is the user's own file, and is run as ``python FILE.py`` would run it, its folder first among
the places that it imports from. What it prints goes to stderr. We open no pickle; a file that
opens one itself does what its author wrote. The fingerprint is of the file, the name and the
weights, not of what else the file imports.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from .._checks import InputError, refuse, require
from .._files import sha256_of
from .base import PAGE, require_denoiser
from .faults import fault, out_of_memory
from .places import CODE_PATH
from .wrapped import try_call

if TYPE_CHECKING:
    from .base import Denoiser

FUNCTION = "a function without arguments that returns a denoiser, FILE.py:function"


def denoiser_of_code(path: str, device: str | None = None) -> Denoiser:
    """Return the denoiser of ``FILE.py:NAME``, whose code is run.

    NAME: a function without arguments that returns it, or the denoiser itself; device: where it
    is brought, by default it stays where its code put it. Raises InputError in one line, with its
    own words and where it was raised, for whatever goes wrong in it.
    """
    file, name = _parts(path)
    text = file.read_bytes()
    with contextlib.redirect_stdout(sys.stderr):
        module = _run(file, text, path)
        require(hasattr(module, name), path, f"must name {FUNCTION}", f"no {name}", _has(text))
        model = getattr(module, name)
        if isinstance(model, type) or not hasattr(model, "snr_range"):
            require(callable(model), path, f"must be {FUNCTION}", type(model).__name__)
            model = _guarded(path, model)
        _require_one(path, model)
        return _guarded(path, lambda: _ready(path, model, device, sha256_of("code", text, name)))  # type: ignore[no-any-return]


def _parts(path: str) -> tuple[Path, str]:
    form = CODE_PATH.fullmatch(path)
    assert form is not None
    file, name = Path(form["file"]), form["name"] or ""
    require(file.is_file(), f"model {path}", "must be an existing file", "no such file")
    if not name.isidentifier():
        refuse(path, f"must name {FUNCTION}", name or "no function", _has(file.read_bytes()))
    return file, name


def _has(text: bytes) -> str:
    """Return which functions a file has, without running it."""
    with contextlib.suppress(SyntaxError, ValueError):
        names = [n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)]
        return f"It has {', '.join(names)}" if names else "It has no functions"
    return ""


def _run(file: Path, text: bytes, path: str) -> ModuleType:
    """Return the file as a module, run anew under a name that no import finds."""
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = f"girsanov_code_{sha256_of(str(file.resolve()))[:12]}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        refuse(path, "must be a file of Python", file.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    loader = spec.loader
    _guarded(path, lambda: loader.exec_module(module))
    return module


def _guarded(path: str, call: Any) -> Any:
    """Return what a call of the user's code returns; what it raises becomes one line."""
    try:
        return call()
    except InputError as cause:
        where = fault(cause).rpartition(" (")[2]
        place = "" if ", line " in str(cause) else f" ({where}"
        raise InputError(f"{path}: {cause}{place}") from cause
    except SystemExit as cause:
        remedy = 'Guard what a script does with: if __name__ == "__main__"'
        raise InputError(f"{path}: must not exit; {fault(cause)}. {remedy}") from cause
    except Exception as cause:
        if out_of_memory(cause):
            raise
        raise InputError(f"{path}: fails; {fault(cause)}") from cause


def _require_one(path: str, model: Any) -> None:
    """Refuse what is no denoiser."""
    try:
        require_denoiser(model)
    except InputError as cause:
        rule, remedy = "must return a denoiser", f"girsanov.wrap makes one of a network ({PAGE})"
        got = f"{type(model).__name__}, which {str(cause).partition('which ')[2].split('. ')[0]}"
        raise InputError(f"{path}: {rule}; got {got}. {remedy}") from cause


def _ready(path: str, model: Any, device: str | None, code: str) -> Denoiser:
    """Return a denoiser on its device, tried once, with the code in its fingerprint."""
    if device is not None and torch.device(device) != model.device:
        model = model.to(device) if hasattr(model, "to") else model
        there = model.device.type == torch.device(device).type
        remedy = "Let the function put its network there"
        require(there, "device", "must be one that the denoiser can be moved to", device, remedy)
    if not type(model).__module__.startswith("girsanov.denoise.pipelines"):
        try_call(model)
    own = model.fingerprint
    require(isinstance(own, str), path, "must have a fingerprint, the SHA-256 in hex", own)
    with contextlib.suppress(AttributeError):  # one that cannot be set is of the weights alone
        model.fingerprint = sha256_of("code", code, own)
    return model  # type: ignore[no-any-return]
