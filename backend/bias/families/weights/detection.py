"""Object detection: which things are where, as boxes with names on white."""

from functools import cached_property
from typing import Any

import numpy as np

from ...sample import DETECTED, Sample
from .base import BATCH, WithWeights, palette, processor_and_network

THRESHOLD = 0.5


class Detection(WithWeights):
    """Outlines of boxes and the names of their classes in a fixed colour per class, on white; score at least 0.5. Any
    object detection model of transformers (DETR, RT-DETR, …); the paper used ViTDet-H with LVIS's 1,203 classes."""

    id = "detection"
    title = "Object boxes"
    group = "meaning"
    keeps = "which things are where"
    published = (61.9, 0.4)
    mirror = False

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        return processor_and_network("AutoImageProcessor", "AutoModelForObjectDetection", self.weights, self.device)

    def parameters(self) -> dict[str, Any]:
        return {"weights": self.weights, "threshold": THRESHOLD}

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        """As every model, and `sample.shared["detected"]` keeps the names of the things in each pair for the object analysis."""
        detected = sample.shared.setdefault(DETECTED, {})
        parts = []
        for at in range(0, len(images), BATCH):
            drawn, names = self._drawn(images[at : at + BATCH])
            detected.update(enumerate(names, start + at))
            parts.append(drawn)
        return np.concatenate(parts)

    def _drawn(self, images: np.ndarray) -> tuple[np.ndarray, list[frozenset[str]]]:
        """Boxes on white, and the classes found in each image."""
        import cv2
        import torch

        processor, network = self._model
        size = images.shape[1]
        inputs = processor(images=list(images), return_tensors="pt").to(self.where)
        with torch.inference_mode():
            outputs = network(**inputs)
        detections = processor.post_process_object_detection(
            outputs, threshold=THRESHOLD, target_sizes=[(size, size)] * len(images)
        )
        names, colours = network.config.id2label, palette(max(256, network.config.num_labels + 1))
        drawn = np.full_like(images, 255)
        for canvas, boxes in zip(drawn, detections):
            for box, label in zip(boxes["boxes"].cpu().numpy(), boxes["labels"].cpu().tolist()):
                left, top, right, bottom = (round(float(value)) for value in np.clip(box, 0, size - 1))
                colour = tuple(int(value) for value in colours[label % len(colours)])
                cv2.rectangle(canvas, (left, top), (right, bottom), colour, 1)
                cv2.putText(canvas, str(names.get(label, label)), (left, max(8, top - 1)), cv2.FONT_HERSHEY_SIMPLEX,
                            size / 500, colour, 1)  # fmt: skip
        return drawn, [
            frozenset(str(names.get(label, label)) for label in boxes["labels"].cpu().tolist()) for boxes in detections
        ]
