"""Modules of our own against torch's, and against the sums that define them."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from inceptionkit.data.rng import sample_keys
from inceptionkit.network import build
from inceptionkit.network.layers import (
    AdaptiveAverage,
    BatchNormWithoutGamma,
    Concat,
    PaddedAverage,
    ProjectedAverage,
    SampleDropout,
    chain,
    run,
)
from inceptionkit.spec import (
    BatchNorm,
    Conv,
    GlobalPool,
    Linear,
    Net,
    Node,
    Op,
    Pool,
    Split,
    border,
    named,
)


def operator(node: Node, side: int, channels: int = 2) -> nn.Module:
    net = Net(
        name="net",
        source="",
        image=(channels, side, side),
        trunk=named(only=node),
        head=(GlobalPool(), Linear(3, classifier=True)),
    )
    return build(net).trunk["only"]


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(14, 14), (4, 4), (3, 9), (2, 2), (17, 5)])
def test_adaptive_average_equals_torchs(size: tuple[int, int]) -> None:
    x = noise(2, 3, *size)
    expected = functional.adaptive_avg_pool2d(x, (4, 4))

    torch.testing.assert_close(AdaptiveAverage((4, 4))(x), expected, rtol=1e-6, atol=1e-6)


def by_hand(x: Tensor, kernel: int, stride: int, kind: str) -> Tensor:
    """TensorFlow's SAME pooling, window by window: only cells of the grid count."""
    n = x.shape[-1]
    before, after = border(n, kernel, stride, "tensorflow")
    starts = range(-before, n + after - kernel + 1, stride)
    rows = []
    for top in starts:
        row = []
        for left in starts:
            window = x[
                ..., max(top, 0) : min(top + kernel, n), max(left, 0) : min(left + kernel, n)
            ]
            row.append(window.amax((-2, -1)) if kind == "max" else window.mean((-2, -1)))
        rows.append(torch.stack(row, -1))
    return torch.stack(rows, -2)


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("side", [6, 7, 8, 9])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (3, 1), (2, 2), (5, 3), (2, 1)])
def test_tensorflows_pools(kind: str, side: int, kernel: int, stride: int) -> None:
    x = noise(2, 2, side, side) - 5.0  # below zero, so that padding with zeros would show
    pool = operator(Pool(kind, (kernel, kernel), stride, "tensorflow", count_padding=False), side)

    torch.testing.assert_close(pool(x), by_hand(x, kernel, stride, kind), rtol=1e-6, atol=1e-6)


def test_tensorflows_average_that_counts_its_padding() -> None:
    x = noise(1, 2, 8, 8)
    pool = operator(Pool("avg", (3, 3), 2, "tensorflow"), 8)
    expected = functional.avg_pool2d(functional.pad(x, (0, 1, 0, 1)), 3, 2)

    torch.testing.assert_close(pool(x), expected)


@pytest.mark.parametrize("side", [8, 9])
def test_tensorflows_strided_convolution(side: int) -> None:
    conv = operator(Conv(4, (7, 7), 2, "tensorflow", norm=None, relu=False), side)
    x = noise(1, 2, side, side)
    before, after = border(side, 7, 2, "tensorflow")
    padded = functional.pad(x, (before, after, before, after))

    torch.testing.assert_close(conv(x), functional.conv2d(padded, conv.conv.weight, stride=2))


@pytest.mark.parametrize(
    "node",
    [
        Conv(4, (3, 3), 2, "tensorflow"),
        Conv(4, (2, 2), 1, "tensorflow"),
        Pool("max", (3, 3), 2, "tensorflow"),
        Pool("avg", (3, 3), 2, "tensorflow"),
        Pool("avg", (3, 3), 2, "tensorflow", count_padding=False),
        Pool("max", (3, 3), 2, "ceil"),
        Pool("avg", (5, 5), 3, "tensorflow", count_padding=False),
    ],
    ids=str,
)
@pytest.mark.parametrize("built", [8, 9, 12])
def test_borders_follow_the_image_and_not_the_one_it_was_built_for(node: Op, built: int) -> None:
    """Training crops are smaller than what is seen in use."""
    module = operator(node, built).eval()
    for side in (6, 7, 8, 9):
        other = operator(node, side).eval()
        x = noise(2, 2, side, side)

        torch.testing.assert_close(module(x), other(x), msg=f"{side}")


@pytest.mark.parametrize("count", [True, False])
def test_padding_counts_in_an_average_only_where_it_should(count: bool) -> None:
    pool = operator(Pool("avg", count_padding=count), 4)
    corner = pool(torch.ones(1, 2, 4, 4))[0, 0, 0, 0]

    assert corner.item() == pytest.approx(4 / 9 if count else 1.0)


def test_caffes_average_divides_by_what_lies_on_the_grid() -> None:
    pool = operator(Pool("avg", (3, 3), 2, "ceil"), 8)

    torch.testing.assert_close(pool(torch.ones(1, 2, 8, 8)), torch.ones(1, 2, 4, 4))


def test_batch_norm_without_gamma_learns_beta_alone() -> None:
    ours, theirs = BatchNormWithoutGamma(4, 1e-3), nn.BatchNorm2d(4, 1e-3)
    x = noise(3, 4, 5, 5)

    assert [name for name, _ in ours.named_parameters()] == ["bias"]
    assert "weight" not in ours.state_dict()
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_a_net_without_gamma_is_whole_after_build() -> None:
    conv = operator(Conv(4, norm=BatchNorm(gamma=False)), 8)

    assert torch.equal(conv.bn.weight, torch.ones(4))
    assert conv(noise(2, 2, 8, 8)).isfinite().all()


def test_uneven_average_is_differentiable() -> None:
    x = noise(1, 1, 4, 4).requires_grad_()
    PaddedAverage((2, 2), 1)(x).sum().backward()

    assert x.grad is not None
    assert x.grad.sum().item() == pytest.approx(16.0)  # each window's shares add up to 1


def block(*, norm: bool = True, pooled: Pool | None = None, passes: bool = False) -> Node:
    """An Inception module; with `passes`, a path that hands its pooled input on."""
    how = {"norm": BatchNorm() if norm else None, "bias": not norm}
    last = () if passes else (Conv(3, **how),)
    return Split(
        named(
            p1=(Conv(4, **how),),
            p3=(Conv(5, **how), Conv(6, (3, 3), **how)),
            pool=(pooled or Pool("max"), *last),
        )
    )


BLOCKS = {
    "with a max pool": block(),
    "with an average pool": block(pooled=Pool("avg")),
    "with an uneven average that counts": block(pooled=Pool("avg", (2, 2), 1, "tensorflow")),
    "with an uneven average that does not count": block(
        pooled=Pool("avg", (2, 2), 1, "tensorflow", count_padding=False)
    ),
    "with biases": block(norm=False),
    "whose pool is passed on": block(passes=True),
}


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("node", BLOCKS.values(), ids=BLOCKS)
def test_a_block_in_training_computes_what_its_paths_say(
    node: Node, layout: torch.memory_format, batch: int
) -> None:
    """Output, gradients and running statistics are those of the modules called one by one."""
    joined = operator(node, 6, channels=7).double().to(memory_format=layout)
    by_path = copy.deepcopy(joined)
    x = noise(batch, 7, 6, 6).double().contiguous(memory_format=layout)
    mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    found = joined.train()(mine)
    expected = torch.cat([one_by_one(path, theirs) for path in by_path.train().values()], dim=1)
    upstream = noise(*expected.shape).double()
    found.backward(upstream)
    expected.backward(upstream)

    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-12, atol=1e-12)
    for (name, own), other in zip(joined.named_parameters(), by_path.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-12, atol=1e-12, msg=name)
    for (name, own), other in zip(joined.named_buffers(), by_path.buffers(), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12, msg=name)


def one_by_one(part: nn.Module, x: Tensor) -> Tensor:
    """Call the modules of a path in the order in which the architecture names them."""
    if not isinstance(part, nn.Sequential):
        return part(x)
    for child in part:
        x = one_by_one(child, x)
    return x


def test_a_block_in_training_keeps_no_path_s_output_beside_the_joined_one() -> None:
    joined = operator(block(pooled=Pool("avg")), 6, channels=7).train()
    by_path = copy.deepcopy(joined)
    x = noise(4, 7, 6, 6)
    cells = 4 * 6 * 6
    kept = kept_bytes(lambda: joined(x))
    kept_by_path = kept_bytes(
        lambda: torch.cat([one_by_one(path, x) for path in by_path.values()], dim=1)
    )

    assert isinstance(joined, Concat)
    assert kept_by_path - kept >= 4 * cells * 7, "the average of all seven channels"


def kept_bytes(forward: Callable[[], Tensor]) -> int:
    """Bytes that the backward pass, and who reads the result, keep."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = forward()
    keep(result)
    return sum(kept.values())


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("kernel", [2, 3])
def test_an_average_may_come_after_the_projection(count: bool, kernel: int) -> None:
    pool = Pool("avg", (kernel, kernel), 1, "tensorflow", count_padding=count)
    path = operator((pool, Conv(3)), 6, channels=7)
    x = noise(2, 7, 6, 6)

    assert isinstance(path, ProjectedAverage)
    assert [name for name, _ in path.named_children()] == ["0", "1"]
    assert isinstance(chain(path)[0], nn.Conv2d)
    torch.testing.assert_close(run(chain(path.eval()), x), path(x), rtol=1e-5, atol=1e-6)


def test_a_bias_stays_behind_its_average() -> None:
    """At the border a padded average would shrink it."""
    path = operator((Pool("avg"), Conv(3, norm=None, bias=True)), 6, channels=7)

    assert not isinstance(path, ProjectedAverage)


def test_a_classifier_convolution_gives_flat_scores() -> None:
    from inceptionkit.catalog import architecture

    net = architecture("nin_cifar10", classes=7)
    scores = build(net)(torch.zeros(2, *net.image)).main

    assert scores.shape == (2, 7)
    assert (scores >= 0).all()  # it goes through its ReLU, as in the author's files


def test_dropout_is_a_function_of_each_sample_s_key() -> None:
    """Whatever the batch, the order or the process: the same key gives the same mask."""
    drop = SampleDropout(0.4)
    x = torch.ones(6, 50, 3, 3)
    keys = torch.tensor([5, -7, 2**31 - 1, 0, 12, 99], dtype=torch.int32)
    drop.keys = keys
    whole = drop(x)
    order = torch.tensor([3, 0, 5])
    drop.keys = keys[order]

    assert torch.equal(drop(x[order]), whole[order])
    assert len({tuple(row.flatten().tolist()) for row in whole}) == 6
    assert set(whole.unique().tolist()) == {0.0, float(torch.tensor(1.0) / 0.6)}
    assert torch.equal(drop.eval()(x), x)


def test_dropout_drops_its_share_evenly_over_samples_and_cells() -> None:
    """Binomial: 1,000 x 400 draws of 0.3 stay within five standard deviations."""
    drop = SampleDropout(0.3)
    drop.keys = torch.from_numpy(sample_keys(1, 2, np.arange(1000), "dropout head"))
    kept = drop(torch.ones(1000, 400)) > 0

    for share, draws in ((kept.float().mean(), 400_000), (kept[:, 7].float().mean(), 1000)):
        assert abs(float(share) - 0.7) < 5 * (0.21 / draws) ** 0.5
    assert kept.float().mean(0).min() > 0.7 - 5 * (0.21 / 1000) ** 0.5
    assert kept.float().mean(1).min() > 0.7 - 5 * (0.21 / 400) ** 0.5
    pairs = (kept[:-1] == kept[1:]).float().mean()
    assert abs(float(pairs) - 0.58) < 0.01, "neighbors are independent"


@pytest.mark.parametrize("keyed", [True, False])
def test_dropout_of_everything_leaves_zeros_as_torchs_does(keyed: bool) -> None:
    drop, x = SampleDropout(1.0), torch.ones(3, 40, requires_grad=True)
    drop.keys = torch.arange(3, dtype=torch.int32) if keyed else None
    found = drop(x)
    found.sum().backward()

    assert torch.equal(found, torch.zeros(3, 40))
    assert torch.equal(x.grad, torch.zeros(3, 40))


def test_without_keys_dropout_is_torchs() -> None:
    x = torch.ones(3, 40)
    torch.manual_seed(4)
    expected = torch.nn.Dropout(0.5)(x)
    torch.manual_seed(4)

    assert torch.equal(SampleDropout(0.5)(x), expected)
