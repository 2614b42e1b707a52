#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD: installs a build into an empty prefix and builds consume.c and
# the example hello against what lies there, once by pkg-config and once by
# find_package, then runs the programs.
set -euo pipefail
build=$1
source=$VINE_SRC_DIR
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/usr

cmake --install "$build" --prefix "$prefix" >"$work/install.log"
version=$(sed -n 's/^#define VINE_VERSION_[A-Z]* //p' \
	"$prefix/include/vine/version.h" | paste -sd.)
pc=$(find "$prefix" -name libvine.pc)
library=$(find "$prefix" -name 'libvine.so.*.*.*')
if [ "${library##*/}" != "libvine.so.$version" ]; then
	echo "the library is \"${library##*/}\", expected libvine.so.$version"
	exit 1
fi
export PKG_CONFIG_PATH=${pc%/*} LD_LIBRARY_PATH=${library%/*}
if [ "$(pkg-config --modversion libvine)" != "$version" ]; then
	echo "libvine.pc says $(pkg-config --modversion libvine)," \
		"expected $version"
	exit 1
fi

sources=$source/tests/install/consume.c
if [ -e "$source/examples/hello.c" ]; then
	sources="$sources $source/examples/hello.c"
fi

mkdir "$work/pkg"
for file in $sources; do
	name=${file##*/}
	# shellcheck disable=SC2046 # words
	cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -o "$work/pkg/${name%.c}" \
		"$file" $(pkg-config --cflags --libs libvine)
done
cmake -S "$source/tests/install" -B "$work/cmake" \
	-DSOURCES="${sources// /;}" -DCMAKE_PREFIX_PATH="$prefix" \
	-DCMAKE_C_FLAGS=-D_GNU_SOURCE >"$work/cmake.log"
cmake --build "$work/cmake" >>"$work/cmake.log" || {
	cat "$work/cmake.log"
	exit 1
}

for folder in pkg cmake; do
	if [ "$("$work/$folder/consume")" != "libvine $version" ]; then
		echo "$folder/consume failed or is of another version"
		exit 1
	fi
	# hello needs an appliance to go on; that it loads is enough here.
	if [ -x "$work/$folder/hello" ] &&
	   ldd -r "$work/$folder/hello" 2>&1 |
	   grep -E 'undefined symbol|not found'; then
		exit 1
	fi
done

for program in "$prefix"/sbin/vined "$prefix"/bin/vine*; do
	if [ -x "$program" ] && ! "$program" --help >/dev/null; then
		echo "${program##*/} --help failed"
		exit 1
	fi
done
