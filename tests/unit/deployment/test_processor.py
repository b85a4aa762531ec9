"""Processors without arithmetic for a precision are recognised, and said in a sentence."""

from pathlib import Path

import pytest

from inceptionkit.deployment import processor
from inceptionkit.deployment.processor import cpu_flags, lacking
from inceptionkit.model.export_info import Precision

INTEL = frozenset({"avx2", "avx512f", "avx512_vnni", "avx512_bf16"})
OLD = frozenset({"sse4_2", "avx2"})


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_a_processor_that_has_it_lacks_nothing(precision: Precision) -> None:
    assert lacking(precision, INTEL) == ""
    assert lacking(precision, frozenset()) == "", (
        "where the system does not say, nothing is claimed"
    )


def test_one_that_lacks_it_is_told_what_follows() -> None:
    assert lacking("fp32", OLD) == ""
    assert lacking("bf16", OLD) == (
        "this processor has no AVX512_BF16 or AMX: bf16 is computed as fp32 here and gains nothing"
    )
    assert lacking("int8", OLD) == (
        "this processor has no VNNI or AMX: int8 is smaller here, but hardly faster"
    )


@pytest.mark.parametrize(
    ("said", "flags"),
    [
        ("processor: 0\nflags\t\t: fpu avx2 avx_vnni\nflags: fpu\n", {"fpu", "avx2", "avx_vnni"}),
        ("Features\t: fp asimd asimddp bf16\n", {"fp", "asimd", "asimddp", "bf16"}),
        ("model name: flags of the world\n", set()),
    ],
    ids=["x86", "arm", "neither"],
)  # fmt: skip
def test_flags_are_read_as_the_kernel_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, flags: set[str]
) -> None:
    (tmp_path / "cpuinfo").write_text(said)
    monkeypatch.setattr(processor, "Path", lambda _: tmp_path / "cpuinfo")

    assert cpu_flags() == flags


def test_a_system_without_the_file_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "Path", lambda _: tmp_path / "cpuinfo")

    assert cpu_flags() == frozenset()
