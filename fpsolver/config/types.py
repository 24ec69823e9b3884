"""Building blocks of the schema: strict sections, numbers or words."""

from __future__ import annotations

import difflib
import math
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from fpsolver.errors import UsageError


def fault(text: str) -> PydanticCustomError:
    """A finding whose text is ours."""
    return PydanticCustomError("fpsolver", "{text}", {"text": text})


def shown(value: Any) -> str:
    """A value as it is quoted in a message."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "empty"
    if isinstance(value, int) and not is_number(value):
        return f"an integer of about {math.log10(abs(value)):.0f} digits, and numbers end at 1.8e308"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_number(value: Any) -> bool:
    """True for a finite int or float that is not a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def number_or(word: str, *, above: float | None = None, whole: int | None = None) -> Any:
    """Type of a value that is either ``word`` or a number (``whole``: an integer of at least that)."""
    kind = f"an integer of at least {whole}" if whole is not None else "a number"
    kind += f" greater than {above:g}" if above is not None else ""

    def check(value: Any) -> Any:
        """The value if it is the word or a number in range."""
        if value == word:
            return value
        if isinstance(value, str) and difflib.get_close_matches(value, [word]):
            raise fault(f"must be `{word}` or {kind}, but is {shown(value)}; did you mean `{word}`?")
        good = is_number(value) and (above is None or value > above)
        if whole is not None:
            good = good and isinstance(value, int) and value >= whole
        if not good:
            raise fault(f"must be `{word}` or {kind}, but is {shown(value)}")
        return value

    json_type: dict[str, Any] = {"type": "number"} if whole is None else {"type": "integer", "minimum": whole}
    json_type |= {} if above is None else {"exclusiveMinimum": above}
    return Annotated[Any, BeforeValidator(check), WithJsonSchema({"anyOf": [{"const": word}, json_type]})]


def one_of(known: tuple[str, ...]) -> Any:
    """Type of a word out of a list."""

    def check(value: Any) -> Any:
        """The value if it is one of the words."""
        choices = " or ".join(f"`{word}`" for word in known)
        if value not in known:
            raise fault(f"must be {choices}, but is {shown(value)}")
        return value

    return Annotated[str, BeforeValidator(check), WithJsonSchema({"enum": list(known)})]


def list_or_one(value: Any) -> str:
    """Which of the two forms a value has that may be given once for all particles, or as a list for each."""
    return "<list>" if isinstance(value, list | tuple) else "<one>"


def _printable(value: str) -> str:
    if not value.isprintable():
        raise fault(f"must be one line of printable text, but is {value!a}")
    return value


Text = Annotated[str, AfterValidator(_printable)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Row = Annotated[list[float], Field(min_length=2)]


_COPY = 'make another one with config.replaced(..), which takes dotted keys, too: **{"system.mass": 2.0}'


class Section(BaseModel):
    """Base of all sections: strict types, unknown keys refused, values immutable."""

    # defer_build: only the whole configuration is compiled, not each section (0.1 s of start-up)
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise UsageError(f"a configuration is not changed: {name} cannot be set to {shown(value)}; {_COPY}")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise UsageError(f"a configuration is not changed: {name} cannot be deleted; {_COPY}")
