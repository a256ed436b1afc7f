"""Networks trained from scratch on transformed images: a small one for two cores, ConvNeXt through timm for a GPU."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import InputError
from .validation import Classifier, Learnt, balanced, confusion_of

if TYPE_CHECKING:
    import torch

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BETAS = (0.9, 0.95)


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained. `small`: 0.3M parameters, 10 epochs. `convnext`: ConvNeXt-Tiny with the settings of
    Zeng et al. 2024 (AdamW, lr 1e-3 at batch 4096, weight decay 0.3, β 0.9 and 0.95, 30 epochs of which 2 warm up,
    cosine to 1e-6, label smoothing 0.1, RandAugment, mixup 0.8 or cutmix 1.0)."""

    network: Literal["small", "convnext"] = "small"
    epochs: int = 10
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.05
    smoothing: float = 0.1
    warm_up: float = 1.0
    mix: bool = False
    augment: bool = False
    device: str = "auto"
    seed: int = 0


SMALL = Training()
CONVNEXT = Training(
    network="convnext", epochs=30, batch=512, rate=1e-3 * 512 / 4096, decay=0.3, warm_up=2.0, mix=True, augment=True
)


def network_classifier(
    images: np.ndarray, training: Training, *, photographic: bool = True, mirror: bool = True
) -> Classifier:
    """A classifier that trains a fresh network per fold on `(n, s, s, 3)` uint8 images.

    `photographic` False leaves out normalisation and RandAugment (drawings, filtered images); `mirror` False leaves
    out horizontal flips.
    """

    def learn(train: np.ndarray, test: np.ndarray, labels: np.ndarray, classes: int) -> Learnt:
        import torch

        from ..devices import choose

        device = torch.device(choose(training.device))
        torch.manual_seed(training.seed)
        network = _network(training, classes).to(device, memory_format=torch.channels_last)  # twice as fast on a CPU
        _train(network, images, labels, train, training, device, classes, photographic, mirror)
        seen = train[:: max(1, len(train) // 2000)]
        predicted = _probabilities(network, images, seen, device, photographic).argmax(axis=1)
        share = _probabilities(network, images, test, device, photographic)
        return share, balanced(confusion_of(labels[seen], predicted, classes)), None

    return learn


def _train(
    network: Any, images: np.ndarray, labels: np.ndarray, rows: np.ndarray, training: Training, device: "torch.device",
    classes: int, photographic: bool, mirror: bool,
) -> None:  # fmt: skip
    import torch
    from torch.nn import functional

    rng = np.random.default_rng([training.seed, len(rows)])
    batch = max(2, min(training.batch, len(rows) // 4))
    per_epoch = max(1, len(rows) // batch)
    total, warm = training.epochs * per_epoch, int(training.warm_up * per_epoch)
    matrices = [one for one in network.parameters() if one.ndim > 1]
    vectors = [one for one in network.parameters() if one.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": training.decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=training.rate,
        betas=BETAS,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, warm, total))
    counts = np.bincount(labels[rows], minlength=classes)
    weight = torch.as_tensor(len(rows) / (classes * np.maximum(counts, 1)), dtype=torch.float32, device=device)
    mix = _mixer(training, classes)
    augment = _augment(training) if photographic else None
    network.train()
    for _ in range(training.epochs):
        order = rng.permutation(rows)[: per_epoch * batch]
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            shown = _crops(images[chosen], rng, mirror)
            if augment is not None:
                shown = augment(shown)
            block = _tensor(shown, device, photographic)
            truth = torch.as_tensor(labels[chosen], device=device)
            if mix is not None and len(block) % 2 == 0:
                block, soft = mix(block, truth)
                loss = -(soft * weight * functional.log_softmax(network(block), dim=1)).sum(dim=1).mean()
            else:
                loss = functional.cross_entropy(
                    network(block), truth, weight=weight, label_smoothing=training.smoothing
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()


def _rate(step: int, warm: int, total: int) -> float:
    if step < warm:
        return (step + 1) / max(1, warm)
    return max(1e-3, 0.5 * (1 + np.cos(np.pi * (step - warm) / max(1, total - warm))))


def _probabilities(
    network: Any, images: np.ndarray, rows: np.ndarray, device: "torch.device", photographic: bool
) -> np.ndarray:
    import torch

    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(rows), 512):
            block = _tensor(images[rows[start : start + 512]], device, photographic)
            parts.append(network(block).softmax(dim=1).float().cpu().numpy())
    return np.concatenate(parts)


def _tensor(images: np.ndarray, device: "torch.device", photographic: bool) -> "torch.Tensor":
    import torch

    # `(b, s, s, 3)` seen as `(b, 3, s, s)` is channels-last already
    block = torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float() / 255
    if not photographic:
        return block
    mean = torch.tensor(MEAN, device=device)[:, None, None]
    return (block - mean) / torch.tensor(SPREAD, device=device)[:, None, None]


def _crops(images: np.ndarray, rng: np.random.Generator, mirror: bool) -> np.ndarray:
    """Shifts each image by up to an eighth of its side, edges repeated, and mirrors half of them."""
    n, size = images.shape[:2]
    reach = max(1, size // 8)
    shift = rng.integers(-reach, reach + 1, (n, 2))
    axis = np.arange(size)
    rows = np.clip(axis + shift[:, :1], 0, size - 1)
    columns = np.clip(axis + shift[:, 1:], 0, size - 1)
    if mirror:
        flipped = rng.random(n) < 0.5
        columns[flipped] = columns[flipped, ::-1]
    return images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _network(training: Training, classes: int) -> Any:
    if training.network == "convnext":
        try:
            import timm
        except ImportError:
            text = "ConvNeXt needs the package timm; run `pip install timm` or use the small network."
            raise InputError(text) from None
        return timm.create_model("convnext_tiny", num_classes=classes, ls_init_value=1e-6)
    return small_network(classes)


def small_network(classes: int) -> Any:
    """Three stages of depthwise 7 × 7 and pointwise convolutions at a quarter, an eighth and a sixteenth of the side."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner = nn.Sequential(
                nn.Conv2d(width, width, 7, padding=3, groups=width), nn.BatchNorm2d(width),
                nn.Conv2d(width, 3 * width, 1), nn.GELU(), nn.Conv2d(3 * width, width, 1),
            )  # fmt: skip

        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return x + self.inner(x)

    first, second, third = 32, 64, 128
    return nn.Sequential(
        nn.Conv2d(3, first, 4, stride=4), nn.BatchNorm2d(first), Block(first),
        nn.Conv2d(first, second, 2, stride=2), nn.BatchNorm2d(second), Block(second), Block(second),
        nn.Conv2d(second, third, 2, stride=2), nn.BatchNorm2d(third), Block(third),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1), nn.Linear(third, classes),
    )  # fmt: skip


def _mixer(training: Training, classes: int) -> Any:
    if not training.mix:
        return None
    from timm.data import Mixup

    return Mixup(
        mixup_alpha=0.8, cutmix_alpha=1.0, prob=1.0, switch_prob=0.5, mode="elem",
        label_smoothing=training.smoothing, num_classes=classes,
    )  # fmt: skip


def _augment(training: Training) -> Any:
    if not training.augment:
        return None
    from PIL import Image
    from timm.data import rand_augment_transform

    change = rand_augment_transform("rand-m9-mstd0.5-inc1", {"img_mean": tuple(int(255 * one) for one in MEAN)})
    for one in change.ops:
        if one.name.startswith("Posterize"):  # timm's strongest level keeps no bit at all, which Pillow refuses
            one.level_fn = lambda level, settings, bits=one.level_fn: (max(1, bits(level, settings)[0]),)

    def each(images: np.ndarray) -> np.ndarray:
        return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])

    return each
