"""Settings of a record, as text: `key=value`, read by the types of its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, is_dataclass
from functools import cache
from types import MappingProxyType, NoneType
from typing import Any, TypeVar, cast, get_origin

from inceptionkit.errors import InceptionError, did_you_mean
from inceptionkit.records import TYPE, Hint, Json, from_json, members, to_json, types_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """What can be set in a record by `key=value`.

    Attributes:
        path: names of fields, outermost first.
        hint: the type of the last.
        tags: members of the union around it that have it; none where there is no union.
    """

    path: tuple[str, ...]
    hint: Hint
    tags: tuple[str, ...] = ()

    @property
    def dotted(self) -> str:
        """The whole key."""
        return ".".join(self.path)


@cache
def settings_of(kind: type) -> Mapping[str, Setting]:
    """Key -> what it sets: "schedule.factor", and "factor" where nothing else is called so."""
    whole: dict[str, Setting] = {}
    for setting in _settings(kind, (), ()):
        known = whole.get(setting.dotted, setting)
        tags = tuple(dict.fromkeys((*known.tags, *setting.tags)))
        whole[setting.dotted] = Setting(setting.path, known.hint, tags)
    last = [setting.path[-1] for setting in whole.values()]
    short = {s.path[-1]: s for s in whole.values() if last.count(s.path[-1]) == 1}
    return whole | short


def _settings(kind: type, path: tuple[str, ...], tags: tuple[str, ...]) -> Iterator[Setting]:
    for name, hint in types_of(kind).items():
        parts = [one for one in members(hint, kind) if is_dataclass(one)]
        if not parts or any(hasattr(one, "TAG") for one in parts):
            yield Setting((*path, name), hint, tags)
        for one in parts:
            own = (one.TAG,) if hasattr(one, "TAG") else ()
            yield from _settings(cast(type, one), (*path, name), own)


def override(
    record: T,
    words: Sequence[str],
    *,
    fixed: Sequence[str] = (),
    also: Mapping[str, str] = MappingProxyType({}),
    error: type[InceptionError],
) -> T:
    """A record with settings written as key=value; a choice of a type comes before its parts.

    A type that is chosen brings its own defaults: nothing of the one before stays.

    Args:
        record: what is changed.
        words: such as "schedule=step", "schedule.factor=0.94" or, where it is clear, "factor=0.94".
        fixed: fields that cannot be set.
        also: what others call a setting -> what it is called here, for the advice.
        error: what is raised.

    Raises:
        InceptionError: `error`; no "=", an unknown key, or a value that is wrong.
    """
    known = {
        key: s for key, s in settings_of(cast(type, type(record))).items() if s.path[0] not in fixed
    }
    data, given = to_json(record), []
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            names = ", ".join(key for key in known if "." not in key)
            msg = f"a setting is written key=value, got {word!r}; keys are {names}"
            raise error(msg)
        if key not in known:
            several = [name for name in known if name.endswith(f".{key}")]
            short = [name for name in known if "." not in name]
            near = f"write {' or '.join(several)}" if several else did_you_mean(key, short)
            if (other := also.get(key.replace("-", "_"))) is not None:
                near = f"write {other}{' ' if other.startswith('--') else '='}{text}"
            msg = f"there is no setting {key!r}; {near}"
            raise error(msg)
        given.append((known[key], key, text))
    for setting, key, text in sorted(given, key=lambda one: len(one[0].path)):
        if tags := _set(data, setting, text, type(record)):
            around = setting.path[-2]
            msg = f"{key} applies only with {around}={' or '.join(tags)}; set that too"
            raise error(msg)
    return from_json(type(record), data, at="", error=error)


def _set(data: Json, setting: Setting, text: str, kind: type) -> tuple[str, ...]:
    """Set one; where the type around it has no such part, return those that do."""
    *around, last = setting.path
    for name in around:
        data = None if data is None else data[name]
    if setting.tags and (data is None or data[TYPE] not in setting.tags):
        return setting.tags
    tagged = {one.TAG: one for one in members(setting.hint, kind) if hasattr(one, "TAG")}
    if text in tagged:
        if data[last] is None or data[last][TYPE] != text:
            data[last] = {TYPE: text}
    else:
        data[last] = _read(text, setting.hint, kind)
    return ()


def _read(text: str, hint: Hint, owner: type) -> Json:
    """The JSON that a text stands for; the text itself where it is of no such type."""
    kinds = members(hint, owner)
    if text.lower() == "none" and NoneType in kinds:
        return None
    if any(cast(Any, get_origin(one)) is tuple for one in kinds):
        return [_number(part) for part in text.split(",") if part]
    if bool in kinds:
        return {"true": True, "false": False}.get(text.lower(), text)
    return _number(text) if {int, float} & set(kinds) else text


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def settings(record: T, base: T) -> list[str]:
    """What turns `base` into `record`, as `override` takes it."""
    return [f"{key}={text}" for key, text in _texts(record, to_json(base)).items()]


def values(record: object) -> dict[str, str]:
    """Every setting of a record as text, by its shortest key."""
    return _texts(record, {})


def _texts(record: object, base: Json) -> dict[str, str]:
    known = settings_of(cast(type, type(record)))
    short = {setting.dotted: key for key, setting in known.items()}  # the last key is the shortest
    found = _differences(to_json(record), base, "")
    return {short.get(path, path): _written(value) for path, value in found}


def _differences(ours: Json, theirs: Json, at: str) -> Iterator[tuple[str, Json]]:
    if not isinstance(ours, Mapping):
        if ours != theirs:
            yield at, ours
        return
    there = theirs if isinstance(theirs, Mapping) else {}
    if TYPE in ours and ours[TYPE] != there.get(TYPE):
        yield at, ours[TYPE]
        there = {}  # a type that is chosen brings its own defaults
    for name, value in ours.items():
        if name != TYPE:
            yield from _differences(value, there.get(name, MISSING), f"{at}.{name}".lstrip("."))


def _written(value: Json) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(str, value))
        case _:
            return str(value)
