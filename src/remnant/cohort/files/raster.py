"""PNG and JPEG: 8 and 16 bit, grey, palette or colour that is grey, with or without alpha."""

import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from remnant.base.errors import RemnantError
from remnant.cohort.files.radiograph_image import Radiograph, check_pixels, check_size

# JPEG's colour channels part by a few levels where all is grey; a colour is further off.
GREY_WITHIN = 12
# A coloured mark of this share of the picture is let pass.
MOST_COLOURED = 0.001
# What Pillow raises on files that are cut off, damaged or not what their first bytes say.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, MemoryError, OverflowError)


def read_raster(path: Path) -> Radiograph:
    """Read a PNG or JPEG; what is transparent lies on black, the full range of the bit depth is [0, 1].

    Raises `RemnantError` for a file that is cut off or damaged, of several frames, or in colour.
    """
    try:
        image = _open(path)
        check_size(path, image.height, image.width)
        if getattr(image, "n_frames", 1) != 1:
            raise RemnantError(f"{path} holds {image.n_frames} frames; a radiograph is one, export one frame.")
        # Checksums first: Pillow draws a PNG whose middle is damaged. A verified image must be opened anew.
        image.verify()
        image = _open(path)
        image.load()
        jpeg = image.format == "JPEG"
        image = ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:
        raise RemnantError(f"{path} unpacks to more pixels than any radiograph has; leave it out.") from None
    except UNREADABLE as error:
        raise RemnantError(f"{path} is cut off or damaged ({_short(error)}); copy or export it again.") from None
    deep = image.mode.startswith("I")
    grey = _sixteen_bit(image) if deep else _eight_bit(path, image)
    codes = (16.0 if deep else 8.0, float(len(image.getbands())), float(jpeg))
    return Radiograph(check_pixels(path, grey), codes=codes)


def texts(path: Path) -> dict[str, str]:
    """What a PNG or JPEG says in words beside its picture, by place: text chunks, comment, EXIF; {} where it says nothing."""
    try:
        image = _open(path)
        image.load()
        found = {f"{key} text": value for key, value in image.info.items() if isinstance(value, str)}
        if isinstance(comment := image.info.get("comment"), bytes):
            found["comment"] = comment.decode("latin-1")
        tags = image.getexif()
        for directory in (tags, tags.get_ifd(ExifTags.IFD.Exif)):
            for tag, value in directory.items():
                if isinstance(value, str):
                    found[f"EXIF {ExifTags.TAGS.get(tag, tag)}"] = value
    except UNREADABLE:
        return {}
    return {place: text.strip("\0 ") for place, text in found.items() if text.strip("\0 ")}


def _open(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        # The size is checked against what a radiograph can be.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=("PNG", "JPEG"))


def _sixteen_bit(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(np.float32) / np.float32(65535)


def _eight_bit(path: Path, image: Image.Image) -> np.ndarray:
    """float32 (rows, columns) in [0, 1] of a picture of any mode of 8 bits or less a channel."""
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image).convert("RGB")
    if image.mode not in ("1", "L"):
        levels = np.asarray(image.convert("RGB"))
        spread = levels.max(axis=2).astype(int) - levels.min(axis=2)
        if (coloured := float((spread > GREY_WITHIN).mean())) > MOST_COLOURED:
            raise RemnantError(
                f"{path} is in colour ({coloured:.0%} of its pixels); a radiograph is grey, export it without colour or "
                "leave it out."
            )
    return np.asarray(image.convert("L")).astype(np.float32) / np.float32(255)


def _short(error: BaseException) -> str:
    """What Pillow says of a picture's bytes; its sentences name no text of the file."""
    return str(error).split("\n")[0][:80] or type(error).__name__
