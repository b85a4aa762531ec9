"""Where the user has no home folder and no passwd entry, as in `docker run --user 4242`."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from inceptionkit.convert.hub import fetch
from inceptionkit.data.sources import index_cache
from inceptionkit.errors import WeightsError


@pytest.fixture(autouse=True)
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        msg = f"getpwuid(): uid not found: {uid}"
        raise KeyError(msg)

    for name in ("HOME", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


def test_check_does_without_what_it_would_remember(
    inceptionkit: Callable, photos: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_cache, "WORTH_KEEPING", 1)
    folder = photos()
    for place in (folder, *folder.iterdir()):
        os.utime(place, (1e9, 1e9))  # long enough ago for an index

    for _ in range(2):
        said = inceptionkit("check", folder)
        assert (said.code, said.err) == (0, "")


def test_a_page_that_would_lie_among_the_images_needs_a_place(
    inceptionkit: Callable, photos: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos())
    said = inceptionkit("check", ".")

    assert said.code == 2
    assert said.err == (
        "inceptionkit: runs: lies among the images, and there is no home folder; "
        "choose --out PAGE.html\n"
    )


def test_a_download_needs_one() -> None:
    with pytest.raises(WeightsError) as caught:
        fetch("torchvision/googlenet")

    assert str(caught.value) == (
        "there is no home folder for downloads; set TORCH_HOME to a folder"
    )


@pytest.mark.slow
def test_int8_asks_for_none(shell: Callable, tmp_path: Path) -> None:
    """The library that quantizes looks for one when it is imported."""
    program = tmp_path / "homeless.py"
    program.write_text(
        "import os, pwd\n"
        "def nobody(uid):\n"
        "    raise KeyError(uid)\n"
        "pwd.getpwuid = nobody\n"
        "from inceptionkit.deployment.quantize import _silent_nncf\n"
        "assert _silent_nncf().quantize\n"
        "assert 'HOME' not in os.environ\n"
    )
    said = shell(entry=[program])

    assert said.code == 0, said.err
