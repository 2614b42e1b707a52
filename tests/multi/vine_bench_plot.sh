#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vine-bench --plot: each picture is well-formed SVG that has the curves, names
# and axes it ought to have, with its data and its script beside it.
# ctest: serial
set -u

bench=${VINE_BIN_DIR:?}/vine-bench
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

if [ "$(nproc)" -lt 2 ] || ! command -v gnuplot >/dev/null ||
	! command -v python3 >/dev/null; then
	echo "skipped: two cpus, gnuplot and python3 are needed"
	exit 77
fi

"$bench" --reps 1 --time 2 --plot pictures --only line2 --only 'task.rtt' \
	--only futex.pause --only sleep.rtt --only 'ring256.w*' \
	--only 'task.rate.w?' --only task.batch.1 --only task.batch.8 \
	--only threads.1 --only threads.2 --only 'queues.idle.1*' \
	--only queues.active.1 --only queues.active.16 >out 2>err
status=$?
case $status in
0 | 3) ;;
*)
	tail -n 20 err >&2
	fail "status $status"
	;;
esac

python3 - <<'END' || fail "a picture"
import os
import xml.etree.ElementTree as tree

wanted = {
    "latency-polling": "both sides polling",
    "latency-sleeping": "Waking up",
    "idle-queues": "idle queues",
    "active-queues": "ns a task",
    "rate": "million/s",
    "threads": "application threads",
}
names = {name.rsplit(".", 1)[0] for name in os.listdir("pictures")}
assert names == set(wanted), names
for name, words in wanted.items():
    root = tree.parse(f"pictures/{name}.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
    text = " ".join("".join(root.itertext()).split())
    assert words in text, (name, words, text)
    curves = [p for p in root.iter("{http://www.w3.org/2000/svg}path")]
    assert len(curves) > 3, (name, len(curves))
    points = [line for line in open(f"pictures/{name}.dat")
              if line.strip() and line[0] != "#"]
    assert points, name
    assert os.path.getsize(f"pictures/{name}.gp") > 0
END
# the script draws the same picture again, by itself
rm pictures/rate.svg
(cd pictures && gnuplot rate.gp 2>/dev/null) || fail "rate.gp by hand"
[ -s pictures/rate.svg ] || fail "rate.gp draws nothing"
exit 0
