"""Inception-v2 as table 1 of "Rethinking the Inception Architecture" prints it, arXiv:1512.00567.

The table gives grids and outer widths. The widths inside the modules were in a supplement that is
not to be had; here they are those of the released Inception-v3, and the network comes out at 25.5
million parameters and 6.2 billion MACs where the paper says under 25 and about 5: theirs was a
little slimmer.

Where the paper contradicts itself:
- table 1 has the stem of three 3x3, which table 3 lists as a later step ("factorized 7x7"). The
  default takes table 1, "base" the 7x7 that was before; the step after it, batch norm in the
  auxiliary head, is Inception-v3;
- the convolution on 35x35x192 is not marked as padded, but leaves 35x35, so it is;
- figure 6's long path is drawn 1x7 first; the released code begins with 7x1, and so do we: the cost
  is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias

from inceptionkit.catalog.inception_v3 import DOWN, INIT, module_b, module_c
from inceptionkit.spec import (
    Conv,
    Dropout,
    GlobalPool,
    Linear,
    Named,
    Net,
    Node,
    Pair,
    Pool,
    Split,
    named,
)

Reduction: TypeAlias = Literal["parallel", "conv_then_pool", "pool_then_conv"]
conv = partial(Conv, init=INIT)
down = partial(conv, kernel=(3, 3), stride=2, padding="valid")
_AVERAGE = Pool("avg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What the paper factorizes, each on its own: any combination builds."""

    says: str = ""
    stem: Literal["3x3", "7x7"] = "3x3"  # three 3x3 in place of one 7x7
    double: bool = True  # two 3x3 in place of one 5x5 on 35x35, figure 5 (else figure 4)
    asymmetric: bool = True  # 1x7 and 7x1 in place of one 7x7 on 17x17, figure 6
    reduction: Reduction = "parallel"  # figure 10; the other two are figure 9's


DIALECTS: Mapping[str, Switches] = MappingProxyType(
    {
        "table1": Switches(says="everything factorized, grids reduced in parallel paths"),
        "base": Switches(says="a 7x7 stem in place of three 3x3", stem="7x7"),
        "unfactorized": Switches(says="a 5x5 in place of two 3x3 on 35x35", double=False),
        "symmetric": Switches(says="7x7 in place of 1x7 and 7x1 on 17x17", asymmetric=False),
        "conv_then_pool": Switches(
            says="grids reduced by a 1x1 on the full grid, then a pool: dear",
            reduction="conv_then_pool",
        ),
        "pool_then_conv": Switches(
            says="grids reduced by a pool, then a 1x1: cheap, and a bottleneck",
            reduction="pool_then_conv",
        ),
    }
)


def inception_v2(switches: str | Switches = "table1") -> Net:
    """Table 1 for 299x299 images and 1000 classes, or one of its ablations.

    Golden counts of "table1" (params, MACs), counted on a reconstruction with the same inner
    widths: 25,464,904 and 6,228,357,728.
    """
    s = DIALECTS[switches] if isinstance(switches, str) else switches
    known = next((name for name, d in DIALECTS.items() if d == s), "custom")
    return Net(
        name="inception_v2" if known == "table1" else f"inception_v2:{known}",
        source="arXiv:1512.00567 table 1",
        image=(3, 299, 299),
        trunk=(
            *stem(s),
            *named(
                pool=DOWN,
                conv4=conv(80, (3, 3), padding="valid"),
                conv5=down(192),
                conv6=conv(288, (3, 3)),
                mixed5a=module_a(s),
                mixed5b=module_a(s),
                mixed5c=module_a(s),
                reduce5=reduce(s, (64, 384), (64, 96), 768),
                mixed6a=tall(s, 128),
                mixed6b=tall(s, 160),
                mixed6c=tall(s, 160),
                mixed6d=tall(s, 192),
                mixed6e=tall(s, 192),
                reduce6=reduce(s, (192, 320), (192, 192), 1280),
                mixed7a=module_c(conv, _AVERAGE),
                mixed7b=module_c(conv, _AVERAGE),
            ),
        ),
        head=(GlobalPool(), Dropout(0.2), Linear(1000, classifier=True)),
    )


def stem(s: Switches) -> Named:
    """299x299 to 147x147x64; the 7x7 sees what the three 3x3 see, and lands on the same grid."""
    if s.stem == "7x7":
        return named(conv1=conv(64, (7, 7), stride=2, padding="valid"))
    return named(
        conv1=down(32),
        conv2=conv(32, (3, 3), padding="valid"),
        conv3=conv(64, (3, 3)),
    )


def module_a(s: Switches) -> Split:
    """35x35: figure 5, or figure 4 with a 5x5."""
    wide: Node = (conv(64), conv(96, (3, 3)), conv(96, (3, 3)))
    if not s.double:
        wide = (conv(64), conv(96, (5, 5)))
    return Split(
        named(
            p1=(conv(64),),
            p3=(conv(48), conv(64, (3, 3))),
            p33=wide,
            pool=(_AVERAGE, conv(64)),
        )
    )


def tall(s: Switches, c: int) -> Split:
    """17x17: figure 6, or 7x7 in place of every pair of 1x7 and 7x1."""
    if s.asymmetric:
        return module_b(conv, _AVERAGE, c)
    return Split(
        named(
            p1=(conv(192),),
            p7=(conv(c), conv(192, (7, 7))),
            p77=(conv(c), conv(c, (7, 7)), conv(192, (7, 7))),
            pool=(_AVERAGE, conv(192)),
        )
    )


def reduce(s: Switches, c3: Pair, c33: Pair, out: int) -> Node:
    """Halve the grid: figure 10, or figure 9 with the 1x1 whose cost section 5 counts."""
    match s.reduction:
        case "parallel":
            return Split(
                named(
                    p3=(conv(c3[0]), down(c3[1])),
                    p33=(conv(c33[0]), conv(c33[1], (3, 3)), down(c33[1])),
                    pool=(DOWN,),
                )
            )
        case "conv_then_pool":
            return (conv(out), DOWN)
        case "pool_then_conv":
            return (DOWN, conv(out))
