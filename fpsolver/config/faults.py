"""Pydantic's findings as sentences: dotted key of the file, rule, what was given, cure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from fpsolver.config import schema
from fpsolver.config.schema_many import FORMS
from fpsolver.config.types import is_number, shown
from fpsolver.errors import ConfigError, Fault, FileFormatError, FpsolverError, GridError, UsageError

T = TypeVar("T")
ALIKE = 0.75  # of difflib: `betta` is beta, but `mean` is not omega
IN_WORDS = {  # the forms of a system
    "<flat>": "one particle (`mass`, `potential`, `bath`)",
    "<several>": "several particles (`particles`)",
    "<chain>": "a chain (`chain`)",
}
OBJECT = "python"  # cannot be written in a file
_NO_START = "give a state at time 0, or time.method: direct for the steady state alone"
NEEDS_LINEAR = "time.method: direct needs a linear scheme, but this is `limited`; use `central`, or method `stepping`"
NEEDS_CONSTANTS = "`{}` needs constant coefficients, and those of this bath change with time; leave it out"


class Collector:
    """Calls one check after another and keeps the faults of all of them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._other: FpsolverError | None = None

    def __call__(self, check: Callable[..., T], *arguments: Any) -> T | None:
        """What the check returns, None if it fails."""
        try:
            return check(*arguments)
        except ConfigError as error:
            self.faults += [fault for fault in error.faults if fault not in self.faults]
        except FpsolverError as error:
            self._other = self._other or error
        return None

    def refuse(self) -> None:
        """ConfigError with all faults if there are any, else the first other error."""
        if self.faults:
            raise ConfigError(*self.faults)
        if self._other is not None:
            raise self._other


@contextmanager
def of_file(key: str) -> Iterator[None]:
    """Whatever is wrong with a file is a fault of the key that names it, so that it is told with its line."""
    try:
        yield
    except (FileFormatError, GridError, UsageError) as error:
        raise ConfigError(Fault(key, str(error))) from None


def faults_of(error: ValidationError, data: dict[str, Any]) -> list[Fault]:
    """Pydantic's findings as sentences, with the dotted keys of the file."""
    items = [dict(item) for item in error.errors(include_url=False)]
    return [fault for item in items for fault in (_fault(item, data), *_misspelt_tag(item, data))]


def between_sections(data: dict[str, Any]) -> list[Fault]:
    """Faults of plain data that involve more than one key or section, and are told beside those of single keys."""
    method, until = _entry(data, "time", "method"), _entry(data, "time", "until")
    is_steady = method == "direct" or (method == "gaussian" and until in (None, "steady"))
    faults = []
    if not is_steady and data.get("initial") is None:
        faults.append(Fault("initial", f"required, but missing; {_NO_START}"))
    if method == "direct" and is_number(until):
        text = f"method `direct` finds the steady state, but until is {until:g}; leave it out, or use `stepping`"
        faults.append(Fault("time.until", text))
    stepper, is_limited = _entry(data, "time", "stepper"), _entry(data, "scheme", "reversible") == "limited"
    if method == "direct" and is_limited:
        faults.append(Fault("scheme.reversible", NEEDS_LINEAR))
    has_steps = method not in ("direct", "gaussian")
    if stepper == "implicit" and is_limited and method != "gaussian":
        faults.append(Fault("time.stepper", "implicit steps need linear fluxes; use scheme.reversible: central"))
    if _entry(data, "system", "bath", "model") == "hu_paz_zhang" and method != "gaussian":
        faults += needing_constants(method, stepper)
    latest = _entry(data, "time", "max_time")
    if has_steps and is_number(until) and is_number(latest) and latest < until:
        text = f"is {latest:g}, before time.until = {until:g}; leave one of them out"
        faults.append(Fault("time.max_time", text))
    hbar = _entry(data, "units", "hbar")
    if _entry(data, "checks", "require_complete_positivity") is True and is_number(hbar) and hbar == 0:
        text = "has no meaning for a classical system (units.hbar is 0); leave it out"
        faults.append(Fault("checks.require_complete_positivity", text))
    return faults


def needing_constants(method: Any, stepper: Any) -> list[Fault]:
    """Faults of what cannot be with coefficients that change with time."""
    given = {"implicit": ("time.stepper", stepper), "direct": ("time.method", method)}
    return [Fault(key, NEEDS_CONSTANTS.format(word)) for word, (key, value) in given.items() if value == word]


def _entry(data: Any, *steps: str) -> Any:
    """What is under nested keys of plain data or of sections, None if there is nothing."""
    for step in steps:
        data = data.get(step) if isinstance(data, dict) else getattr(data, step, None)
    return data


def _fault(item: dict[str, Any], data: dict[str, Any]) -> Fault:
    steps, model = _resolve(item["loc"], data)
    key = ".".join(str(step) for step in steps)
    kind, given, limits = item["type"], shown(item["input"]), item.get("ctx", {})
    if kind == "fpsolver":
        return Fault(key, limits["text"])
    if kind == "missing":
        return Fault(key, "required, but missing")
    if kind == "extra_forbidden":
        return Fault(key, _unknown(str(steps[-1]), model))
    if kind == "union_tag_not_found":
        name = limits["discriminator"].strip("'")
        return Fault(f"{key}.{name}", f"required, but missing; choose one of {_listed(_tags(model))}")
    if kind == "union_tag_invalid":
        name = limits["discriminator"].strip("'")
        return Fault(f"{key}.{name}", _bad_tag(limits["tag"], limits["expected_tags"]))
    if kind == "too_short" and isinstance(item["input"], str):
        return Fault(key, "must not be empty")
    rule = _RULES.get(kind, item["msg"][0].lower() + item["msg"][1:])
    bound = next((limits[name] for name in ("gt", "ge", "lt", "le", "min_length", "max_length") if name in limits), "")
    if isinstance(bound, float):
        bound = f"{bound:g}"
    return Fault(key, f"{rule.format(bound=bound)}, but is {given}")


_RULES = {
    "float_type": "must be a number",
    "int_type": "must be an integer",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "model_type": "must be a section with keys",
    "model_attributes_type": "must be a section with keys",
    "dict_type": "must be a section with keys",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {bound}",
    "greater_than_equal": "must be at least {bound}",
    "less_than": "must be less than {bound}",
    "less_than_equal": "must be at most {bound}",
    "too_short": "must have at least {bound} entries",
    "too_long": "must have at most {bound} entries",
}


def _misspelt_tag(item: dict[str, Any], data: dict[str, Any]) -> list[Fault]:
    """The key that was meant to be ``kind`` or ``model``, if one looks like it."""
    if item["type"] != "union_tag_not_found" or not isinstance(item["input"], dict):
        return []
    steps, model = _resolve(item["loc"], data)
    name = item["ctx"]["discriminator"].strip("'")
    known = {key for member in _members(model) for key in member.model_fields}
    near = difflib.get_close_matches(name, [str(key) for key in item["input"] if key not in known], n=1)
    place = ".".join(map(str, steps))
    return [Fault(f"{place}.{key}", f"unknown key; did you mean `{name}`?") for key in near]


def _resolve(loc: tuple[str | int, ...], data: Any) -> tuple[list[str | int], type[BaseModel] | None]:
    """Keys of the file for a pydantic location (which has the tags of unions between), and the section's model."""
    steps: list[str | int] = []
    model: type[BaseModel] | None = schema.ConfigData
    node = data
    for step in loc:
        if isinstance(step, str) and step.startswith("<"):  # tags of the form: one or a list, one particle or several
            model = FORMS.get(step, model)
            continue
        is_tag = isinstance(node, dict) and step in (node.get("kind"), node.get("model"))
        if is_tag and (model is None or _members(model)):  # a quartic well has a key of the name of its kind
            model = next((m for m in _members(model) if step in _tag_values(m)), model)
            continue
        steps.append(step)
        annotation = model.model_fields[str(step)].annotation if model and str(step) in model.model_fields else None
        model = _union(annotation) if annotation is not None else model
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
    return steps, model


class _Union(BaseModel):
    """Marker that carries the members of a union while a location is resolved."""


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _union(annotation: Any) -> type[BaseModel] | None:
    models = list(dict.fromkeys(_models_in(annotation)))
    if len(models) == 1:
        return models[0]
    return type("Choice", (_Union,), {"__members__": tuple(models)}) if models else None


def _members(model: type[BaseModel] | None) -> tuple[type[BaseModel], ...]:
    return tuple(getattr(model, "__members__", ()))


def _tag_values(model: type[BaseModel]) -> tuple[str, ...]:
    for name in ("kind", "model"):
        if name in model.model_fields:
            return get_args(model.model_fields[name].annotation)
    return ()


def _tags(model: type[BaseModel] | None) -> list[str]:
    return [tag for member in _members(model) for tag in _tag_values(member) if tag != OBJECT]


def _of_another_form(key: str, model: type[BaseModel] | None) -> str:
    """What to say of a key that systems written in another way have; nothing for any other."""
    own = next((words for form, words in IN_WORDS.items() if FORMS[form] is model), "")
    others = [words for form, words in IN_WORDS.items() if key in FORMS[form].model_fields and words != own]
    if not own or not others:
        return ""
    found = f"belongs to {' or '.join(others)}, but this system is written as {own}"
    return f"{found}; these forms exclude each other: keep one"


def _unknown(key: str, model: type[BaseModel] | None) -> str:
    known = sorted(model.model_fields) if model else []
    if belongs := _of_another_form(key, model):
        return belongs
    if model is FORMS["<flat>"]:
        known += ["particles", "chain"]
    near = [name for name in known if sorted(name) == sorted(key)]  # letters in another order, as in `eat`
    near = near or difflib.get_close_matches(key, known, n=1, cutoff=ALIKE)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"unknown key{hint} (allowed: {', '.join(known)})"


def _bad_tag(tag: Any, expected: str) -> str:
    known = [word.strip("' ") for word in expected.split(",") if OBJECT not in word]
    near = difflib.get_close_matches(str(tag), known, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"must be one of {_listed(known)}, but is {shown(tag)}{hint}"


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
