"""The faces of perching birds: the pieces of each kind in painting order."""

from __future__ import annotations

from typing import TypeAlias

from bioclip_x_field_guide.painting.curves import Points, ellipse, ribbon, smooth

Pieces: TypeAlias = tuple[tuple[str, Points], ...]

_CHEEK_BELOW = ((0.16, -0.30), (0.34, -0.22), (0.56, -0.28), (0.80, -0.34))
CHEEK = smooth([(0.80, -0.50), (0.58, -0.50), (0.36, -0.54), (0.14, -0.46), *_CHEEK_BELOW])
COLLAR = ribbon([(0.70, -0.32), (0.54, -0.22), (0.34, -0.18), (0.13, -0.28), (0.06, -0.46)], (0.13, 0.07, 0.06, 0.08))
EYE_LINE = ribbon([(0.70, -0.50), (0.45, -0.52), (0.20, -0.50), (0.04, -0.42)], (0.06, 0.085, 0.085, 0.10))
LOWER_FACE = smooth(
    [(0.56, -0.44), (0.36, -0.44), (0.18, -0.42), (0.10, -0.26), (0.3, -0.1), (0.62, -0.12), (0.56, -0.36)]
)
FRONT = smooth(
    [(0.80, -0.66), (0.58, -0.70), (0.44, -0.60), (0.30, -0.46), (0.24, -0.26), (0.36, -0.12), (0.7, -0.1), (0.8, -0.3)]
)
BEHIND_EYE = smooth([(0.58, -0.58), (0.44, -0.56), (0.26, -0.60), (0.14, -0.40), (0.30, -0.20), (0.50, -0.22)])
AROUND_BILL = smooth([(0.80, -0.78), (0.60, -0.78), (0.48, -0.66), (0.44, -0.46), (0.50, -0.28), (0.80, -0.24)])
MASK = smooth([(0.80, -0.64), (0.60, -0.66), (0.50, -0.54), (0.50, -0.34), (0.56, -0.22), (0.80, -0.24)])

# "breast" stands for the colour of the breast
FACES: dict[str, Pieces] = {
    "as_crown": (),
    "white_cheek": (("white", CHEEK), ("black", COLLAR)),
    "white_cheek_eyeline": (("white", CHEEK), ("black", EYE_LINE), ("black", COLLAR)),
    "as_breast": (("breast", LOWER_FACE),),
    "orange_face": (("orange", FRONT),),
    "red_face": (("white", BEHIND_EYE), ("red", AROUND_BILL)),
    "black_mask": (("black", MASK),),
    "red_mask": (("red", MASK),),
    "orange_ear_white_neck": (
        ("orange", ellipse(0.28, -0.44, 0.14, 0.10, 0.2)),
        ("white", ellipse(0.08, -0.36, 0.10, 0.13, 0.3)),
        ("white", ellipse(0.54, -0.26, 0.18, 0.09, -0.4)),
    ),
}
