"""Everything a user of the package can cause, as one tree.

InceptionError                        base; the command line prints it as one sentence, exit code 2
├─ SpecError        (ValueError)      a network that cannot exist
├─ UnknownNameError (LookupError)     no such architecture, exit, dialect, recipe, option
├─ OptionError      (ValueError)      a value that an option does not take
├─ WeightsError     (ValueError)      a model folder, or tensors, that do not fit
├─ DataError        (ValueError)      images or labels that cannot be used
├─ RecipeError      (ValueError)      settings with which a run cannot start
├─ RunError         (ValueError)      a run folder that cannot be written, read or resumed
│  └─ WriteError    (ValueError)      a file that the disk does not take
├─ DeploymentError  (ValueError)      a model that cannot be exported, or that an engine cannot run
├─ AccessError      (OSError)         a path that the system refuses
├─ TrainingError    (RuntimeError)    a run that started and cannot go on
└─ MissingTorchError (ImportError)    torch is needed and not installed

`Interrupted` stands outside the tree: nothing is wrong, the run was asked to stop.
"""

from __future__ import annotations

import errno
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

_REMEDIES = {
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space",
    errno.EROFS: "mount its disk for writing",
    errno.EACCES: "allow writing there",
    errno.EPERM: "allow writing there",
    errno.ENOENT: "make its folder",
}
_ACCESS_REMEDIES = {
    errno.EACCES: "allow access to it, or give another path",
    errno.EPERM: "allow access to it, or give another path",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.ENOSPC: "free space, or give another path",
}
_SHOWN_PATH = 200  # characters of a path that is too long


class InceptionError(Exception):
    """Base of every error that a user can cause and mend."""


class SpecError(InceptionError, ValueError):
    """A network that cannot exist, or not at this input size."""


class UnknownNameError(InceptionError, LookupError):
    """A name that nothing has."""


class OptionError(InceptionError, ValueError):
    """A value that an option does not take."""


class WeightsError(InceptionError, ValueError):
    """A model folder, or tensors, that do not fit what they are loaded into."""


class DataError(InceptionError, ValueError):
    """Images or labels that cannot be used."""


class RecipeError(InceptionError, ValueError):
    """Settings with which a run cannot start."""


class RunError(InceptionError, ValueError):
    """A run folder that cannot be written, read or resumed."""


class WriteError(RunError):
    """A file that the disk does not take.

    Attributes:
        wrong: which, and why not.
        remedy: what may help, for a sentence that goes on with "or" or "then".
    """

    def __init__(self, path: Path, error: OSError) -> None:
        self.wrong = f"{path}: cannot be written ({error.strerror})"
        self.remedy = _REMEDIES.get(error.errno or 0, "mend that")
        super().__init__(f"{self.wrong}; {self.remedy} or choose another folder")


class DeploymentError(InceptionError, ValueError):
    """A model that cannot be exported, or that an engine cannot run."""


class AccessError(InceptionError, OSError):
    """A path that the system refuses: no permission, too long, no folder.

    Attributes:
        errno: the system's number of the reason.
    """

    def __init__(self, error: OSError) -> None:
        path = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(error.filename))
        shown = path if len(path) <= _SHOWN_PATH else f"{path[:_SHOWN_PATH]}..."
        remedy = _ACCESS_REMEDIES.get(error.errno or 0, "check the path")
        super().__init__(f"{shown}: the system refuses it ({error.strerror}); {remedy}")
        self.errno = error.errno


class TrainingError(InceptionError, RuntimeError):
    """A run that started and cannot go on."""


class MissingTorchError(InceptionError, ImportError):
    """What is asked for needs torch, which is not installed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs torch; pip install 'inceptionkit[train]'")


class Interrupted(BaseException):
    """The run was asked to stop, has saved its state and can be resumed."""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Advice for a name that is not among `known`: the nearest one in any case, or all of them.

    >>> did_you_mean("aux_1", ["aux1", "aux2"])
    "did you mean 'aux1'?"
    >>> did_you_mean("LR", ["lr", "epochs"])
    "did you mean 'lr'?"
    >>> did_you_mean("zebra", ["aux1", "aux2"])
    'there are aux1, aux2'
    """
    lower = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), lower, n=1)
    if near:
        return f"did you mean {lower[near[0]]!r}?"
    return f"there are {', '.join(known)}" if known else "there are none"
