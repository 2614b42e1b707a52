#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# translate.sh SRC DST copies the sources of SRC to DST as C++ reads them: C11
# spells an atomic type `_Atomic T` or `_Atomic(T)`, and only the second can be
# a macro. Nothing else is changed.
set -euo pipefail

src=$1
dst=$2
cd "$src"
find . -name '*.[ch]' -o -name '*.def' | while read -r file; do
	mkdir -p "$dst/$(dirname "$file")"
	sed -E 's/\<_Atomic (u?int[0-9]*(_t)?)\>/_Atomic(\1)/g' "$file" \
		>"$dst/$file.new"
	if cmp -s "$dst/$file.new" "$dst/$file"; then
		rm "$dst/$file.new"
	else
		mv "$dst/$file.new" "$dst/$file"
	fi
done
