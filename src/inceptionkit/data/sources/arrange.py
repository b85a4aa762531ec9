"""A tree of images, sorted into classes and sets by the names of its folders."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from inceptionkit.data import checks
from inceptionkit.data.set_names import (
    is_unlabeled,
    like_a_set,
    says_nothing,
    set_named,
    sets_named,
    words_of,
)
from inceptionkit.data.sources.layout import LINK_BACK, FolderContent, Listing, Tree
from inceptionkit.data.types import SETS, SetName, Unusable
from inceptionkit.text import listing, plural, printable

_OF_BOXES = frozenset({"annotations", "imagesets", "labels"})  # folders of Pascal VOC, COCO, YOLO
_LOOSE = "lies outside of the class folders"
_INTO_CLASSES = "put one folder per class into it"
_DEEPEST = 100  # folders in folders around everything; more is a trick
_FEW = 20  # folders beside each other that may be something else than classes
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


class _Unit(NamedTuple):
    """A folder all of whose images are of one class and one set."""

    place: str
    klass: str
    set: int  # index into SETS, or -1


@dataclass(slots=True)
class _Columns:
    """The columns as they grow, without an object for each row."""

    names: list[str] = field(default_factory=list)
    labels: array[int] = field(default_factory=lambda: array("i"))  # in order of appearance
    sets: array[int] = field(default_factory=lambda: array("b"))
    class_names: dict[str, int] = field(default_factory=dict)

    def add(self, paths: list[str], unit: _Unit) -> None:
        label = self.class_names.setdefault(unit.klass, len(self.class_names))
        self.names.extend(sorted(paths))
        self.labels.extend([label] * len(paths))
        self.sets.extend([unit.set] * len(paths))


def arrange(address: str, tree: Tree) -> Listing:
    """Sort the images of a tree into classes and sets.

    A folder that everything lies in is looked through. Images outside of class folders are listed
    as unusable; a test set without class folders is left out. Notes say so.

    Raises:
        DataError: there is no image, a class folder holds none, or the layout is not clear.
    """
    sorting = _Sorting(address, tree)
    top = sorting.below_wrappers()
    columns, bare = _Columns(), list[str]()
    for unit in sorting.units(top):
        if paths := list(tree.walk(unit.place)):
            columns.add(paths, unit)
        else:
            bare.append(unit.place)
    checks.require_images(
        address,
        images=len(columns.labels),
        empty=not (top.folders or top.images or top.others or tree.skipped or sorting.root),
        loose=[image.name for image in tree.skipped if image.reason == _LOOSE],
        tables=sorting.tables,
    )
    _refuse_bare(address, tree, bare)
    return sorting.listing(columns)


@dataclass(slots=True)
class _Sorting:
    """What the names of folders mean, as far as it was found."""

    address: str
    tree: Tree
    root: str = ""  # the folders that everything lies in: "photos/"
    tables: list[str] = field(default_factory=list)  # files there that may be manifests
    notes: list[str] = field(default_factory=list)

    def below_wrappers(self) -> FolderContent:
        """Go down the folders that hold everything; never into a class, nor a set."""
        top = self.tree.list_folder("")
        for _ in range(_DEEPEST):
            if top.images or len(top.folders) > _FEW:
                break
            full = [place for place in top.folders if next(self.tree.walk(place), None)]
            if len(full) != 1 or set_named(_base(full[0])):
                break
            inner = self.tree.list_folder(full[0])
            if inner.images or not inner.folders:
                break
            top, self.root = inner, f"{full[0]}/"
        if self.root:
            self.notes.append(f"everything lies in {printable(self.root)}")
        self.tables = [path for path in top.others if path.lower().endswith(TABLES)]
        return top

    def units(self, top: FolderContent) -> Iterator[_Unit]:
        """The folders that hold the images of one class, in order."""
        given = sets_named([_base(place) for place in top.folders])
        named = {place: set_ for place, set_ in zip(top.folders, given, strict=True) if set_}
        inside = {place: self.tree.list_folder(place) for place in top.folders}
        whole = [place for place in named if inside[place].folders and not inside[place].images]
        if not whole:
            yield from self._undivided(top, named, inside)
            return
        self.tree.skipped.extend(Unusable(printable(path), _LOOSE) for path in top.images)
        labeled = {
            place: self._inner(place)
            for place in named
            if not self._without_classes(place, named, inside)
        }
        self._refuse_mixture(top, labeled, named)
        for number, set_ in enumerate(SETS):
            for place, inner in labeled.items():
                if named[place] == set_:
                    folders = self.tree.list_folder(inner).folders
                    yield from (_Unit(one, _klass(one), number) for one in _in_order(folders))
                    if not folders:
                        yield _Unit(inner, "", number)  # is refused, since it is empty

    def _undivided(
        self,
        top: FolderContent,
        named: dict[str, SetName],
        inside: dict[str, FolderContent],
    ) -> Iterator[_Unit]:
        """Class folders, divided each by itself or not at all."""
        flat = [place for place in named if inside[place].images]
        other = [p for p in top.folders if p not in named and not is_unlabeled(_base(p))]
        if flat and not other and "train" in named.values():
            self._refuse_flat(flat[0])
        split = [place for place in top.folders if _is_split(inside[place])]
        if split and len(split) < len(top.folders):
            rest = next(place for place in top.folders if place not in split)
            wrong = f"{self._short(split[0])}/ is divided into sets, {self._short(rest)}/ is not"
            self._refuse(wrong, "divide every class, or none")
        unlabeled = flat if list(named.values()) == ["test"] and len(other) > 1 else []
        for place in unlabeled:
            self._note_unlabeled(place)
        if not split:
            self._refuse_like_sets(top, inside)
            if flat and not unlabeled:
                words = listing([f"{self._short(place)}/" for place in flat])
                self.notes.append(f"{words} counted as classes, like the folders beside")
        self.tree.skipped.extend(Unusable(printable(path), _LOOSE) for path in top.images)
        units = [
            _Unit(inner, _klass(place), SETS.index(set_named(_base(inner)) or "train"))
            for place in split
            for inner in inside[place].folders
        ] or [_Unit(place, _klass(place), -1) for place in top.folders if place not in unlabeled]
        yield from sorted(units, key=lambda unit: (unit.set, f"{unit.place}/"))

    def _inner(self, place: str) -> str:
        """Where the class folders of a set lie: also in "seg_train/seg_train/"."""
        while len(folders := self.tree.list_folder(place).folders) == 1:
            base, deeper = _base(folders[0]), self.tree.list_folder(folders[0])
            says_so = base == _base(place) or set_named(base) or says_nothing(base)
            if deeper.images or not deeper.folders or not says_so:
                break
            place = folders[0]
        return place

    def _without_classes(
        self, place: str, named: dict[str, SetName], inside: dict[str, FolderContent]
    ) -> bool:
        """Whether a test set is one of unlabeled images; it is noted then.

        Raises:
            DataError: another set is.
        """
        content = inside[place]
        if content.images and (
            named[place] != "test" or any(next(self.tree.walk(f), None) for f in content.folders)
        ):
            self._refuse_flat(place)
        only = content.folders[0] if len(content.folders) == 1 else ""
        base = _base(only)
        nameless = only and (says_nothing(base) or set_named(base) or is_unlabeled(base))
        known = {_base(f) for other in named if other != place for f in inside[other].folders}
        alone = nameless and named[place] == "test" and base not in known
        if not content.images and not (alone and self.tree.list_folder(only).images):
            return False
        self._note_unlabeled(place)
        return True

    def _note_unlabeled(self, place: str) -> None:
        images = plural(sum(1 for _ in self.tree.walk(place)), "image")
        self.notes.append(f"{self._short(place)}/ is not used: {images} without a class")

    def _refuse_mixture(
        self, top: FolderContent, labeled: dict[str, str], named: dict[str, SetName]
    ) -> None:
        """Refuse two folders of one set, and images beside the sets."""
        for set_ in SETS:
            doubles = [f"{self._short(place)}/" for place in labeled if named[place] == set_]
            if len(doubles) > 1:
                self._refuse(f"{doubles[0]} and {doubles[1]} both hold {set_}", "merge them")
        for place in top.folders:
            if place in named or next(self.tree.walk(place), None) is None:
                continue
            if is_unlabeled(_base(place)):
                self._note_unlabeled(place)
            else:
                beside = self._short(next(iter(named)))
                wrong = f"{self._short(place)}/ holds images and lies beside {beside}/"
                self._refuse(wrong, "move it into a set, or away")

    def _refuse_like_sets(self, top: FolderContent, inside: dict[str, FolderContent]) -> None:
        """Refuse folders that look like sets that nobody can name; note what is doubtful."""
        bases = [_base(place) for place in top.folders]
        words = [{set_named(word) for word in words_of(base)} - {None} for base in bases]
        doubtful = len(bases) > 1 and all(words) and len(set.union(*words)) > 1
        inner = [{_base(f) for f in inside[place].folders} for place in top.folders]
        flat = any(inside[place].images for place in top.folders)
        shared = sorted(set.intersection(*inner)) if len(inner) > 1 and not flat else []
        advice = "call them train, val and test if they are sets, or merge them"
        names = checks.quoted(map(printable, bases))
        if len(shared) < 2 and not doubtful:
            return
        alike = f", and hold the same folders {checks.quoted(map(printable, shared))}"
        nameless = all(words_of(base) == ["fold"] or says_nothing(base) for base in bases)
        if doubtful or nameless or any(map(like_a_set, bases)):
            wrong = f"{names} look like sets, not like classes{alike if shared else ''}"
            self._refuse(wrong, advice)
        self.notes.append(f"the classes are {names}, which hold the same folders; if not, {advice}")

    def _refuse_flat(self, place: str) -> None:
        advice = _INTO_CLASSES + checks.or_manifest(self.tables)
        self._refuse(f"{self._short(place)}/ holds images directly", advice)

    def _refuse(self, wrong: str, advice: str) -> None:
        raise checks.data_error(self.address, wrong, advice)

    def _short(self, place: str) -> str:
        return printable(place.removeprefix(self.root))

    def listing(self, columns: _Columns) -> Listing:
        """The columns as they are kept, named from the root on."""
        class_names = sorted(columns.class_names)
        rank = np.argsort([columns.class_names[name] for name in class_names]).astype(np.int32)
        if left := self.tree.left_out.most_common(5):
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in left)
            count = plural(self.tree.left_out.total(), "file")
            self.notes.append(f"left out {count} that hold no image by name or content ({kinds})")
        start, root = len(self.root), printable(self.root)
        return Listing(
            names=[name[start:] for name in columns.names] if start else columns.names,
            class_names=tuple(class_names),
            labels=rank[np.frombuffer(columns.labels, np.int32)],
            sets=np.frombuffer(columns.sets, np.int8),
            places=np.empty((len(columns.labels), 0), np.int64),
            skipped=tuple(
                Unusable(one.name.removeprefix(root), one.reason) for one in self.tree.skipped
            ),
            root=self.root,
            notes=tuple(self.notes),
        )


def _is_split(content: FolderContent) -> bool:
    """Whether a class folder holds nothing but folders of sets, train among them."""
    sets = [set_named(_base(folder)) for folder in content.folders]
    return not content.images and all(sets) and "train" in sets


def _base(place: str) -> str:
    return place.rpartition("/")[2]


def _klass(place: str) -> str:
    return printable(_base(place))


def _in_order(places: Sequence[str]) -> list[str]:
    return sorted(places, key=lambda name: f"{name}/")  # as whole paths sort


def _refuse_bare(address: str, tree: Tree, bare: Sequence[str]) -> None:
    """A class folder without an image is a mistake, unless it is a link back or unreadable."""
    reasons = {skipped.name: skipped.reason for skipped in tree.skipped}
    bare = [place for place in bare if reasons.get(printable(place)) != LINK_BACK]
    if bare:
        wrong = f"no image in folder {checks.quoted(map(printable, bare))}"
        reason = reasons.get(printable(bare[0]))
        wrong += f" ({reason})" if reason else ""
        advice = "add images, or remove the folder"
        if _OF_BOXES & {place.rpartition("/")[2].lower() for place in bare}:
            advice = "for images with boxes, use `inceptionkit detect`"
        raise checks.data_error(address, wrong, advice)
