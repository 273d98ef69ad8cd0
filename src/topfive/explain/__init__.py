"""Why a network answers as it does: where the evidence for a class lies, and what its channels look for."""

from __future__ import annotations

from topfive.explain.deconvnet import deconvnet
from topfive.explain.grad_cam import grad_cam, grad_cam_plus_plus
from topfive.explain.heat import overlay
from topfive.explain.integrated_gradients import integrated_gradients
from topfive.explain.occlusion import occlusion
from topfive.explain.patches import channels, strongest

__all__ = [
    "channels",
    "deconvnet",
    "grad_cam",
    "grad_cam_plus_plus",
    "integrated_gradients",
    "occlusion",
    "overlay",
    "strongest",
]
