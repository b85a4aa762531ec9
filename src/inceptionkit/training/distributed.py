"""Several processes that compute one run: torch's own groups, and who does what in them.

Each process computes its part of every batch, and torch adds the gradients up. What is decided is
decided by the first process, which alone writes and speaks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from inceptionkit.errors import RecipeError, TrainingError
from inceptionkit.machine import launched
from inceptionkit.network import InceptionNet
from inceptionkit.network.layers import BatchNormWithoutGamma


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of the run. On its own it is the first of one."""

    rank: int = 0  # 0 for the one that decides, writes and speaks
    count: int = 1

    def shard(self, count: int, *, whole: int = 1) -> slice:
        """This process's share of `count` things, kept together in pieces of `whole`."""
        pieces = -(-count // whole)
        begin, end = (pieces * rank // self.count * whole for rank in (self.rank, self.rank + 1))
        return slice(min(begin, count), min(end, count))

    def all_reduce(self, values: Tensor) -> Tensor:
        """The sum over all processes; on the CPU."""
        if self.count == 1:
            return values
        values = values.detach().cpu().clone()
        distributed.all_reduce(values)
        return values

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag whether it is set in any process; the same in all of them."""
        if self.count == 1:
            return flags
        counts = self.all_reduce(torch.tensor(flags, dtype=torch.int64))
        return tuple(bool(count) for count in counts.tolist())

    def broadcast_json(self, value: Any, *, source: int = 0) -> Any:  # noqa: ANN401 - JSON
        """The value that one process has, of plain JSON types."""
        if self.count == 1:
            return value
        text = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        length = torch.tensor([len(text)])
        distributed.broadcast(length, source)
        sent = text if self.rank == source else torch.empty(int(length), dtype=torch.uint8)
        distributed.broadcast(sent, source)
        return json.loads(sent.numpy().tobytes())

    def gather_json(self, values: list[Any]) -> list[Any]:
        """The values of all processes, of plain JSON types, one list after the other."""
        ranks = range(self.count)
        return [one for rank in ranks for one in self.broadcast_json(values, source=rank)]

    def broadcast_tensors(self, tensors: Sequence[Tensor]) -> None:
        """Give tensors the values that they have in the first process."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def all_gather_rows(self, rows: Tensor, count: int, *, whole: int) -> Tensor:
        """All rows, where each process has those of its `shard(count, whole=whole)`."""
        if self.count == 1:
            return rows
        ranks = range(self.count)
        parts = [Processes(rank, self.count).shard(count, whole=whole) for rank in ranks]
        longest = max(part.stop - part.start for part in parts)
        mine = rows.new_zeros((longest, *rows.shape[1:]))
        mine[: len(rows)] = rows
        everyone = [torch.empty_like(mine) for _ in parts]
        distributed.all_gather(everyone, mine)
        found = zip(everyone, parts, strict=True)
        return torch.cat([rows[: part.stop - part.start] for rows, part in found])

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            distributed.barrier()

    def wrap(self, model: InceptionNet, device: str) -> nn.Module:
        """The network whose gradients are the mean over all processes.

        On GPUs batch norms use the statistics of the whole batch. torch has no such norm for CPUs:
        there each process normalizes by its part, and the first one's running statistics count.
        """
        if torch.device(device).type == "cuda":
            synchronize_norms(model)
        wrapped = DistributedDataParallel(model)
        warm_up(wrapped, model)
        return wrapped


def synchronize_norms(module: nn.Module) -> None:
    """Put synchronized batch norms, with the same tensors, in the place of plain ones.

    Torch's own conversion fails where a norm has no gamma.
    """
    for name, child in module.named_children():
        if not isinstance(child, nn.BatchNorm2d):
            synchronize_norms(child)
            continue
        norm = nn.SyncBatchNorm(child.num_features, eps=child.eps, momentum=child.momentum)
        if isinstance(child, BatchNormWithoutGamma):
            del norm.weight
            norm.register_buffer("weight", child.weight, persistent=False)
        else:
            norm.weight = child.weight
        norm.bias = child.bias
        norm.running_mean, norm.running_var = child.running_mean, child.running_var
        norm.num_batches_tracked = child.num_batches_tracked
        norm.train(child.training)
        setattr(module, name, norm)


def warm_up(wrapped: nn.Module, model: InceptionNet) -> None:
    """Run black images forth and back, and leave no trace in the model.

    After its first backward pass torch sorts the gradients by when they are ready. Were that pass a
    step, a resumed run would add its next gradients in another order than the run that was not
    interrupted, and end with other bytes.
    """
    buffers = [buffer.clone() for buffer in model.buffers()]
    images = next(model.parameters()).new_zeros((2, *model.spec.image))
    logits = wrapped(images, exits=[e.name for e in model.spec.exits])
    total = sum((scores.sum() for scores in logits.exits.values()), logits.main.sum())
    torch.autograd.backward(total)
    wrapped.zero_grad(set_to_none=True)
    for buffer, before in zip(model.buffers(), buffers, strict=True):
        buffer.copy_(before)


SINGLE_PROCESS = Processes()


def take_gpu(device: str) -> None:
    """Let this process, one of those that torchrun started, touch one GPU only.

    Raises:
        RecipeError: the run is on GPUs, and this machine has fewer than processes.
    """
    if not device.startswith("cuda"):
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if local >= torch.cuda.device_count():
        msg = (
            f"there are {torch.cuda.device_count()} GPUs here, and process {local} has none; "
            "start one process for each"
        )
        raise RecipeError(msg)
    torch.cuda.set_device(local)


def _join(backend: str) -> None:
    """Meet the other processes.

    Where torchrun started them again after one was lost, its store still holds the addresses of
    those before: each attempt keeps to names of its own.
    """
    store, rank, count = next(rendezvous("env://"))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    own = PrefixStore(f"attempt {attempt}", store)
    distributed.init_process_group(backend, store=own, rank=rank, world_size=count)


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started, while a run goes on; alone if there are none.

    Raises:
        TrainingError: another process was lost.
    """
    if not launched():
        yield SINGLE_PROCESS
        return
    _join("cpu:gloo,cuda:nccl" if torch.device(device).type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "gloo" in str(error):
            msg = "another process was lost, and all end; torchrun --max-restarts=3 begins again"
            raise TrainingError(msg) from error
        raise
    finally:
        distributed.destroy_process_group()
