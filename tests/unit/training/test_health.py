"""What is read of the gradient."""

import pytest
import torch
from torch import nn

from inceptionkit.training.loop import gradient_norm


class Parts(nn.Module):
    """Parameters of every number of dimensions, one of them frozen."""

    def __init__(self, layout: torch.memory_format) -> None:
        super().__init__()
        shapes = ((4, 3, 5, 5), (7, 4), (6,), ())
        made = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
        self.parts = nn.ParameterList(made)
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        random = torch.Generator().manual_seed(0)
        for part in made:
            part.grad = torch.randn(part.shape, generator=random)
        made[0].grad = made[0].grad.contiguous(memory_format=layout)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_norm_is_that_of_all_gradients_in_either_layout(layout: torch.memory_format) -> None:
    model = Parts(layout)
    gradients = [part.grad for part in model.parameters() if part.grad is not None]

    torch.testing.assert_close(gradient_norm(model), nn.utils.get_total_norm(gradients))
    model.parts[1].grad[0, 0] = float("nan")
    assert gradient_norm(model).isnan()
