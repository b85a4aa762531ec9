"""GoogLeNet's body with naive modules: arXiv:1409.4842, figure 2a.

Every path reads the module's input directly, and the pool passes all its channels on, so that the
widths grow from module to module: 192, 416, 832, 1280, ... 4944. The paper draws the module to show
why 1x1 reductions are needed, and builds no such network; this one shows what they save, both ways:
at the same path widths, and at the same cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from inception.catalog.googlenet import DIALECTS as GOOGLENET_DIALECTS
from inception.catalog.googlenet import XAVIER, XAVIER_CLASSIFIER, exits, stem
from inception.spec import Conv, Dropout, GlobalPool, Linear, Net, Pool, Split, named

DIALECTS: Mapping[str, str] = MappingProxyType(
    {
        "paper": "the paths as wide as GoogLeNet's: eleven times the MACs in the modules",
        "scaled": "the paths narrowed until the network costs GoogLeNet's MACs",
    }
)
SCALES = MappingProxyType({"paper": 1.0, "scaled": 0.248})


def inception_naive(dialect: str = "paper") -> Net:
    """GoogLeNet without reductions, for 224x224 images and 1000 classes.

    Golden counts of the nine modules of "paper" (params, MACs): 92,456,592 and 12,085,441,536,
    against 5,849,136 and 1,103,972,352 with reductions. "scaled" has paths 0.248 times as wide and
    costs 1,581,702,360 MACs, within 0.1 % of GoogLeNet's.
    """
    scale = SCALES[dialect]
    conv = partial(Conv, norm=None, bias=True, init=XAVIER)

    def row(c1: int, c3: int, c5: int) -> Split:
        """Widths of the 1x1, 3x3 and 5x5 paths in table 1."""
        return Split(
            named(
                p1=(conv(round(c1 * scale)),),
                p3=(conv(round(c3 * scale), (3, 3)),),
                p5=(conv(round(c5 * scale), (5, 5)),),
                pool=(Pool("max"),),
            )
        )

    down = Pool("max", stride=2, padding="ceil")
    paper = GOOGLENET_DIALECTS["paper"]
    return Net(
        name="inception_naive" if dialect == "paper" else f"inception_naive:{dialect}",
        source="arXiv:1409.4842 figure 2a, with the widths of table 1",
        image=(3, 224, 224),
        trunk=(
            *stem(paper),
            *named(
                inception3a=row(64, 128, 32),
                inception3b=row(128, 192, 96),
                pool3=down,
                inception4a=row(192, 208, 48),
                inception4b=row(160, 224, 64),
                inception4c=row(128, 256, 64),
                inception4d=row(112, 288, 64),
                inception4e=row(256, 320, 128),
                pool4=down,
                inception5a=row(256, 320, 128),
                inception5b=row(384, 384, 128),
            ),
        ),
        head=(GlobalPool(), Dropout(0.4), Linear(1000, classifier=True, init=XAVIER_CLASSIFIER)),
        exits=exits(paper),
    )
