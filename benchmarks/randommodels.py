"""Models with random weights in diffusers' layout, of medium and of full size, so that nothing has to be downloaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
WORDS = 77


def write_random_model(name: str, folder: Path) -> Path:
    """Write ``medium`` (35 million weights), ``sd15`` or ``sdxl`` and return its folder."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    torch.manual_seed(0)
    half = torch.float16 if name != "medium" else torch.float32
    width = 768 if name != "medium" else 128
    unet: dict[str, Any] = {"sample_size": 32, "cross_attention_dim": width, "norm_num_groups": 32}
    if name == "medium":
        unet |= {
            "block_out_channels": (96, 192, 288),
            "layers_per_block": 1,
            "attention_head_dim": 6,
            "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        }
    if name == "sdxl":
        unet |= {
            "sample_size": 128,
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2, 10),
            "attention_head_dim": (5, 10, 20),
            "use_linear_projection": True,
            "cross_attention_dim": 2048,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 6 * 256 + 1280,
        }
    blocks = (32, 64, 64, 64) if name == "medium" else (128, 256, 512, 512)
    vae = AutoencoderKL(
        block_out_channels=blocks,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=2 if name != "medium" else 1,
        scaling_factor=0.13025 if name == "sdxl" else 0.18215,
    )
    parts: dict[str, Any] = {
        "unet": UNet2DConditionModel(**unet).to(half),
        "vae": vae,
        "scheduler": DDIMScheduler(**LEVELS, clip_sample=False, steps_offset=1),
        "text_encoder": _clip(width, projected=False).to(half),
        "tokenizer": _tokenizer(),
    }
    pipeline = "StableDiffusionPipeline"
    if name == "sdxl":
        pipeline = "StableDiffusionXLPipeline"
        parts |= {"text_encoder_2": _clip(1280, projected=True).to(half), "tokenizer_2": _tokenizer()}
    index: dict[str, Any] = {"_class_name": pipeline, "_name_or_path": f"random-{name}"}
    for part, value in parts.items():
        value.save_pretrained(folder / part)
        index[part] = [type(value).__module__.partition(".")[0], type(value).__name__]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _clip(width: int, *, projected: bool) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=260,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=4,
        num_attention_heads=width // 64,
        max_position_embeddings=WORDS,
        projection_dim=width,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<begin>", "<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    found = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.post_processor = processors.TemplateProcessing(
        single="<begin> $A <end>", special_tokens=[("<begin>", 1), ("<end>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=found, model_max_length=WORDS, pad_token="<pad>", bos_token="<begin>", eos_token="<end>"
    )
