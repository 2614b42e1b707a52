#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vine-bench runs each of its benchmarks for a moment and writes JSON. What it
# measures is not looked at: a loaded machine would decide.
# ctest: timeout=120 serial
set -u

bench=${VINE_BIN_DIR:?}/vine-bench
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

if [ "$(nproc)" -lt 2 ]; then
	echo "skipped: two cpus are needed"
	exit 77
fi

# 3: too few repetitions for a result, which is what one is
"$bench" --reps 1 --time 1 --json out.json >out 2>err
status=$?
case $status in
0 | 3) ;;
*)
	tail -n 20 err >&2
	fail "status $status"
	;;
esac
grep -q 'task.rtt' out || fail "no line for task.rtt"
[ -s out.json ] || fail "no JSON"
if command -v python3 >/dev/null; then
	python3 -m json.tool out.json >/dev/null || fail "not JSON"
fi

"$bench" --list | grep -q '^line1 ' || fail "--list"
"$bench" --version | grep -q '^vine-bench ' || fail "--version"
"$bench" --nonsense >/dev/null 2>&1
[ $? -eq 2 ] || fail "status of a bad option"
"$bench" --only nonsense >/dev/null 2>&1
[ $? -eq 2 ] || fail "status of an unknown benchmark"
exit 0
