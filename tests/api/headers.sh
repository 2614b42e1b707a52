#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Public headers: each compiles alone and twice, strictly, as C11 and, where it
# is for 2016's programs, as gnu99; and as C++, where there is a compiler for
# it, which then also links against the library's names.
set -u
cd "${VINE_SRC_DIR:?}/include" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc}
cxx=
for candidate in ${CXX:-} g++ clang++; do
	if command -v "$candidate" >/dev/null; then
		cxx=$candidate
		break
	fi
done
failed=0

# try WHAT COMMAND... : the command succeeds without a word.
try()
{
	local what=$1
	shift
	if ! "$@" >"$work/out" 2>&1 || [ -s "$work/out" ]; then
		echo "FAILED: $what" >&2
		cat "$work/out" >&2
		failed=1
	fi
}

strict="-pedantic -Wall -Wextra -Werror -I. -fsyntax-only"
count=0
while read -r header; do
	count=$((count + 1))
	printf '#include <%s>\n#include <%s>\nint only_this;\n' \
		"$header" "$header" >"$work/one.c"
	cp "$work/one.c" "$work/one.cc"
	# shellcheck disable=SC2086 # words
	try "$header as C11" $cc -std=c11 $strict "$work/one.c"
	# shellcheck disable=SC2086
	try "$header as C17 of GNU" $cc -std=gnu17 $strict "$work/one.c"
	if [ -n "$cxx" ]; then
		# shellcheck disable=SC2086
		try "$header as C++11" $cxx -std=c++11 $strict "$work/one.cc"
		# shellcheck disable=SC2086
		try "$header as C++17" $cxx -std=c++17 $strict "$work/one.cc"
	fi
done < <(find . -name '*.h' | sed 's/^\.\///' | sort)
if [ "$count" -lt 10 ]; then
	echo "FAILED: $count headers, expected at least 10" >&2
	failed=1
fi

# shellcheck disable=SC2086
try "vine_talk.h as gnu99" $cc -std=gnu99 $strict -x c vine_talk.h
# shellcheck disable=SC2086
try "vine_talk.h with -Wconversion and -Wstrict-prototypes" $cc -std=gnu99 \
	$strict -Wconversion -Wstrict-prototypes -Wshadow -x c vine_talk.h

# Names from C++ are C's. A sanitizer's library wants its own compiler.
if [ -n "$cxx" ] && [ -e "${VINE_BUILD_DIR:?}/lib/libvine.so" ] &&
   ! nm -D "$VINE_BUILD_DIR/lib/libvine.so" | grep -qE '__(a|t|ub)san'; then
	cat >"$work/all.cc" <<'END'
#include <vine/kernel.h>
#include <vine/version.h>
#include <vine/vine.h>
#include <vine_pipe.h>

int
main()
{
	struct vine_session_info info = {};

	info.size = sizeof(info);
	return vine_session_default() != NULL ||
		vine_status_errno(VINE_STATUS_OK) != 0;
}
END
	try "a C++ program" "$cxx" -std=c++11 -Wall -Wextra -Werror -I. \
		-o "$work/all" "$work/all.cc" -L"$VINE_BUILD_DIR/lib" -lvine
	try "its run" env LD_LIBRARY_PATH="$VINE_BUILD_DIR/lib" "$work/all"
fi
exit $failed
