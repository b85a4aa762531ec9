"""Memory that training keeps is given back when it ends."""

import sys
from pathlib import Path

import pytest
import torch

from inception.training import tuning
from inception.training.tuning import tuned

BLOCK = 8 * 2**20  # bytes, each less than glibc gives pages of their own
COUNT = 40
pytestmark = pytest.mark.skipif(tuning.glibc() is None, reason="there is no glibc here")


def held() -> int:
    """Bytes of memory that this process has of the system."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4096


def used_and_freed() -> int:
    """What the process holds after it wrote to some blocks and let go of them."""
    blocks = [torch.ones(BLOCK // 4) for _ in range(COUNT)]
    assert float(blocks[-1].sum()) == BLOCK // 4
    del blocks
    return held()


def test_what_is_freed_is_kept_while_training_and_given_back_after() -> None:
    before = held()
    with tuned():
        while_training = used_and_freed()
    after = held()
    later = used_and_freed()

    assert while_training - before > COUNT * BLOCK // 2
    assert after - before < COUNT * BLOCK // 4
    assert later - before < COUNT * BLOCK // 2, "glibc trims its heap again"


def test_an_error_gives_back_what_was_changed() -> None:
    @tuned()
    def fails() -> None:
        used_and_freed()
        raise ZeroDivisionError

    before = held()
    with pytest.raises(ZeroDivisionError):
        fails()

    assert held() - before < COUNT * BLOCK // 4
    assert sys.float_info.min / 2 > 0


def test_without_glibc_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with tuned():
        assert tuning.glibc() is None
