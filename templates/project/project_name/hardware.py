"""Which device to use, how precisely to compute on it, and what the machine is."""

import contextlib
import os
import platform
import subprocess
from dataclasses import dataclass
from typing import Any  # facts go into a JSON file

import torch

from project_name.config import ConfigError, Train

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """A device and the type that matrix products are computed in."""

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Compute in `dtype` where that is safe; weights stay in 32 bits."""
        if self.dtype is torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def scaler(self) -> torch.amp.GradScaler:
        """Return what keeps small gradients of 16-bit floats from becoming zero."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)


def choose(config: Train, local_rank: int = 0) -> Compute:
    """Choose by what *config* asks for and by what is there."""
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise ConfigError("train.device is cuda, and torch sees no GPU here.")
    if config.device == "cpu" or not cuda:
        device = torch.device("cpu")
        return Compute(device, _DTYPES.get(config.precision, torch.float32))
    device = torch.device("cuda", local_rank)
    if config.precision != "auto":
        return Compute(device, _DTYPES[config.precision])
    return Compute(device, best_dtype(torch.cuda.get_device_capability(device)))


def best_dtype(capability: tuple[int, int]) -> torch.dtype:
    """Return what a GPU of this compute *capability* is fastest in."""
    # From 8 on (A100, L4) bf16 runs on tensor cores and needs no scaled loss; the T4 has 7.5 and
    # tensor cores for fp16 alone.
    return torch.bfloat16 if capability >= (8, 0) else torch.float16


def settle(config: Train) -> None:
    """Set torch's global switches as *config* says."""
    if config.deterministic:
        # cuBLAS reads this when it is first used, and is not deterministic without it.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = not config.deterministic
    torch.autograd.set_detect_anomaly(config.detect_anomaly)


def facts() -> dict[str, Any]:
    """Return what explains a run's numbers: versions, GPU, git state."""
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cpus": os.cpu_count(),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "git": _output("git", "rev-parse", "HEAD"),
        "git_changes": bool(_output("git", "status", "--porcelain")),
        "cuda": torch.version.cuda,
    }
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(torch.cuda.current_device())
        found |= {
            "cudnn": torch.backends.cudnn.version(),
            "driver": _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
            "gpu": gpu.name,
            "capability": f"{gpu.major}.{gpu.minor}",
            "gpu_memory_mb": gpu.total_memory // 2**20,
        }
    return found


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
