"""Families with weights, on tiny random models saved and loaded as real ones are; skipped where the extra is missing."""

import numpy as np
import pytest

from poolscope.bias.families.weights import LISTED, with_weights
from poolscope.bias.families.weights.base import palette
from poolscope.bias.families.weights.sam import contours
from poolscope.bias.sample import DETECTED
from poolscope.errors import InputError
from tests.backend.bias.conftest import noise


def test_off_until_weights_are_given():
    assert with_weights({}) == []
    with pytest.raises(InputError, match="segmentation"):
        with_weights({"colour": "x"})
    with pytest.raises(InputError, match="DIRECTORY"):
        with_weights({"depth": ""})
    assert [family.name for family in with_weights(dict.fromkeys(LISTED, "x"))] == list(LISTED)


def test_weights_that_are_not_there(make, tmp_path):
    pytest.importorskip("transformers")
    sample = make(noise(4, 0), np.array([0, 0, 1, 1]))
    family = with_weights({"depth": str(tmp_path / "nothing")})[0]
    with pytest.raises(InputError, match="can't be loaded"):
        family.features(sample)


def test_contours_between_masks():
    left, inner = np.zeros((16, 16), dtype=bool), np.zeros((16, 16), dtype=bool)
    left[:, :8] = True
    inner[4:8, 2:6] = True
    drawn = contours([left, inner], [0.5, 0.9], 16)
    assert drawn[2, 7] == drawn[2, 8] == 255
    assert drawn[4, 3] == drawn[3, 3] == 255  # the surer mask wins where both are
    assert drawn[5, 4] == 0
    assert not drawn[0].any()
    assert not drawn[:, -1].any()


def test_palette_has_a_colour_per_class_and_no_white():
    colours = palette(150)
    assert len(np.unique(colours, axis=0)) == 150
    assert colours.max() < 255


def saved(kind: str, path) -> str:
    """A tiny model of that kind with random weights, as `save_pretrained` leaves it."""
    import torch

    torch.manual_seed(0)
    if kind == "vae":
        diffusers = pytest.importorskip("diffusers")
        network = diffusers.AutoencoderKL(
            block_out_channels=(8, 8), norm_num_groups=4, down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=2,
        )  # fmt: skip
        network.save_pretrained(path)
        return str(path)
    transformers = pytest.importorskip("transformers")
    if kind == "segmentation":
        config = transformers.SegformerConfig(
            hidden_sizes=[8, 8, 8, 8], decoder_hidden_size=8, num_attention_heads=[1, 1, 1, 1], depths=[1, 1, 1, 1],
            num_labels=5,
        )  # fmt: skip
        network, processor = transformers.SegformerForSemanticSegmentation(config), transformers.SegformerImageProcessor(size={"height": 32, "width": 32})  # fmt: skip
    elif kind == "detection":
        config = transformers.YolosConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=[32, 32],
            patch_size=8, num_detection_tokens=5, num_labels=4,
        )  # fmt: skip
        network, processor = transformers.YolosForObjectDetection(config), transformers.YolosImageProcessor(size={"height": 32, "width": 32})  # fmt: skip
    else:
        config = transformers.DPTConfig(
            hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8,
            backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, is_hybrid=False,
        )  # fmt: skip
        network, processor = transformers.DPTForDepthEstimation(config), transformers.DPTImageProcessor(size={"height": 32, "width": 32})  # fmt: skip
    with torch.no_grad():  # a random head may end in zeros everywhere
        for one in network.parameters():
            one += 0.05 * torch.randn_like(one).abs()
    network.save_pretrained(path)
    processor.save_pretrained(path)
    return str(path)


@pytest.mark.parametrize("kind", ["vae", "segmentation", "detection", "depth"])
def test_a_model_changes_images(kind, make, tmp_path):
    weights = saved(kind, tmp_path / kind)
    sample = make(noise(6, 1), np.repeat([0, 1], 3))
    family = with_weights({kind: weights}, "cpu")[0]
    changed = family.change(sample.images, sample, 0)
    assert changed.shape == sample.images.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, sample.images)
    if kind == "segmentation":
        assert len(np.unique(changed.reshape(-1, 3), axis=0)) <= 5
    if kind == "detection":
        assert sorted(sample.shared[DETECTED]) == list(range(6))
        assert all(isinstance(names, frozenset) for names in sample.shared[DETECTED].values())
    if kind == "depth":
        assert (changed[..., 0] == changed[..., 1]).all()
        assert changed.min() == 0
        assert changed.max() == 255
    assert family.features(sample).matrix.shape[0] == 6


def test_sam_gives_contours(tmp_path):
    transformers = pytest.importorskip("transformers")
    vision = {
        "hidden_size": 16, "output_channels": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 64,
        "patch_size": 16, "mlp_dim": 16, "num_pos_feats": 4, "global_attn_indexes": [0], "window_size": 2,
    }  # fmt: skip
    prompts = {
        "hidden_size": 8, "image_size": 64, "patch_size": 16, "mask_input_channels": 4, "image_embedding_size": 4,
    }  # fmt: skip
    masks = {
        "hidden_size": 8, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "iou_head_hidden_dim": 8,
        "attention_downsample_rate": 1,
    }  # fmt: skip
    config = transformers.SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=masks)
    transformers.SamModel(config).save_pretrained(tmp_path)
    square = {"height": 64, "width": 64}
    images = transformers.SamImageProcessor(
        size={"longest_edge": 64},
        mask_size={"longest_edge": 16},
        pad_size=square,
        mask_pad_size={"height": 16, "width": 16},
    )
    transformers.SamProcessor(images).save_pretrained(tmp_path)
    pictures = noise(2, 1)
    drawn = with_weights({"sam": str(tmp_path)}, "cpu")[0].changed(pictures)
    assert drawn.shape == pictures.shape
    assert set(np.unique(drawn)) <= {0, 255}


def test_a_model_writes_captions(make, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "square", "noise", "a", "of"]
    tokenizer = transformers.BertTokenizer(vocab={word: number for number, word in enumerate(words)})
    small = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": 8,
    }
    text = {
        **small, "vocab_size": len(words), "encoder_hidden_size": 16, "max_position_embeddings": 128, "pad_token_id": 0,
        "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3,
    }  # fmt: skip
    config = transformers.BlipConfig(
        text_config=text, vision_config={**small, "image_size": 32, "patch_size": 8}, projection_dim=8
    )
    transformers.BlipForConditionalGeneration(config).save_pretrained(tmp_path)
    images = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    transformers.BlipProcessor(images, tokenizer).save_pretrained(tmp_path)
    family = with_weights({"generated_captions": str(tmp_path)}, "cpu")[0]
    written = []
    monkeypatch.setattr(
        "poolscope.bias.families.weights.captions.CaptionWords.features",
        lambda self, sample: written.append(sample.texts),
    )
    family.features(make(noise(9, 1), np.arange(9) % 2))
    assert len(written[0]) == 9
    assert all(isinstance(caption, str) for caption in written[0])
