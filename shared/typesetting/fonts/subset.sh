#!/bin/sh
# Makes the embedded fonts from Debian's Noto packages. Needs dpkg-deb, Python 3 and network access to a Debian
# mirror and PyPI. The same packages and the same fonttools give the same bytes.
set -eu
fonts=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

apt-get download fonts-noto-core=20201225-1 fonts-noto-cjk=1:20220127+repack1-1
for package in *.deb; do dpkg-deb -x "$package" noto; done
python3 -m venv tools
tools/bin/pip install --quiet fonttools==4.68.0

# What the Japanese fonts cover, taken from the encodings that the countries use themselves.
python3 - <<'PYTHON'
def two_bytes(encoding, wanted=lambda code: True):
    """The characters that an East Asian encoding writes with two bytes (Unicode's private use area left out)."""
    for point in [*range(0x80, 0xD800), *range(0xF900, 0x10000)]:
        try:
            code = chr(point).encode(encoding)
        except UnicodeError:
            continue
        if len(code) == 2 and wanted(code):
            yield point

halfwidth_kana = range(0xFF61, 0xFFA0)
japanese = {*two_bytes("cp932"), *halfwidth_kana}            # JIS X 0208 levels 1 and 2, ①, ㈱, 髙, 﨑
korean = {point for point in two_bytes("euc_kr") if 0xAC00 <= point <= 0xD7A3}
simplified = set(two_bytes("gb2312"))
traditional = set(two_bytes("big5", lambda code: code[0] <= 0xC6))  # level 1, the frequent ones

def write(name, points):
    with open(name, "w") as out:
        out.writelines(f"{point:04X}\n" for point in sorted(points))

write("regular", japanese | korean | simplified | traditional)
write("bold", japanese)
PYTHON

# Latin, IPA and combining marks, Greek, Cyrillic, their extensions, punctuation, currency signs, letter-like and
# number forms, ligatures, the replacement character.
western='U+0020-052F,U+1E00-20CF,U+2100-218F,U+2C60-2C7F,U+A640-A69F,U+A720-A7FF,U+FB00-FB06,U+FFFD'
for weight in Regular Bold; do
    tools/bin/pyftsubset "noto/usr/share/fonts/truetype/noto/NotoSans-$weight.ttf" --unicodes="$western" \
        --layout-features=ccmp,kern,liga,locl,lnum,mark,mkmk,pnum,tnum --no-hinting --notdef-outline \
        --name-IDs=0,1,2,3,4,5,6,7,13,14 --output-file="$fonts/NotoSans-$weight.ttf"
done
for weight in Regular Bold; do
    tools/bin/pyftsubset "noto/usr/share/fonts/opentype/noto/NotoSansCJK-$weight.ttc" --font-number=0 \
        --unicodes-file="$(echo "$weight" | tr '[:upper:]' '[:lower:]')" \
        --layout-features=ccmp,halt,kern,liga,palt --no-hinting --notdef-outline --drop-tables+=vhea,vmtx,VORG \
        --name-IDs=0,1,2,3,4,5,6,7,13,14 --output-file="$fonts/NotoSansCJKjp-$weight.otf"
done
# Scripts whose letters join, stack or reorder need every layout feature. All characters of these fonts are kept.
for script in Arabic Hebrew Thai Devanagari; do
    for weight in Regular Bold; do
        tools/bin/pyftsubset "noto/usr/share/fonts/truetype/noto/NotoSans$script-$weight.ttf" --unicodes='*' \
            --layout-features='*' --no-hinting --notdef-outline \
            --name-IDs=0,1,2,3,4,5,6,7,13,14 --output-file="$fonts/NotoSans$script-$weight.ttf"
    done
done
