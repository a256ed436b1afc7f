"""VAE reconstruction: the image without its finest traces."""

from functools import cached_property
from typing import Any

import numpy as np

from .base import WithWeights, imported, loaded

SIDE = 256


class Reconstruction(WithWeights):
    """Encoded and decoded by an autoencoder of diffusers at 256 pixels, the mode of the posterior, resized back (the
    paper used the f=4 autoencoder of latent diffusion)."""

    id = "vae"
    title = "VAE reconstruction"
    group = "picture"
    keeps = "all but the finest traces"
    published = (77.4, 0.3)
    photographic = True

    @cached_property
    def _network(self) -> Any:
        return loaded(imported("diffusers").AutoencoderKL.from_pretrained, self.weights).to(self.where).eval()

    def parameters(self) -> dict[str, Any]:
        return {"weights": self.weights, "side": SIDE}

    def changed(self, images: np.ndarray) -> np.ndarray:
        import torch
        from torch.nn import functional

        block = torch.from_numpy(np.ascontiguousarray(images)).to(self.where).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.inference_mode():
            large = functional.interpolate(block, (SIDE, SIDE), mode="bicubic", align_corners=False)
            decoded = self._network.decode(self._network.encode(large).latent_dist.mode()).sample
            small = functional.interpolate(
                decoded, images.shape[1:3], mode="bicubic", align_corners=False, antialias=True
            )
        return ((small.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
