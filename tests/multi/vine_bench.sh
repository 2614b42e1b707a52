#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vine-bench runs its benchmarks for a moment (those with thousands of queues
# are for vine_bench_queues.sh) and writes JSON. What it measures is not looked
# at: a loaded machine would decide.
# ctest: timeout=900 serial
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
few=()
for name in raw task sweep alloc payload sleep calls explain rt 'rpc.*' \
	queues.idle.1 queues.idle.16 queues.active.16; do
	few+=(--only "$name")
done
"$bench" "${few[@]}" --reps 1 --time 1 --idle 1 --json out.json >out 2>err
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

# what a round trip consists of adds up to it
if command -v python3 >/dev/null; then
	python3 - <<'END' || fail "the parts of explain.polling"
import json
found = 0
for bench in json.load(open("out.json"))["benchmarks"]:
    for rep in bench["repetitions"]:
        if bench["name"] != "explain.polling":
            continue
        chain = [p["value"] for p in rep["parts"] if p["unit"] == "ns" and
                 not p["name"].startswith("beside")]
        assert len(chain) == 5, chain
        assert abs(sum(chain) - rep["value"]) <= 0.01 * rep["value"], rep
        found += 1
assert found
END
fi

"$bench" --list | grep -q '^line1 ' || fail "--list"
"$bench" --version | grep -q '^vine-bench ' || fail "--version"
"$bench" --nonsense >/dev/null 2>&1
[ $? -eq 2 ] || fail "status of a bad option"
"$bench" --only nonsense >/dev/null 2>&1
[ $? -eq 2 ] || fail "status of an unknown benchmark"
mkdir bin
ln -s "$(command -v sh)" bin/sh
PATH=$dir/bin "$bench" --plot pictures --only line1 >/dev/null 2>err
[ $? -eq 2 ] || fail "status of --plot without gnuplot"
grep -q gnuplot err || fail "--plot without gnuplot does not say so"
exit 0
