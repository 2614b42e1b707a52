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

# What VineTalk's header of 2016 gave besides its functions: stdio and time came
# with it, handles were void, and vine_task_state_e was a tag too.
cat >"$work/2016.c" <<'END'
#include <vine_talk.h>

static enum vine_task_state_e state = task_failed;

int
main(void)
{
	struct timespec now = { 0, 0 };
	void *accel, **accels, *proc, *task, *in[1], *out[1];
	vine_accel_stats_s accel_stats;
	vine_task_stats_s stats;
	size_t size = 5;

	vine_talk_init();
	if (vine_accel_list(CPU, &accels) == 0)
		return 1;
	accel = accels[0];
	vine_accel_location(accel);
	if (vine_accel_type(accel) != CPU || !vine_accel_acquire(&accel) ||
	    vine_accel_stat(accel, &accel_stats) == accel_failed)
		return 1;
	proc = vine_proc_get(CPU, "add");
	if (proc == NULL)
		proc = vine_proc_register(CPU, "add", "code", 4);
	in[0] = vine_data_alloc(size, Both);
	out[0] = vine_data_alloc(vine_data_size(in[0]), HostOnly);
	vine_data_mark_ready(in[0]);
	task = vine_task_issue(accel, proc, NULL, 1, in, 1, out);
	state = vine_task_wait(task);
	if (state == task_completed)
		state = vine_task_stat(task, &stats);
	printf("%d %ld %s\n", state, (long)now.tv_sec,
	       (char *)vine_data_deref(out[0]));
	vine_data_free(in[0]);
	vine_proc_put(proc);
	vine_accel_release(&accel);
	vine_talk_exit();
	return 0;
}
END
for std in gnu99 gnu11 c99 c11; do
	# shellcheck disable=SC2086
	try "a program of 2016 as $std" $cc -std=$std -D_GNU_SOURCE $strict \
		"$work/2016.c"
done
# Native headers keep handles apart, whatever was included before them.
for first in vine_talk.h vine/vine.h vine_pipe.h; do
	printf '#include <%s>\n#include <vine_pipe.h>\n%s\n%s\n' $first \
		'#include <vine/vine.h>' '#include <vine_talk.h>' >"$work/mix.c"
	# shellcheck disable=SC2086
	try "$first before the others" $cc -std=c11 $strict "$work/mix.c"
done
printf '#include <vine/vine.h>\nint f(vine_accel *a, vine_proc *p);\n%s\n' \
	'int f(vine_accel *a, vine_proc *p) { return a == (void *)p || a == p; }' \
	>"$work/typed.c"
# shellcheck disable=SC2086
if $cc -std=c11 $strict "$work/typed.c" 2>/dev/null; then
	echo "FAILED: vine/vine.h lets handles of two kinds be compared" >&2
	failed=1
fi

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
