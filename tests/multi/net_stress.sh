#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The stress programs with each other, on each engine, and plain beside them:
# all sockets are opened, nothing fails, all are closed in the end, and what one
# side sent is what the other received. For long: 32,768 sockets at the rate of
# libiapp's and without one, and the times that they are held against.
# ctest: serial soak=120
set -u

bin=${VINE_BIN_DIR:?}/net
seconds=${VINE_TEST_SECONDS:-0}
dir=$(mktemp -d) || exit 1
srv=""
clt=""
cleanup() {
	[ -z "$srv" ] || kill -KILL "$srv" 2>/dev/null
	[ -z "$clt" ] || kill -KILL "$clt" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
cd "$dir" || exit 1

fail() {
	echo "FAILED: $*" >&2
	tail -n 40 srv.out clt.out >&2
	exit 1
}

# await TEXT FILE PID : a program says so, while it lives.
await() {
	while ! grep -q "$1" "$2"; do
		kill -0 "$3" 2>/dev/null || fail "$2 ends without: $1"
		sleep 0.05
	done
}

# row FILE LABEL : the first word of a row of the report.
row() {
	sed -n "s/^  $2  *\([^ ]*\).*/\1/p" "$1" | head -n 1
}

# expect FILE LABEL VALUE
expect() {
	local is
	is=$(row "$1" "$2")
	[ "$is" = "$3" ] || fail "$1: $2: $is, expected $3"
}

# start_srv COMMAND... : at a port that nobody has.
start_srv() {
	local tries
	for tries in 1 2 3 4 5; do
		port=$((20000 + (RANDOM + tries) % 12000))
		: >srv.out
		"$@" --port "$port" >srv.out 2>srv.err &
		srv=$!
		while kill -0 "$srv" 2>/dev/null; do
			grep -q 'threads listen' srv.out && return
			sleep 0.05
		done
		wait "$srv"
		srv=""
		grep -q 'Address already in use' srv.err || break
	done
	cat srv.err >&2
	fail "$* does not listen"
}

# pair SOCKETS SECONDS SRV -- CLT : runs them until so long after all are open.
pair() {
	local sockets=$1 pause=$2
	local server=()
	shift 2
	while [ "$1" != -- ]; do
		server+=("$1")
		shift
	done
	shift
	start_srv "${server[@]}"
	: >clt.out
	"$@" --port "$port" >clt.out 2>&1 &
	clt=$!
	await 'are open$' clt.out "$clt"
	sleep "$pause"
	kill -INT "$srv"
	wait "$clt" || fail "$*: status $?"
	wait "$srv" || fail "${server[*]}: status $?"
	srv=""
	clt=""
	for file in srv.out clt.out; do
		expect "$file" opened "$sockets"
		expect "$file" closed "$sockets"
		expect "$file" failed 0
	done
	expect clt.out received "$(row srv.out sent)"
	[ "$(row clt.out received)" -gt 0 ] || fail "nothing was received"
}

# within LABEL BOUND : a number of the client's is not above it.
within() {
	awk -v n="$(row clt.out "$1")" -v most="$2" \
		'BEGIN { exit !(n != "" && n <= most) }' ||
		fail "$1: $(row clt.out "$1"), expected at most $2"
}

if [ ! -x "$bin/srv" ]; then
	echo "skipped: there are no examples"
	exit 77
fi

# What is wrong is said, and ends.
"$bin/clt" --sockets 0 >clt.out 2>&1
[ $? -eq 2 ] || fail "status of --sockets 0"
grep -q -- '--sockets 0: expected a number from 1' clt.out ||
	fail "--sockets 0: $(cat clt.out)"
"$bin/srv" --help | grep -q '^usage: srv' || fail "srv --help"
"$bin/clt" --threads 1 --sockets 3 --addresses 1 --port 1 >clt.out 2>&1
[ $? -eq 1 ] || fail "status where nobody listens"
grep -q 'connect: Connection refused: 3' clt.out ||
	fail "where nobody listens: $(cat clt.out)"

few=(--threads 2 --addresses 2)
for engine in auto epoll; do
	pair 512 1 "$bin/srv" "${few[@]}" --engine $engine -v -- \
		"$bin/clt" "${few[@]}" --engine $engine --sockets 256 \
		--json report.json
	grep -q '"opened": 512' report.json || fail "the JSON of $engine"
done
pair 512 1 "$bin/plain" srv "${few[@]}" -- \
	"$bin/plain" clt "${few[@]}" --sockets 256

# A client that leaves takes nobody with it.
start_srv "$bin/srv" "${few[@]}"
"$bin/clt" "${few[@]}" --sockets 64 --seconds 1 --port "$port" >clt.out 2>&1 ||
	fail "a client with an end: status $?"
expect clt.out closed 128
for _ in 1 2; do
	"$bin/clt" "${few[@]}" --sockets 64 --seconds 1 --port "$port" \
		>clt.out 2>&1 || fail "the next client: status $?"
done
kill -INT "$srv"
wait "$srv" || fail "a server whose clients left: status $?"
srv=""
expect srv.out opened 384
expect srv.out closed 384

[ "$seconds" -gt 0 ] || exit 0

# libiapp's: 8 threads a side, 4,096 sockets each.
if [ "$(ulimit -Hn)" -lt 5000 ]; then
	echo "skipped: a thread may not have 4096 sockets"
	exit 77
fi
pair 32768 $((seconds / 4)) "$bin/srv" -- "$bin/clt" --rate 128
within 'all were open after' 35
cat clt.out
pair 32768 $((seconds / 4)) "$bin/srv" -- "$bin/clt"
within 'all were open after' 5
awk -v j="$(row clt.out 'fairness, connections')" 'BEGIN { exit !(j >= 0.95) }' ||
	fail "fairness: $(row clt.out 'fairness, connections')"
cat clt.out
exit 0
