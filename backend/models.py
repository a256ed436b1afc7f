"""Models: open_clip models by tag, by checkpoint, or as safetensors of our own; images and texts to unit vectors."""

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import files
from .devices import Room, autocast, choose, note
from .errors import InputError, first_line
from .paths import ASSETS, home
from .pool import digests

CONFIGS = Path(__file__).parent / "bench" / "configs"
TEACHER = ASSETS / "demo" / "teacher.safetensors"
COMMON = ("ViT-L-14/openai", "ViT-L-14/datacomp_xl_s13b_b90k", "ViT-B-32/openai", "ViT-B-32/laion2b_s34b_b79k")
"""Models that know photographs, the better ones first."""


@dataclass(frozen=True)
class Model:
    """A model to embed with: `name` as open_clip knows it, `weights` a pretrained tag, a file, or empty (random)."""

    name: str
    weights: str = ""

    @classmethod
    def parse(cls, text: str) -> "Model":
        """`MODEL`, `MODEL/PRETRAINED`, `MODEL/path/to/checkpoint`, a `.safetensors` of ours, a run directory, or `demo`.

        Raises InputError for an unknown model, naming the closest ones.
        """
        if text == "demo":
            return cls("poolscope-demo", str(TEACHER))
        path = Path(text)
        if path.is_dir() and (path / "model.safetensors").exists():
            path = path / "model.safetensors"
        if path.suffix == ".safetensors" and path.is_file():
            named = _metadata(path).get("model")
            if not named:
                raise InputError(f"{text!r} does not name its model; give it as MODEL/{text}.")
            return cls(named, str(path))
        name, _, weights = text.partition("/")
        register_configs()
        import open_clip

        if name.startswith("hf-hub:"):
            return cls(text, "")
        known = open_clip.list_models()
        if name not in known:
            import difflib

            near = ", ".join(difflib.get_close_matches(name, known, 4, 0.3)) or "ViT-B-32, ViT-L-14"
            raise InputError(
                f"no model {name!r}; near it: {near}. Write MODEL/PRETRAINED, for example ViT-L-14/openai."
            )
        if Path(weights).name == TEACHER.name and not Path(weights).exists():
            weights = str(TEACHER)  # a pool keeps the path of the installation that made it, which may have moved
        if weights and not Path(weights).exists() and weights not in open_clip.list_pretrained_tags_by_model(name):
            tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
            raise InputError(f"{name} has no pretrained weights {weights!r} and no such file exists; its tags: {tags}.")
        return cls(name, weights)

    @property
    def is_teacher(self) -> bool:
        """Whether it is the demo's teacher, which was trained on clip art and emoji alone."""
        return self.weights == str(TEACHER)

    @property
    def at_hand(self) -> bool:
        """Whether the weights are on this disk, so that loading them asks no server."""
        if not self.weights or Path(self.weights).is_file():
            return not self.name.startswith("hf-hub:")
        import open_clip
        from huggingface_hub import try_to_load_from_cache

        place = open_clip.get_pretrained_cfg(self.name, self.weights)
        repository, _, file = str(place.get("hf_hub", "")).rpartition("/")
        names = [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
        if repository:
            return any(isinstance(try_to_load_from_cache(repository, name), str) for name in names)
        file = str(place.get("url", "")).rpartition("/")[2]
        return bool(file) and (Path.home() / ".cache" / "clip" / file).is_file()

    @property
    def digest(self) -> str:
        """SHA-256 of the weights' file, for weights that are one; empty for a published tag, whose name stands for them."""
        return digests.of_path(self.weights) if self.weights and Path(self.weights).exists() else ""

    def load(self, device: str = "auto", precision: str = "fp32") -> "Loaded":
        """Loads the weights. Raises InputError if they can't be had (no network, no file) or don't fit the model."""
        import open_clip
        import torch

        register_configs()
        device = choose(device)
        own = self.weights.endswith(".safetensors")
        if own:
            # open_clip warns that it has no weights; ours are loaded after it has made the network.
            logging.disable(logging.WARNING)
        try:
            network, _, transform = open_clip.create_model_and_transforms(
                self.name,
                pretrained=None if own or not self.weights else self.weights,
                precision=precision,
                device=device,
                weights_only=True,
            )
            if own:
                from safetensors.torch import load_file

                network.load_state_dict({key: value.float() for key, value in load_file(self.weights).items()})
            words = tokenizer(self.name)
        except InputError:
            raise
        except Exception as error:  # open_clip, torch and safetensors raise many types for a file of another form
            why = first_line(error, 1000)
            raise InputError(f"model {self} can't be loaded: {why}; give a local checkpoint as MODEL/path.") from None
        finally:
            logging.disable(logging.NOTSET)
        return Loaded(network.eval(), transform, words, torch.device(device))

    def __str__(self) -> str:
        return f"{self.name}/{self.weights}" if self.weights else self.name


class Loaded:
    """A loaded model on a device: images and texts in, unit vectors out.

    `autocast` (`fp32`, `fp16`, `bf16`) is the precision of the forward pass; a batch whose vectors overflow in it is
    computed again in float32. A batch that the device has no room for is halved, down to one row; then the model moves
    to the processor, with a note.
    """

    autocast = "fp32"

    def __init__(self, network: Any, transform: Any, tokenizer: Any, device: Any) -> None:
        self.network, self.transform, self.tokenizer, self.device = network, transform, tokenizer, device
        self._room = Room(1 << 30)

    def images(self, pictures: Any) -> np.ndarray:
        """`(n, 3, H, W)` transformed images to `(n, d)` float32 unit vectors."""
        return self._unit(self.network.encode_image, pictures)

    def image(self, file: bytes) -> np.ndarray:
        """`(d,)` float32 unit vector of one image file. Raises ValueError for a file that can't be decoded."""
        from .pool.decoding import open_rgb

        return self.images(self.transform(open_rgb(file))[None])[0]

    def texts(self, captions: Sequence[str]) -> np.ndarray:
        """n captions to `(n, d)` float32 unit vectors."""
        return self.tokens(self.tokenizer(list(captions)))

    def tokens(self, tokens: Any) -> np.ndarray:
        """`(n, length)` token ids of captions to `(n, d)` float32 unit vectors."""
        return self._unit(self.network.encode_text, tokens)

    def _unit(self, encode: Any, batch: Any) -> np.ndarray:
        import torch

        try:
            vectors = self._room.over(len(batch), lambda part: self._forward(encode, batch[part]))
        except torch.OutOfMemoryError:
            note(f"{self.device} has no room for this model and one row; it runs on the processor")
            self.network, self.device, self.autocast = self.network.to("cpu").float(), torch.device("cpu"), "fp32"
            return self._forward(encode, batch)
        return vectors[0] if len(vectors) == 1 else np.concatenate(vectors)

    def _forward(self, encode: Any, batch: Any) -> np.ndarray:
        import torch

        with torch.inference_mode():
            moved = batch.to(self.device, non_blocking=True)
            with autocast(self.device, self.autocast):
                vectors = encode(moved.float() if moved.is_floating_point() and self.autocast == "fp32" else moved)
            if self.autocast != "fp32" and not bool(torch.isfinite(vectors).all()):
                vectors = encode(moved.float() if moved.is_floating_point() else moved)
            return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()

    @cached_property
    def dim(self) -> int:
        return int(self.texts(["a"]).shape[1])


def preferred() -> str | None:
    """The first of the common models whose weights are on this disk; never the demo's teacher, which knows clip art."""
    return next((name for name in COMMON if Model.parse(name).at_hand), None)


@cache
def tokenizer(architecture: str) -> Any:
    """open_clip's tokenizer of a model, made once: it parses a vocabulary of 49,408 words each time it is made."""
    import open_clip

    return open_clip.get_tokenizer(architecture)


def embedding_name(model: str) -> str:
    """The column name that an embedding takes unless another is given: `ViT-L-14/openai` gives `vit_l_14_openai`."""
    stem = model.rsplit(".", 1)[0] if "." in model else model
    return re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[-40:].strip("_") or "model"


def config_dirs() -> list[Path]:
    """Where model configurations are found besides open_clip's own: ours, then the user's in the home's `models/`."""
    return [directory for directory in (CONFIGS, home() / "models") if directory.is_dir()]


def config(model: str) -> dict[str, Any]:
    """open_clip's configuration of an architecture, read from disk so that an estimate needs no torch.

    Raises InputError for an unknown name.
    """
    from importlib.util import find_spec

    spec = find_spec("open_clip")
    theirs = [Path(spec.origin).parent / "model_configs"] if spec and spec.origin else []
    for directory in (*config_dirs(), *theirs):
        path = directory / f"{model}.json"
        if path.is_file():
            return files.read_json(path, dict)
    raise InputError(f"model {model!r} is unknown to open_clip; put its {model}.json into {home() / 'models'}")


def register_configs() -> None:
    """Makes the model configurations of `config_dirs` known to open_clip."""
    import open_clip

    for directory in config_dirs():
        for path in sorted(directory.glob("*.json")):
            if path.stem not in open_clip.list_models():
                open_clip.add_model_config(path)


def save_weights(network: Any, path: Path, *, model: str, about: dict[str, Any], half: bool = False) -> None:
    """Writes weights as safetensors that name their model; `half` stores float16."""
    import torch
    from safetensors.torch import save

    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    if half:
        state = {key: value.half() if value.dtype == torch.float32 else value for key, value in state.items()}
    # not save_file: it renames a file of its own over the one that is locked
    files.write_bytes(path, save(state, {"model": model, "about": json.dumps(about)}))


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as weights:
            return weights.metadata() or {}
    except SafetensorError as error:
        raise InputError(f"{str(path)!r} is not a safetensors file: {error}.") from None
