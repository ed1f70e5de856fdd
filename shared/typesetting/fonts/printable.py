"""Writes shared/domain/printable.bits from the fonts in this folder: one bit per character of Unicode's basic plane.

    tools/bin/python printable.py        # needs fonttools, as subset.sh installs it
"""

from pathlib import Path

from fontTools.ttLib import TTFont

here = Path(__file__).parent
# ASCII, and characters that change others and have no glyph: joiners, marks of direction, variation selectors.
printable = {*range(0x80), 0xAD, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10), 0xFEFF}
for file in [*here.glob("*.ttf"), *here.glob("*.otf")]:
    printable |= set(TTFont(file).getBestCmap())
bits = bytearray(0x10000 // 8)
for point in printable:
    if point < 0x10000:
        bits[point >> 3] |= 1 << (point & 7)
(here / "../../domain/printable.bits").write_bytes(bits)
