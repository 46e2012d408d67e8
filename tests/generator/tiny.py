"""Tiny models with random weights, one of each family, in diffusers' folder layout; nothing is downloaded."""

import functools
import json
import shutil
from pathlib import Path
from tempfile import mkdtemp

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxTransformer2DModel,
    PixArtTransformer2DModel,
    PNDMScheduler,
    SD3Transformer2DModel,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from generator.house.decoder_only import DecoderOnly

WORDS = 16
"""Tokens that the tiny CLIP encoders read."""

WIDTH = 32
SIZE = 16
"""Latent side; pictures have twice as many pixels, except by DecoderOnly."""

LEVELS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def tokenizer(length=WORDS):
    """Every byte is a token, so every text can be read."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: i for i, word in enumerate(["<pad>", "<begin>", "<end>", *alphabet])}
    found = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    found.post_processor = processors.TemplateProcessing(
        single="<begin> $A <end>", special_tokens=[("<begin>", 1), ("<end>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=found,
        model_max_length=length,
        pad_token="<pad>",
        bos_token="<begin>",
        eos_token="<end>",
    )


def clip(kind=CLIPTextModel, width=WIDTH):
    return kind(
        CLIPTextConfig(
            vocab_size=len(tokenizer()),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=WORDS,
            projection_dim=width,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def t5():
    return T5EncoderModel(
        T5Config(vocab_size=len(tokenizer()), d_model=WIDTH, d_kv=8, d_ff=64, num_layers=2, num_heads=4, pad_token_id=0)
    )


def unet(channels=4, **changes):
    plain = {
        "sample_size": SIZE,
        "in_channels": channels,
        "out_channels": channels,
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "attention_head_dim": 8,
        "cross_attention_dim": WIDTH,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**{**plain, **changes})


def autoencoder(channels=4, **changes):
    plain = {
        "latent_channels": channels,
        "block_out_channels": (16, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "sample_size": 32,
        "scaling_factor": 0.18215,
    }
    return AutoencoderKL(**{**plain, **changes})


def decoder_only(channels=4):
    return DecoderOnly(latent_channels=channels, block_out_channels=(16, 32), norm_num_groups=8, downscale_factor=8)


def pixart():
    return PixArtTransformer2DModel(
        sample_size=SIZE,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_channels=WIDTH,
        in_channels=4,
        cross_attention_dim=WIDTH,
        out_channels=8,
        attention_bias=True,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        norm_eps=1e-6,
        use_additional_conditions=False,
    )


def sd3():
    return SD3Transformer2DModel(
        sample_size=SIZE,
        patch_size=2,
        in_channels=8,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=2 * WIDTH,
        caption_projection_dim=32,
        pooled_projection_dim=2 * WIDTH,
        out_channels=8,
        pos_embed_max_size=32,
    )


def flux():
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )


def parts(family):
    """(pipeline class, components, options of model_index.json) of a family by the name used in the tests."""
    one = {"text_encoder": clip(), "tokenizer": tokenizer()}
    two = {
        "text_encoder": clip(CLIPTextModel),
        "tokenizer": tokenizer(),
        "text_encoder_2": clip(CLIPTextModelWithProjection),
        "tokenizer_2": tokenizer(),
    }
    shifted = {"scaling_factor": 0.36, "shift_factor": 0.12}
    ddim = DDIMScheduler(**LEVELS, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    match family:
        case "sd1":
            return "StableDiffusionPipeline", {**one, "unet": unet(), "vae": autoencoder(), "scheduler": ddim}, {}
        case "sd2-v":
            levels = EulerDiscreteScheduler(**LEVELS, prediction_type="v_prediction", timestep_spacing="leading")
            return "StableDiffusionPipeline", {**one, "unet": unet(), "vae": autoencoder(), "scheduler": levels}, {}
        case "inpainting":
            nine = {"unet": unet(4, in_channels=9), "vae": autoencoder(), "scheduler": ddim}
            return "StableDiffusionInpaintPipeline", {**one, **nine}, {}
        case "eight-channels":
            eight = {"unet": unet(8), "vae": autoencoder(8, scaling_factor=0.7), "scheduler": ddim}
            return "StableDiffusionPipeline", {**one, **eight}, {}
        case "decoder-only":
            pndm = PNDMScheduler(**LEVELS, skip_prk_steps=True, steps_offset=1)
            return "StableDiffusionPipeline", {**one, "unet": unet(), "vae": decoder_only(), "scheduler": pndm}, {}
        case "sdxl":
            large = unet(
                addition_embed_type="text_time",
                addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=6 * 8 + WIDTH,
                cross_attention_dim=2 * WIDTH,
            )
            decoder = autoencoder(
                scaling_factor=0.13025, latents_mean=[0.1, 0, -0.1, 0], latents_std=[1.0, 0.9, 1.1, 1]
            )
            euler = EulerDiscreteScheduler(**LEVELS)
            more = {"unet": large, "vae": decoder, "scheduler": euler}
            return "StableDiffusionXLPipeline", {**two, **more}, {"force_zeros_for_empty_prompt": True}
        case "sd3":
            clips = {**two, "text_encoder": clip(CLIPTextModelWithProjection)}
            long = {"text_encoder_3": t5_wide(), "tokenizer_3": tokenizer(512)}
            flow = FlowMatchEulerDiscreteScheduler(shift=3.0)
            more = {"transformer": sd3(), "vae": autoencoder(8, **shifted), "scheduler": flow}
            return "StableDiffusion3Pipeline", {**clips, **long, **more}, {}
        case "flux":
            long = {"text_encoder_2": t5(), "tokenizer_2": tokenizer(512)}
            flow = FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=True)
            more = {"transformer": flux(), "vae": autoencoder(4, **shifted), "scheduler": flow}
            return "FluxPipeline", {**one, **long, **more}, {}
        case "pixart":
            t5_one = {"text_encoder": t5(), "tokenizer": tokenizer(512)}
            more = {"transformer": pixart(), "vae": autoencoder(), "scheduler": ddim}
            return "PixArtSigmaPipeline", {**t5_one, **more}, {}
    raise ValueError(family)


def t5_wide():
    """As wide as two CLIP states side by side, as SD3 wants it."""
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer()), d_model=2 * WIDTH, d_kv=8, d_ff=64, num_layers=1, num_heads=4, pad_token_id=0
        )
    )


FAMILIES = ("sd1", "sd2-v", "eight-channels", "inpainting", "decoder-only", "sdxl", "sd3", "flux", "pixart")


def write(family, folder):
    """Write a model of this family, the same weights every time."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        pipeline, components, options = parts(family)
    index = {"_class_name": pipeline, "_name_or_path": f"tiny-{family}", **options}
    for name, part in components.items():
        part.save_pretrained(folder / name)
        module = type(part).__module__
        library = module if module.startswith("generator.") else module.partition(".")[0]
        index[name] = [library, type(part).__name__]
    (folder / "model_index.json").write_text(json.dumps(index, indent=1))
    return folder


@functools.cache
def _original(family):
    return write(family, Path(mkdtemp(prefix=f"tiny-{family}-")))


def model(family):
    """The folder of a tiny model that nobody changes."""
    return _original(family)


def copy(family, folder):
    """A copy that a test may change."""
    return Path(shutil.copytree(_original(family), folder))
