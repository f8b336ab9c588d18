"""A PyTorch class that lives in a module of its own, as a user's would."""

from __future__ import annotations

from typing import Any

import torch


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.layer(x)
