"""How other implementations name the tensors of the networks that we share with them. No torch.

A key map is never written down: ours comes from the walk, theirs from ours by rewrite rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from inceptionkit.derive import Shape, tensors
from inceptionkit.errors import WeightsError
from inceptionkit.spec import Net

Rules: TypeAlias = tuple[tuple[str, str], ...]  # pattern, replacement; applied in order

COUNTER = "num_batches_tracked"  # torch's own, of batch norm; weighs nothing in evaluation
SHOWN = 8  # problems that an error lists before it says how many more there are

TORCHVISION_GOOGLENET: Rules = (
    (r"^trunk\.", ""),
    (r"\.p1\.0\.", ".branch1."),
    (r"\.p3\.", ".branch2."),
    (r"\.p5\.", ".branch3."),
    (r"\.pool\.", ".branch4."),
    (r"^exits\.(\w+)\.1\.", r"\1.conv."),
    (r"^exits\.(\w+)\.2\.fc", r"\1.fc1"),
    (r"^exits\.(\w+)\.4\.fc", r"\1.fc2"),
    (r"^head\.2\.", ""),
)
TORCHVISION_INCEPTION_V3: Rules = (
    (r"^trunk\.conv(\d)(\w)\.", r"Conv2d_\1\2."),
    (r"^trunk\.mixed(\d)(\w)\.", r"Mixed_\1\2."),
    (r"^Conv2d_(1a|2a|2b|4a)\.", r"Conv2d_\1_3x3."),
    (r"^Conv2d_3b\.", "Conv2d_3b_1x1."),
    (r"\.p1\.0\.", ".branch1x1."),
    (r"\.pool\.1\.", ".branch_pool."),
    (r"(Mixed_5.)\.p5\.", r"\1.branch5x5_."),
    (r"(Mixed_5.|Mixed_6a)\.p33\.", r"\1.branch3x3dbl_."),
    (r"(Mixed_6a)\.p3\.0", r"\1.branch3x3"),
    (r"(Mixed_6[b-e])\.p77\.", r"\1.branch7x7dbl_."),
    (r"(Mixed_6[b-e])\.p7\.", r"\1.branch7x7_."),
    (r"(Mixed_7a)\.p3\.", r"\1.branch3x3_."),
    (r"(Mixed_7a)\.p7\.", r"\1.branch7x7x3_."),
    (r"(Mixed_7[bc])\.p3\.0", r"\1.branch3x3_1"),
    (r"(Mixed_7[bc])\.p3\.1\.(a|b)\.0", r"\1.branch3x3_2\2"),
    (r"(Mixed_7[bc])\.p33\.2\.(a|b)\.0", r"\1.branch3x3dbl_3\2"),
    (r"(Mixed_7[bc])\.p33\.", r"\1.branch3x3dbl_."),
    *((rf"_\.{i}\.", f"_{i + 1}.") for i in range(5)),  # they count from 1
    (r"^exits\.aux\.1\.", "AuxLogits.conv0."),
    (r"^exits\.aux\.2\.", "AuxLogits.conv1."),
    (r"^exits\.aux\.4\.", "AuxLogits."),
    (r"^head\.\d\.", ""),  # with dropout it is the third operator, without the second
)
TORCHVISION_ALEXNET: Rules = (
    *(
        (rf"^trunk\.conv{i}\.conv\.", f"features.{at}.")
        for i, at in enumerate((0, 3, 6, 8, 10), start=1)
    ),
    *((rf"^head\.{ours}\.fc\.", f"classifier.{at}.") for ours, at in ((2, 1), (4, 4), (5, 6))),
)
TORCHVISION_VGG16: Rules = (
    *(
        (rf"^trunk\.{name}\.conv\.", f"features.{at}.")
        for name, at in zip(
            (
                f"conv{i}_{j}"
                for i, depth in enumerate((2, 2, 3, 3, 3), start=1)
                for j in range(1, depth + 1)
            ),
            (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
            strict=True,
        )
    ),
    *((rf"^head\.{ours}\.fc\.", f"classifier.{at}.") for ours, at in ((0, 0), (2, 3), (4, 6))),
)
CADENE_BN_INCEPTION: Rules = (
    (r"^trunk\.conv1\.", "conv1_7x7_s2."),
    (r"^trunk\.conv2\.", "conv2_3x3_reduce."),
    (r"^trunk\.conv3\.", "conv2_3x3."),
    (r"^trunk\.inception(\w+)\.", r"inception_\1_"),
    (r"_p1\.0\.", "_1x1."),
    (r"_p3\.0\.", "_3x3_reduce."),
    (r"_p3\.1\.", "_3x3."),
    (r"_p33\.0\.", "_double_3x3_reduce."),
    (r"_p33\.(\d)\.", r"_double_3x3_\1."),
    (r"_pool\.1\.", "_pool_proj."),
    (r"\.conv\.", "."),
    (r"\.bn\.", "_bn."),
    (r"^head\.1\.fc\.", "last_linear."),
)

RULES: Mapping[tuple[str, str], Rules] = MappingProxyType(
    {
        ("torchvision", "googlenet:torchvision"): TORCHVISION_GOOGLENET,
        ("torchvision", "inception_v3"): TORCHVISION_INCEPTION_V3,
        ("torchvision", "alexnet:torchvision"): TORCHVISION_ALEXNET,
        ("torchvision", "vgg16"): TORCHVISION_VGG16,
        ("timm", "inception_v3"): TORCHVISION_INCEPTION_V3,
        ("pytorch-fid", "inception_v3:fid"): TORCHVISION_INCEPTION_V3,
        ("pretrainedmodels", "bn_inception:cadene"): CADENE_BN_INCEPTION,
    }
)  # (whose, our architecture) -> rules


def rename(key: str, rules: Rules) -> str:
    """Apply every rule, in order.

    >>> rename("trunk.inception3a.p3.1.conv.weight", TORCHVISION_GOOGLENET)
    'inception3a.branch2.1.conv.weight'
    """
    for pattern, into in rules:
        key = re.sub(pattern, into, key)
    return key


def key_map(net: Net, theirs: Mapping[str, Shape], rules: Rules) -> dict[str, str]:
    """Say which of their tensors is which of ours.

    Args:
        net: the architecture; with exits if theirs has them, without if not.
        theirs: name -> shape of every tensor they have. Batch norm's counters are passed over.
        rules: from our names to theirs.

    Returns:
        Our name -> their name, one to one.

    Raises:
        WeightsError: tensors are missing, unknown or of another shape; they are named.
    """
    needed = dict(tensors(net))
    plan = {ours: rename(ours, rules) for ours in needed}
    wrong = [
        f"{plan[ours]}: got {theirs.get(plan[ours], 'nothing')}, {net.name} needs {shape}"
        for ours, shape in needed.items()
        if theirs.get(plan[ours]) != shape
    ]
    known = set(plan.values())
    wrong += [
        f"{name}: not in {net.name}"
        for name in theirs
        if name not in known and not name.endswith(COUNTER)
    ]
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        msg = (
            f"{len(wrong)} tensors do not fit {net.name}: {'; '.join(sorted(wrong)[:SHOWN])}{more}"
        )
        raise WeightsError(msg)
    return plan
