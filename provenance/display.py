"""Text by strangers that is shown to a human who decides something by it: bounded, and nothing hidden or reordered.

Refused are the code points that make a line look like another one (listed, not taken from a Unicode category, so that
every implementation refuses the same): C0 and C1 controls, U+00AD, U+061C, U+180E, U+200B to U+200F, U+2028 to U+202E,
U+2060 to U+206F, U+FEFF, U+FFF9 to U+FFFB, U+E0000 to U+E007F, and surrogates. Letters that look alike are not refused.
"""

from __future__ import annotations

import re

from provenance.errors import EncodingError, LimitError

__all__ = ["require_plain_text"]

_DECEPTIVE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def require_plain_text(text: str, what: str, *, limit: int) -> str:
    """``text`` itself, if it has 1 to ``limit`` code points and none that hides or reorders others.

    Raises:
        LimitError, EncodingError: it has not.
    """
    if not 1 <= len(text) <= limit:
        raise LimitError(f"{what} must have 1 to {limit} characters, it has {len(text)}")
    found = _DECEPTIVE.search(text)
    if found:
        raise EncodingError(f"{what} holds U+{ord(found.group()):04X}, which hides or reorders text")
    return text
