"""Generated captions: what a model says an image shows, whatever its own caption says."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from PIL import Image

from ....progress import Progress, silent
from ...sample import Sample
from ..base import Features, OfImages
from ..captions import CaptionWords
from .base import processor_and_network

LONGEST = 100


@dataclass(frozen=True, kw_only=True)
class GeneratedCaptions(OfImages):
    """TF-IDF of captions that a captioning model of transformers writes (BLIP, GIT, LLaVA with a prompt; the paper used
    LLaVA-1.5-7B and a Sentence-T5 classifier), at most 100 new tokens."""

    id = "generated_captions"
    title = "Generated captions"
    group = "caption"
    keeps = "what a model says it sees"
    published = (63.8, 0.1)
    weights: str
    device: str = "auto"

    def parameters(self) -> dict[str, Any]:
        return {"weights": self.weights, "new tokens": LONGEST}

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        return processor_and_network("AutoProcessor", "AutoModelForImageTextToText", self.weights, self.device)

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        import torch

        assert sample.images is not None
        processor, network = self._model
        texts: list[str] = []
        for start in range(0, len(sample), 8):
            images = [Image.fromarray(image) for image in sample.images[start : start + 8]]
            inputs = processor(images=images, return_tensors="pt").to(network.device)
            with torch.inference_mode():
                generated = network.generate(**inputs, max_new_tokens=LONGEST)
            texts.extend(processor.batch_decode(generated, skip_special_tokens=True))
            progress(len(texts), len(sample))
        return CaptionWords().features(replace(sample, texts=tuple(texts)))
