"""Networks to read: those of the catalog, and Inception-v3 written out."""

from functools import partial

import pytest

from inception.catalog import architecture
from inception.spec import Conv, Dropout, Exit, GlobalPool, Linear, Net, Pool, Split, named

AVG = Pool("avg")
MAX_DOWN = Pool("max", stride=2, padding="valid")
down = partial(Conv, kernel=(3, 3), stride=2, padding="valid")


def module_a(proj: int) -> Split:
    return Split(
        named(
            p1=(Conv(64),),
            p5=(Conv(48), Conv(64, (5, 5))),
            p3=(Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3))),
            pool=(AVG, Conv(proj)),
        )
    )


def module_b() -> Split:
    return Split(
        named(p3=(down(384),), p33=(Conv(64), Conv(96, (3, 3)), down(96)), pool=(MAX_DOWN,))
    )


def module_c(c: int) -> Split:
    row, col = (1, 7), (7, 1)
    return Split(
        named(
            p1=(Conv(192),),
            p7=(Conv(c), Conv(c, row), Conv(192, col)),
            p77=(Conv(c), Conv(c, col), Conv(c, row), Conv(c, col), Conv(192, row)),
            pool=(AVG, Conv(192)),
        )
    )


def module_d() -> Split:
    return Split(
        named(
            p3=(Conv(192), down(320)),
            p7=(Conv(192), Conv(192, (1, 7)), Conv(192, (7, 1)), down(192)),
            pool=(MAX_DOWN,),
        )
    )


def module_e() -> Split:
    fan = Split(named(a=(Conv(384, (1, 3)),), b=(Conv(384, (3, 1)),)))
    return Split(
        named(
            p1=(Conv(320),),
            p3=(Conv(384), fan),
            p33=(Conv(448), Conv(384, (3, 3)), fan),
            pool=(AVG, Conv(192)),
        )
    )


def written_out_v3() -> Net:
    """arXiv:1512.00567, the released network; the reference counts 23,834,568 parameters."""
    head = (
        Pool("avg", (5, 5), stride=3, padding="valid"),
        Conv(128),
        Conv(768, (5, 5), padding="valid"),
        GlobalPool(),
        Linear(1000, classifier=True),
    )
    return Net(
        name="inception_v3",
        source="arXiv:1512.00567",
        image=(3, 299, 299),
        trunk=named(
            conv1a=down(32),
            conv2a=Conv(32, (3, 3), padding="valid"),
            conv2b=Conv(64, (3, 3)),
            pool1=MAX_DOWN,
            conv3b=Conv(80),
            conv4a=Conv(192, (3, 3), padding="valid"),
            pool2=MAX_DOWN,
            mixed5b=module_a(32),
            mixed5c=module_a(64),
            mixed5d=module_a(64),
            mixed6a=module_b(),
            mixed6b=module_c(128),
            mixed6c=module_c(160),
            mixed6d=module_c(160),
            mixed6e=module_c(192),
            mixed7a=module_d(),
            mixed7b=module_e(),
            mixed7c=module_e(),
        ),
        head=(GlobalPool(), Dropout(0.5), Linear(1000, classifier=True)),
        exits=(Exit(name="aux", after="mixed6e", head=head, loss_weight=0.4),),
    )


@pytest.fixture(scope="session")
def inception_v3() -> Net:
    return written_out_v3()


@pytest.fixture(scope="session")
def googlenet() -> Net:
    return architecture("googlenet")


@pytest.fixture(scope="session")
def compact() -> Net:
    return architecture("compact", input=64)
