"""Networks to read: those of the catalog."""

import pytest

from inceptionkit.catalog import architecture
from inceptionkit.spec import Net


@pytest.fixture(scope="session")
def inception_v3() -> Net:
    return architecture("inception_v3")


@pytest.fixture(scope="session")
def googlenet() -> Net:
    return architecture("googlenet")


@pytest.fixture(scope="session")
def compact() -> Net:
    return architecture("compact", input=64)
