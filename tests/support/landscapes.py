"""Pictures with structure at every scale, made without a model, and what people do to pictures."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def landscape(seed=0, side=128):
    """uint8 (side, side, 3): coloured noise with a spectrum like a picture's, over a sky and a ground."""
    draw = np.random.default_rng(seed)
    fx, fy = np.fft.fftfreq(side)[None, :, None], np.fft.fftfreq(side)[:, None, None]
    weight = 1.0 / np.maximum(np.hypot(fx, fy), 1.5 / side) ** 1.6
    field = np.fft.ifft2(np.fft.fft2(draw.normal(size=(side, side, 3)), axes=(0, 1)) * weight, axes=(0, 1)).real
    field *= 35.0 / field.std()
    ramp = np.linspace(60, -40, side)[:, None, None]
    return np.clip(128 + ramp + field, 0, 255).astype(np.uint8)


def array(image):
    return np.array(image.convert("RGB"))


def jpeg(rgb, quality=75):
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return array(Image.open(out))


def scaled(rgb, factor):
    image = Image.fromarray(rgb)
    return array(image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS))


def cropped(rgb, share, left=0.3, top=0.7):
    height, width = rgb.shape[:2]
    y, x = int(height * share * top), int(width * share * left)
    return rgb[y : y + round(height * (1 - share)), x : x + round(width * (1 - share))].copy()


def turned(rgb, degrees):
    return array(Image.fromarray(rgb).rotate(degrees, Image.Resampling.BICUBIC))


def blurred(rgb, radius):
    return array(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(radius)))


def noisy(rgb, deviation):
    grain = np.random.default_rng(0).normal(0, deviation, rgb.shape)
    return np.clip(rgb + grain, 0, 255).astype(np.uint8)


def framed(rgb):
    height, width = rgb.shape[:2]
    screen = np.full((int(height * 1.4), int(width * 1.5), 3), 245, np.uint8)
    screen[: height // 6] = 60
    top, left = height // 4, width // 5
    screen[top : top + height, left : left + width] = rgb
    return screen


def lettered(rgb):
    image = Image.fromarray(rgb.copy())
    pen = ImageDraw.Draw(image)
    width, height = image.size
    pen.text((width // 16, height * 7 // 10), "SAMPLE TEXT 123", fill=(255, 255, 255))
    pen.rectangle((width // 2, height // 12, width * 7 // 8, height // 4), fill=(200, 30, 30))
    return array(image)


def mirrored(rgb):
    return rgb[:, ::-1].copy()


def like_a_platform(rgb):
    return jpeg(scaled(rgb, 0.75), 80)
