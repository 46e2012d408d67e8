"""Operations on stored latents: pure functions over (denoise, latent, schedule, noise), one file each.

``schedule`` are a sampler's noise levels and steps, ``conditioned`` is a model with a prompt, ``capture`` takes both
from a pipeline of diffusers. The operations: ``image_to_image``, ``inpaint``, ``blend``, ``flow_edit``,
``plug_and_play``, ``style``. ``perform`` chooses among them for a recipe, and runs them backwards. All tensors are
(1, C, h, w); no operation draws noise, it is handed in.
"""
