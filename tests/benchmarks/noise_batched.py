"""A training step of several seeds as one batched model: the timing of `bench_noise.py batched`."""

import math
import time
from collections.abc import Callable
from typing import Any

STEPS = 3


def contrastive_loss(model: Callable[..., Any], image: Any, text: Any) -> Any:
    import torch

    one, other, logit_scale = model(image, text)[:3]
    logits, labels = logit_scale * one @ other.T, torch.arange(len(image))
    both = torch.nn.functional.cross_entropy(logits, labels), torch.nn.functional.cross_entropy(logits.T, labels)
    return (both[0] + both[1]) / 2


def batched(copies: int = 3) -> tuple[float, float]:
    """Seconds of the processor for a training step of `copies` models: in turn, and as one batched model."""
    import open_clip
    import torch

    from poolscope.bench.scales import SCALES
    from poolscope.bench.worker import skip_slow_attention
    from poolscope.models import register_configs

    register_configs()
    skip_slow_attention()
    torch.set_num_threads(1)
    scale = SCALES["demo"]
    models = [open_clip.create_model(scale.model, output_dict=False) for _ in range(copies)]
    images = torch.rand(copies, scale.batch, 3, 48, 48)
    texts = torch.randint(1, 40_000, (copies, scale.batch, 16))
    in_turn = [torch.optim.AdamW(model.parameters(), lr=1e-4) for model in models]
    weights, buffers = torch.func.stack_module_state(models)
    together = torch.optim.AdamW(list(weights.values()), lr=1e-4)

    def of_one(
        weights: dict[str, torch.Tensor], buffers: dict[str, torch.Tensor], *pairs: torch.Tensor
    ) -> torch.Tensor:
        def model(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return torch.func.functional_call(models[0], (weights, buffers), given)

        return contrastive_loss(model, *pairs)

    def one_after_the_other() -> None:
        for model, optimizer, image, text in zip(models, in_turn, images, texts):
            with torch.autocast("cpu", torch.bfloat16):
                value = contrastive_loss(model, image, text)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()

    def at_once() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            value = torch.func.vmap(of_one)(weights, buffers, images, texts).sum()
        together.zero_grad()
        value.backward()
        together.step()

    best = [math.inf, math.inf]
    for _ in range(STEPS):
        for place, work in enumerate((one_after_the_other, at_once)):
            begun = time.process_time()
            work()
            best[place] = min(best[place], time.process_time() - begun)
    return best[0], best[1]
