"""The fused GPU kernels, run by triton's interpreter on the processor where there is no GPU."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

CHECK = """
import numpy as np, torch
from poolscope.kernels import tensor_cores
from poolscope.scores.kernels import accelerator
from poolscope.scores.kernels.cliploss_kernel import log_sums
from poolscope.scores.normsim import norm_similarity
device = "cuda" if torch.cuda.is_available() else "cpu"
tensor_cores.BLOCK_M, tensor_cores.BLOCK_N, tensor_cores.BLOCK_K = 32, 64, 16
rng = np.random.default_rng(0)
def unit(n, d=40):
    rows = rng.normal(size=(n, d)) + 0.3
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
a, b = unit(70), unit(70)
for temperature in (0.01, 0.001):
    got = accelerator.log_sums(a, b, temperature=temperature, device=device)
    np.testing.assert_allclose(got, log_sums(a, b, temperature=temperature), atol=1e-6 / temperature)
targets = unit(130)
for p in (float("inf"), 3.0):
    got = accelerator.norm_similarity(a.astype(np.float32), targets, p, device=device)
    np.testing.assert_allclose(got, norm_similarity(a.astype(np.float32), targets, p), rtol=2e-6)
print("agree")
"""


def test_the_fused_kernels_agree_with_the_processor_s() -> None:
    import torch

    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env={**os.environ, **interpreted}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith("agree"), done.stderr[-2000:]
