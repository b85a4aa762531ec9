"""Readers of PyTorch's and safetensors' files: what they give, and what they refuse to run."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as save_safetensors

from inceptionkit.convert.formats import pytorch, safetensors
from inceptionkit.errors import WeightsError

TENSORS = {
    "a.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) - 2.5,
    "a.half": torch.tensor([0.5, -2.0], dtype=torch.float16),
    "a.brain": torch.tensor([1.5, -3.0], dtype=torch.bfloat16),
    "a.double": torch.tensor([0.25], dtype=torch.float64),
    "a.num_batches_tracked": torch.tensor(7),
}


def as_pth(content: Any, *, new: bool = True) -> bytes:
    packed = io.BytesIO()
    torch.save(content, packed, _use_new_zipfile_serialization=new)
    return packed.getvalue()


def refusal(read: Callable[[Path], object], path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said.removeprefix(f"{path}: ")


def assert_tensors(found: dict[str, np.ndarray]) -> None:
    assert found.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert found[name].dtype == np.float32
        assert np.array_equal(found[name], value.float().numpy())
        assert found[name].flags.writeable or found[name].base is not None


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
def test_a_pth_is_read_bare_or_in_a_checkpoint(
    tmp_path: Path, wrapper: str | None, new: bool
) -> None:
    content = TENSORS if wrapper is None else {"epoch": 3, wrapper: TENSORS, "lr": [0.1]}
    (tmp_path / "x.pth").write_bytes(as_pth(content, new=new))

    assert_tensors(pytorch.read(tmp_path / "x.pth"))


def test_a_safetensors_file_is_read_whatever_its_floats(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(save_safetensors(TENSORS))

    assert_tensors(safetensors.read(tmp_path / "x.safetensors"))


def test_what_was_read_does_not_depend_on_the_file_any_more(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(as_pth(TENSORS))
    found = pytorch.read(path)
    path.write_bytes(b"")

    assert_tensors(found)


@pytest.mark.parametrize(
    ("write", "read"), [(pytorch.write, pytorch.read), (safetensors.write, safetensors.read)]
)
def test_what_is_written_is_read_again(tmp_path: Path, write: Callable, read: Callable) -> None:
    arrays = {"a": np.arange(12, dtype=np.float32).reshape(3, 4).T, "b": np.ones(2, np.float32)}
    write(tmp_path / "x", arrays)
    again = read(tmp_path / "x")

    assert again.keys() == arrays.keys()
    assert all(np.array_equal(again[name], value) for name, value in arrays.items())


class Trap:
    """Makes a file when it is unpacked."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("where", ["beside", "inside", "alone"])
def test_code_in_a_pth_does_not_run(tmp_path: Path, new: bool, where: str) -> None:
    canary = tmp_path / "canary"
    trap = Trap(canary)
    content = {
        "beside": {"state_dict": TENSORS, "hook": trap},
        "inside": TENSORS | {"b": trap},
        "alone": trap,
    }
    said = refusal(pytorch.read, tmp_path / "x.pth", as_pth(content[where], new=new))

    assert not canary.exists()
    assert said == (
        "holds posix.system beside tensors, which loading would run; it was not run. Save the "
        "state dict alone: torch.save(model.state_dict(), ...)"
    )


def test_a_plain_pickle_does_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    refusal(pytorch.read, tmp_path / "x.pth", pickle.dumps(Trap(canary)))

    assert not canary.exists()


def test_the_trap_would_have_snapped(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "canary")))  # noqa: S301 - to see that it would

    assert (tmp_path / "canary").exists()


def test_a_whole_network_in_a_pth_is_named(tmp_path: Path) -> None:
    said = refusal(pytorch.read, tmp_path / "x.pth", as_pth(torch.nn.Linear(2, 2)))

    assert said.startswith("holds torch.nn.modules.linear.Linear beside tensors")


@pytest.mark.parametrize("read", [pytorch.read, safetensors.read])
def test_an_empty_file_says_so(tmp_path: Path, read: Callable) -> None:
    assert refusal(read, tmp_path / "x", b"").startswith("is empty")


@pytest.mark.parametrize("read", [pytorch.read, safetensors.read])
@pytest.mark.parametrize("content", [b"shopping list: milk, eggs\n" * 99, b"PK\x03\x04" * 99])
def test_a_file_of_something_else_is_no_weights(
    tmp_path: Path, read: Callable, content: bytes
) -> None:
    assert "cannot be read as" in refusal(read, tmp_path / "x", content)


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 0.999), form=st.sampled_from(["zip", "legacy", "safetensors"]))
def test_a_file_that_was_cut_short_says_so(
    tmp_path_factory: pytest.TempPathFactory, share: float, form: str
) -> None:
    whole = (
        save_safetensors(TENSORS) if form == "safetensors" else as_pth(TENSORS, new=form == "zip")
    )
    read = safetensors.read if form == "safetensors" else pytorch.read
    path = tmp_path_factory.mktemp("cut") / "x"
    said = refusal(read, path, whole[: int(share * len(whole))])

    cut_in_a_name = "beside tensors" in said  # half the name of something harmless is not known
    assert "damaged or cut short" in said or "is empty" in said or cut_in_a_name


def test_a_packed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**8))
    said = refusal(pytorch.read, tmp_path / "x.pth", packed.getvalue())

    assert said == "is a zip archive, but not one that torch.save wrote; give the .pth itself"


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_tensor_that_claims_more_than_the_file_has_is_refused(tmp_path: Path, new: bool) -> None:
    """One number, seen a million million times."""
    content = as_pth({"a": torch.zeros(1).expand(10**6, 10**6)}, new=new)
    said = refusal(pytorch.read, tmp_path / "x.pth", content)

    assert said.startswith("claims 4,000,000,000,000 bytes of tensors, but has ")


def test_a_safetensors_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    for length in (2**63, 2**40, 10**6):
        content = length.to_bytes(8, "little") + b"{}" + bytes(50)

        assert "cannot be read as safetensors" in refusal(safetensors.read, tmp_path / "x", content)


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, [1, 2], {"model": {"lr": 3}}, 5, TENSORS["a.half"]]
)
def test_a_pth_without_tensors_by_name_is_refused(tmp_path: Path, content: object) -> None:
    said = refusal(pytorch.read, tmp_path / "x.pth", as_pth(content))

    assert said.startswith("holds no tensors by name; save the network's state dict, bare or under")


@pytest.mark.filterwarnings("ignore::UserWarning")  # of torch, on sparse tensors
@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(3).to_sparse(),
        torch.zeros(3, dtype=torch.complex64),
        torch.zeros(3, device="meta"),
    ],
    ids=["sparse", "complex", "meta"],
)
def test_a_tensor_that_is_no_plain_array_is_refused(tmp_path: Path, tensor: torch.Tensor) -> None:
    said = refusal(pytorch.read, tmp_path / "x.pth", as_pth({"a": tensor, "b": torch.zeros(99)}))

    assert said == "a is not a plain array of numbers; save a float32 state dict"


def test_a_type_that_weights_do_not_have_is_refused(tmp_path: Path) -> None:
    content = save_safetensors({"a": torch.zeros(3, dtype=torch.complex64)})
    said = refusal(safetensors.read, tmp_path / "x", content)

    assert said == "a (C64) is of a type that weights do not have; save them as float32"
