"""Options, each stated once: the Python signature and the command line of a verb are derived."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache, wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from inceptionkit.addresses import without_secrets
from inceptionkit.errors import (
    AccessError,
    InceptionError,
    MissingTorchError,
    OptionError,
    UnknownNameError,
    did_you_mean,
)
from inceptionkit.records import types_of

P = ParamSpec("P")
Q = TypeVar("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_TEXTS = (str, Path, list, tuple)  # what an address may be or be in
_SECTIONS = ("Args:", "Returns:", "Raises:")  # of a docstring


@dataclass(frozen=True, slots=True)
class Stated:
    """What is said of a field of a request.

    Attributes:
        help: one line, with the unit.
        metavar: what stands for the value; follows from the type if empty.
        default: in words, where None means that the verb chooses.
        group: heading under which help lists it.
    """

    help: str
    metavar: str = ""
    default: str = ""
    group: str = "Options"


class Argument(Stated):
    """A field that the command line takes by its place."""


class Callback(Stated):
    """A field that the Python function alone takes: who is called while the verb works."""


@dataclass(frozen=True, slots=True)
class Option(Stated):
    """A field that the command line takes by its name.

    Attributes:
        min: the smallest number.
        max: the largest number.
        also: further spellings on the command line.
        bare: the value where the option stands without a number.
    """

    min: float | None = None
    max: float | None = None
    also: tuple[str, ...] = ()
    bare: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field of a request."""

    name: str
    stated: Stated
    hint: Any  # its type
    default: Any  # MISSING if it must be given
    keyword: bool
    kinds: tuple[Any, ...]  # the types of a value that is not None
    choices: tuple[Any, ...]  # the only values, where there are such

    @property
    def flags(self) -> tuple[str, ...]:
        """How the command line spells an option, the derived way first."""
        if not isinstance(self.stated, Option):
            return ()
        return (f"--{self.name.rstrip('_').replace('_', '-')}", *self.stated.also)

    @property
    def many(self) -> bool:
        """Whether the command line takes several."""
        return get_origin(self.kinds[0]) is Sequence

    @property
    def explained(self) -> str:
        """Its help, with the default where only words say it."""
        default = self.stated.default
        return self.stated.help + (f" (default: {default})" if default else "")

    def check(self, value: object) -> None:
        """Refuse a value that is no choice, or beyond the limits of an option.

        Raises:
            UnknownNameError, OptionError: so it is.
        """
        if self.choices and value not in self.choices:
            msg = f"{self.name} cannot be {value!r}; {did_you_mean(str(value), self.choices)}"
            raise UnknownNameError(msg)
        low, high = getattr(self.stated, "min", None), getattr(self.stated, "max", None)
        if isinstance(value, int | float) and (
            (low is not None and not value >= low) or (high is not None and not value <= high)
        ):
            limits = [f"at least {low:g}"] if low is not None else []
            limits += [f"at most {high:g}"] if high is not None else []
            msg = f"{self.name} must be {' and '.join(limits)}, got {value:g}"
            raise OptionError(msg)


class Verb(Protocol[P, R_co]):
    """A public function, and the request that its arguments make."""

    __name__: str
    request: type

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Do it."""


def verb(request: Callable[P, Q]) -> Callable[[Callable[[Q], R]], Verb[P, R]]:  # noqa: C901 - all at the border
    """Turn a function of a request into one of the request's fields, documented by them."""
    options = [one for one in parameters(request) if isinstance(one.stated, Option)]

    def decorate(run: Callable[[Q], R]) -> Verb[P, R]:
        @wraps(run)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            made: Any = request(*args, **kwargs)
            if ":/" in str([v for v in vars(made).values() if isinstance(v, _TEXTS)]):
                made = _shown(made)  # the border: nothing behind it sees a secret
            for one in options:
                if (value := getattr(made, one.name)) is not None:
                    one.check(value)
            try:
                return run(made)
            except (ModuleNotFoundError, OSError) as error:
                if (reported := _reported(error, run.__name__)) is None:
                    raise
                raise reported from error
            finally:
                if close := getattr(getattr(made, "listener", None), "close", None):
                    close()

        vars(called).update(
            request=request,
            __signature__=signature(request, inspect.signature(run).return_annotation),
        )
        called.__annotations__ = {one.name: one.hint for one in parameters(request)}
        called.__doc__ = documented(run.__doc__ or "", request)
        return cast(Verb[P, R], called)

    return decorate


def _reported(error: ModuleNotFoundError | OSError, name: str) -> InceptionError | None:
    """What a user can do about an error of the system within a verb; None if nothing."""
    if isinstance(error, ModuleNotFoundError):
        return MissingTorchError(name) if error.name == "torch" else None
    known = isinstance(error, InceptionError) or error.filename is None
    return None if known else AccessError(error)


def _shown(made: Any) -> Any:  # noqa: ANN401 - a request
    """A request whose addresses have lost what is secret."""
    changed: dict[str, Any] = {}
    for name, value in vars(made).items():
        if isinstance(value, str | Path):
            changed[name] = _address(value)
        elif isinstance(value, list | tuple):
            changed[name] = type(value)(map(_address, value))
    return replace(made, **changed)


def _address(one: object) -> object:
    """An address without what is secret; whatever else it may be stays."""
    return without_secrets(one) if isinstance(one, str | Path) and ":/" in str(one) else one


@cache
def parameters(request: Callable[..., object]) -> tuple[Parameter, ...]:
    """The fields of a request: a dataclass each of whose annotations states an option."""
    hints, found = types_of(cast(type, request)), []
    for field in fields(cast(type, request)):
        hint = hints[field.name].__origin__
        stated = next(one for one in hints[field.name].__metadata__ if isinstance(one, Stated))
        union = get_origin(hint) in {Union, UnionType}
        kinds = tuple(k for k in (get_args(hint) if union else (hint,)) if k != NoneType)
        choices = get_args(kinds[0]) if get_origin(kinds[0]) is Literal else ()
        keyword = field.kw_only is True
        found.append(Parameter(field.name, stated, hint, field.default, keyword, kinds, choices))
    return tuple(found)


def signature(request: Callable[..., object], returns: object) -> inspect.Signature:
    """The signature of a function that takes the fields of a request."""
    places = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return inspect.Signature(
        [
            inspect.Parameter(
                one.name,
                places[one.keyword],
                default=inspect.Parameter.empty if one.default is MISSING else one.default,
                annotation=one.hint,
            )
            for one in parameters(request)
        ],
        return_annotation=returns,
    )


def documented(doc: str, request: Callable[..., object]) -> str:
    """A docstring with its Args, which stand before what is returned and raised."""
    text = prose(doc)
    args = [f"    {one.name}: {one.explained}" for one in parameters(request)]
    rest = inspect.cleandoc(doc).removeprefix(text).strip("\n")
    return "\n\n".join(filter(None, (text, "\n".join(["Args:", *args]), rest)))


def prose(doc: str) -> str:
    r"""A docstring up to its sections.

    >>> prose("Do it.\n\nWell.\n\nRaises:\n    SpecError: not.")
    'Do it.\n\nWell.'
    """
    text = inspect.cleandoc(doc)
    ends = [text.index(f"\n\n{name}") for name in _SECTIONS if f"\n\n{name}" in text]
    return text[: min(ends, default=None)]


def several(given: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    """One or more names or paths, as a tuple."""
    return (str(given),) if isinstance(given, str | Path) else tuple(map(str, given))
