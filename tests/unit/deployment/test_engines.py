"""Processors without arithmetic for a precision are recognized, and said in a sentence."""

import pytest

from inceptionkit.deployment.engines import lacking
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
