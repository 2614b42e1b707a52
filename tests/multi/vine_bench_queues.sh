#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One segment holds 32,768 idle queues beside an active one, and thousands of
# backlogged ones; a queue takes no more memory than it may.
# ctest: timeout=900 label=slow serial
set -u

bench=${VINE_BIN_DIR:?}/vine-bench
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
	echo "FAILED: $*" >&2
	tail -n 20 err >&2
	exit 1
}

if [ "$(nproc)" -lt 2 ] || ! command -v python3 >/dev/null; then
	echo "skipped: two cpus and python3 are needed"
	exit 77
fi

# 3: too few repetitions for a result, which is what one is
"$bench" --only queues --reps 1 --time 1 --json out.json >out 2>err
status=$?
case $status in
0 | 3) ;;
*) fail "status $status" ;;
esac
if grep -q '"errno": 95' out.json; then
	echo "skipped: this system does not allow 1024 threads"
	exit 77
fi
python3 - <<'END' || fail "memory or fairness"
import json

report = json.load(open("out.json"))
rows = {b["name"]: b for b in report["benchmarks"]}
assert rows["queues.idle.32768"]["repetitions"], "no repetition"
bounds = {"queues.segment": 24 << 10}
if report["machine"]["warning"] is None:    # a sanitizer pads what is private
    bounds["queues.private"] = 1 << 10
for name, most in bounds.items():
    for rep in rows[name]["repetitions"]:
        assert 0 < rep["value"] <= most, (name, rep["value"])
for rep in rows["queues.active.4096"]["repetitions"]:
    jain = rep["parts"][0]
    assert jain["name"].startswith("Jain"), jain
    assert jain["value"] >= 0.95, jain
END
exit 0
