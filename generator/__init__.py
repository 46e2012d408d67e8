"""Pictures: seeds in, latents and pixels out."""
