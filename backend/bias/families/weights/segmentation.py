"""Semantic segmentation: what is where, without how it looks."""

from functools import cached_property
from typing import Any

import numpy as np

from .base import WithWeights, imported, loaded, palette, processor_and_network


class Segmentation(WithWeights):
    """Every pixel in the colour of its class, by a semantic segmentation model of transformers (Mask2Former, SegFormer
    or another with ADE20K's 150 classes; the paper used ViT-Adapter with BEiT-v2, which transformers lacks)."""

    id = "segmentation"
    title = "Semantic segmentation"
    group = "meaning"
    keeps = "the classes of regions"
    published = (69.8, 0.6)
    mirror = False

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        config = loaded(imported("transformers").AutoConfig.from_pretrained, self.weights)
        kind = "Universal" if config.model_type in ("mask2former", "maskformer", "oneformer") else "Semantic"
        network = f"AutoModelFor{kind}Segmentation"
        return processor_and_network("AutoImageProcessor", network, self.weights, self.device)

    def changed(self, images: np.ndarray) -> np.ndarray:
        import torch

        processor, network = self._model
        size = images.shape[1]
        inputs = processor(images=list(images), return_tensors="pt").to(self.where)
        with torch.inference_mode():
            outputs = network(**inputs)
        maps = processor.post_process_semantic_segmentation(outputs, target_sizes=[(size, size)] * len(images))
        colours = palette(max(256, network.config.num_labels + 1))
        return np.stack([colours[one.cpu().numpy().astype(np.int64) % len(colours)] for one in maps])
