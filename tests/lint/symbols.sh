#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# symbols.sh LIBRARY: the functions that the public headers declare, those in
# libvine.map and those that libvine.so exports are the same set.
# <vine/kernel.h> is left out: it is for objects that vined loads.
set -euo pipefail
library=$1
source=$VINE_SRC_DIR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

for header in "$source"/include/*.h "$source"/include/vine/*.h; do
	if [ "${header##*/}" != kernel.h ]; then
		echo "#include \"$header\""
	fi
done >"$work/all.c"
# gcc lists each function it sees: /* FILE:LINE:NC */ extern int f (void);
gcc -std=c11 -I"$source/include" -fsyntax-only -aux-info "$work/seen" \
	"$work/all.c"
grep -F "/* $source/include/" "$work/seen" | grep -F '*/ extern ' |
	sed 's/^[^(]*[ *]\([a-z0-9_]*\) (.*/\1/' | sort -u >"$work/headers"
sed -n 's/^\t\(vine_[a-z0-9_]*\);$/\1/p' "$source/src/core/libvine.map" |
	sort -u >"$work/map"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	sort -u >"$work/library"

if ! [ -s "$work/headers" ]; then
	echo "no function was found in $source/include"
	exit 1
fi
status=0
# same A B compares two of the sets and names what only one of them has.
same()
{
	if ! cmp -s "$work/$1" "$work/$2"; then
		comm -23 "$work/$1" "$work/$2" | sed "s/$/: in the $1, not in the $2/"
		comm -13 "$work/$1" "$work/$2" | sed "s/$/: in the $2, not in the $1/"
		status=1
	fi
}
same headers map
same map library
exit $status
