"""Networks without memory and without values, for a look at whether they can be built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


def _same(tensor: Tensor, *arguments: Any, **options: Any) -> Tensor:
    return tensor


def _of_rows(matrix: Tensor, vector: Tensor) -> Tensor:
    return matrix.new_empty(len(matrix))


# What constructors fill tensors with, and what a spectral norm iterates 15 times for each layer.
INSTEAD: dict[Any, Callable[..., Tensor]] = {
    **dict.fromkeys((Tensor.normal_, Tensor.uniform_, F.normalize), _same),
    **dict.fromkeys((nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_), _same),
    torch.mv: _of_rows,
}


class _Unfilled(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return INSTEAD.get(func, func)(*args, **kwargs or {})


@contextmanager
def hollow() -> Iterator[None]:
    """Inside this context a network gets shapes alone.

    On the device "meta" torch finds the shapes of many results by Python code. A call takes a millisecond, and the import takes
    a second. The shapes of the functions in `INSTEAD` are clear, so these functions are not called.
    """
    with torch.device("meta"), _Unfilled():
        yield
