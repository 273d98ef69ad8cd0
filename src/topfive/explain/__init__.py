"""Why a network answers as it does: where it looked, and what its channels look for."""

from __future__ import annotations

from topfive.explain.grad_cam import grad_cam, grad_cam_plus_plus
from topfive.explain.heat import overlay

__all__ = ["grad_cam", "grad_cam_plus_plus", "overlay"]
