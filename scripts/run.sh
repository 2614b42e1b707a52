#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [PICTURE.png] does libvine's main job on this machine: it sets the
# machine up, builds the release, starts vined on a segment of its own, and has
# it filter a picture, compress a file and hash files for applications. Each
# answer is checked against programs that know nothing of libvine. It says what
# was done and how fast, and leaves the pictures in build/release/run. Returns
# 0 if all answers were right.
set -euo pipefail
picture=$(realpath -- "${1:-"$(dirname "$0")/../docs/img/picture.png"}")
cd "$(dirname "$0")/.."
. scripts/common.sh

./scripts/setup.sh
configure release
build release

bin=$PWD/build/release/bin
out=$PWD/build/release/run
segment=vine-run-$$
work=$(mktemp -d)
vined=""

# stop_vined ends the daemon and returns its status. The last user of a segment
# removes it, so nothing is left in /dev/shm.
stop_vined()
{
	local status=0
	if [ -n "$vined" ]; then
		kill -TERM "$vined" 2>/dev/null || true
		wait "$vined" || status=$?
		vined=""
	fi
	return "$status"
}

cleanup()
{
	stop_vined || true
	rm -rf "$work" "/dev/shm/$segment"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say()
{
	printf '\n== %s\n' "$*"
}

fail()
{
	printf 'run: %s\n' "$*" >&2
	exit 1
}

# seconds COMMAND... runs it and puts what it took into $took.
seconds()
{
	local start=$EPOCHREALTIME
	"$@"
	took=$(awk -v a="$start" -v b="$EPOCHREALTIME" \
		'BEGIN { printf "%.3f", b - a }')
}

# --- the appliance

cat >"$work/vine.conf" <<END
shm_file $segment
shm_size 256M
trace 0
END
export VINE_CONFIG=$work/vine.conf
"$bin/vined" --check-config >/dev/null
"$bin/vined" </dev/null &
vined=$!
mkdir -p "$out"

say "hello: the smallest program"
answer=$("$bin/hello" Vine Talk)
wanted=$(printf 'Vine Talk' | sha256sum | cut -d' ' -f1)
[ "$answer" = "$wanted" ] || fail "hello: $answer, expected $wanted"
echo "$answer"
echo "right, says sha256sum"

say "producer: VineTalk's program, 4 threads with 1000 tasks each"
seconds "$bin/producer" -n 1000 4 >"$work/producer"
lines=$(grep -c '^thread [0-3]: VineTalk$' "$work/producer")
[ "$lines" = 4000 ] || fail "producer: $lines lines of VineTalk, expected 4000"
echo "4000 times VineTalk in $took s, data of its own for each"

# --- a picture

say "filter-image: the edges of $picture"
"$bin/filter-image" -g "$out/gray.png" "$picture" "$out/edges.png"
cc -std=c11 -O2 -o "$work/check-edges" scripts/check-edges.c -lpng
"$work/check-edges" "$picture" "$out/edges.png" || fail "the picture is wrong"
echo "right, says scripts/check-edges.c"

# --- files: the library, the sources, the compiler's largest program

library=$(realpath build/release/lib/libvine.so)
tar -cf "$work/sources.tar" include src tests docs
large=$(gcc -print-prog-name=cc1)
[ -f "$large" ] || large=$bin/vined

for file in "$work/sources.tar" "$large"; do
	say "compress-file: $(basename "$file")"
	"$bin/compress-file" "$file" "$work/packed.zst" 2>&1
	zstd -q -d -c "$work/packed.zst" | cmp - "$file" ||
		fail "compress-file: $file does not come back"
	echo "right, say zstd -d and cmp"
done

say "hash-file: the library, the sources, $(basename "$large")"
files=("$library" "$work/sources.tar" "$large")
bytes=$(cat "${files[@]}" | wc -c)
seconds "$bin/hash-file" "${files[@]}" >"$work/sums"
cut -c1-16 "$work/sums" | paste -d' ' - <(printf '%s\n' "${files[@]##*/}")
sha256sum --quiet -c "$work/sums" || fail "hash-file: a sum is wrong"
echo "right, says sha256sum; $bytes bytes in $took s, with the reading of" \
	"the files"

# --- the end

say "stopping vined"
stop_vined || fail "vined ended with status $?"
[ ! -e "/dev/shm/$segment" ] || fail "/dev/shm/$segment is left over"

say "All answers were right."
echo "The picture:   $picture"
echo "in gray:       $out/gray.png"
echo "and its edges: $out/edges.png"
