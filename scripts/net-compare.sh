#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# net-compare.sh [-n TIMES] [-s SECONDS] [-b FOLDER] [-- options of clt] runs the
# stress programs of the runtime, on each engine, and the plain epoll program,
# in turns, and prints one table: a row a run, and the medians. Each run lasts
# SECONDS (10) after the last of its connections was opened. The programs are
# those of FOLDER (build/release/bin/net). Fails if a connection failed.
#
#   srv, clt cpu   processor time of each side, for each GB received
#   fair           Jain's index over the connections: all that they received,
#                  and what they received while all were open
#   memory         resident bytes of a connection: srv, clt
#   slab, buffers  the kernel's, of the whole machine, MB
set -euo pipefail
cd "$(dirname "$0")/.."

times=3
seconds=10
bin=build/release/bin/net
while getopts n:s:b: option; do
	case $option in
	n) times=$OPTARG ;;
	s) seconds=$OPTARG ;;
	b) bin=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

dir=$(mktemp -d)
srv=""
cleanup()
{
	[ -z "$srv" ] || kill -KILL "$srv" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT
port=$((20000 + RANDOM % 12000))
failed=0

# row FILE LABEL prints the first word of a row of a report.
row()
{
	sed -n "s/^  $2  *\([^ ]*\).*/\1/p" "$1" | head -n 1
}

# line NAME prints the row of the run that has ended.
line()
{
	local s=$dir/srv c=$dir/clt
	local gb
	gb=$(row "$c" received)
	[ "$(row "$s" sent)" = "$gb" ] || failed=1
	[ "$(row "$s" failed)$(row "$c" failed)" = 00 ] || failed=1
	awk -v name="$1" -v rate="$(row "$c" 'throughput, all open')" \
		-v open="$(row "$c" 'all were open after')" \
		-v p99="$(row "$c" 'connect, p99')" -v bytes="$gb" \
		-v su="$(row "$s" 'processor, user')" \
		-v ss="$(row "$s" 'processor, system')" \
		-v cu="$(row "$c" 'processor, user')" \
		-v cs="$(row "$c" 'processor, system')" \
		-v fair="$(row "$c" 'fairness, connections')" \
		-v since="$(row "$c" 'the same, all open')" \
		-v failed="$(row "$c" failed)" \
		-v sm="$(row "$s" 'memory, each')" \
		-v cm="$(row "$c" 'memory, each')" \
		-v slab="$(row "$c" "kernel's objects")" \
		-v buffers="$(row "$c" "kernel's buffers")" 'BEGIN {
		gb = bytes / 1e9
		if (gb == 0)
			gb = 1
		printf "%-9s %8.1f %7.2f %8.1f %7.2f %7.2f %7.3f %7.3f " \
			"%6d %7d %7d %6.0f %7.0f\n", name, rate, open, p99,
			(su + ss) / gb, (cu + cs) / gb, fair, since, failed,
			sm, cm, slab / 1e6, buffers / 1e6
	}' | tee -a "$dir/rows"
}

# pair NAME OPTIONS -- SRV -- CLT runs one pair.
pair()
{
	local name=$1 server=() status=0
	shift
	while [ "$1" != -- ]; do
		server+=("$1")
		shift
	done
	shift
	: >"$dir/srv"	# or what the last one said would be read
	"${server[@]}" --port "$port" --seconds "$seconds" >"$dir/srv" 2>&1 &
	srv=$!
	while ! grep -q 'threads listen' "$dir/srv"; do
		if ! kill -0 "$srv" 2>/dev/null; then
			cat "$dir/srv" >&2
			exit 1
		fi
		sleep 0.05
	done
	"$@" --port "$port" >"$dir/clt" 2>&1 || status=$?
	wait "$srv" || status=$?
	srv=""
	if [ "$status" -ne 0 ]; then
		failed=1
		grep -h '^  thread' "$dir/srv" "$dir/clt" >&2 || true
	fi
	if ! grep -q '^  received' "$dir/clt"; then
		cat "$dir/clt" >&2
		exit 1
	fi
	line "$name"
}

# medians NAME prints the median of each column.
medians()
{
	local column out="" value
	for column in $(seq 2 13); do
		value=$(awk -v n="$1" -v c="$column" '$1 == n { print $c }' \
			"$dir/rows" | sort -g |
			awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')
		out="$out $value"
	done
	# shellcheck disable=SC2086
	printf '%-9s %8s %7s %8s %7s %7s %7s %7s %6s %7s %7s %6s %7s\n' \
		"$1" $out
}

printf '%-9s %8s %7s %8s %7s %7s %7s %7s %6s %7s %7s %6s %7s\n' \
	"" MB/s open,s p99,ms srv,cpu clt,cpu fair open failed memory "" slab \
	buffers
for _ in $(seq "$times"); do
	pair plain "$bin/plain" srv -- "$bin/plain" clt "$@"
	for engine in uring epoll; do
		pair "$engine" "$bin/srv" --engine "$engine" -- \
			"$bin/clt" --engine "$engine" "$@"
	done
done
echo
echo "medians of $times"
for name in plain uring epoll; do
	medians "$name"
done | tee "$dir/medians"
awk '$1 == "plain" { plain = $2 }
	$1 != "plain" { printf "%s: %.2f of plain\n", $1, $2 / plain }' \
	"$dir/medians"
if [ "$failed" -ne 0 ]; then
	echo "a connection failed, or bytes were lost" >&2
	exit 1
fi
