"""Models of the Hugging Face hub by id and revision, in the hub's own cache: configuration and safetensors alone."""

from __future__ import annotations

import os
import re
from pathlib import Path

from provenance.errors import MissingModelError

__all__ = ["fetch_model", "is_hub_id"]

_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_WANTED = ("model_index.json", "*/*.json", "*/*.safetensors", "*/*.txt", "*/*.model")
"""What a model is made of. Pickles, code, and the single files beside the folders stay where they are."""

_VARIANTS = (
    "*.fp16.safetensors",
    "*.bf16.safetensors",
    "*.non_ema.safetensors",
    "*.fp16.*.json",
    "onnx/*",
    "openvino/*",
)
_CODE = ("*.py",)


def is_hub_id(name: str) -> bool:
    """Whether this is written like ``owner/name`` and is no folder here."""
    return bool(_ID.fullmatch(name)) and not Path(name).exists()


def fetch_model(name: str, revision: str | None, *, with_code: bool = False) -> Path:
    """The folder of a snapshot in the hub's cache, downloaded where it is not there yet.

    Raises:
        MissingModelError: no such model or revision, no access to it, no connection, or no room on the disk.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    told = f"{name} at revision {revision}" if revision else name
    try:
        found = snapshot_download(
            name,
            revision=revision,
            allow_patterns=[*_WANTED, *(_CODE if with_code else ())],
            ignore_patterns=list(_VARIANTS),
        )
    except GatedRepoError as error:
        raise MissingModelError(f"{told}: the hub wants its terms accepted and a login (hf auth login)") from error
    except RevisionNotFoundError as error:
        raise MissingModelError(f"{told}: the hub has no such revision") from error
    except RepositoryNotFoundError as error:
        raise MissingModelError(f"{told}: no folder here, and no such model on the hub") from error
    except LocalEntryNotFoundError as error:
        raise MissingModelError(
            f"{told}: no folder here, not in the hub's cache, and the hub cannot be reached from this machine; "
            "pass a local diffusers folder, or use the embedded model (--model house)"
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MissingModelError(f"{told}: could not be brought from the hub: {reason}") from error
    return Path(found)
