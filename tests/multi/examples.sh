#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The examples do what they say: VineTalk's pair with each other, the others
# with vined, their answers checked by programs that do not know libvine.
set -u

bin=${VINE_BIN_DIR:?}
tree=${VINE_SRC_DIR:?}
dir=$(mktemp -d) || exit 1
segment=vine-examples-$(basename "$dir")
pid=""
server=""
cleanup() {
	[ -z "$pid" ] || kill -KILL "$pid"
	[ -z "$server" ] || kill -KILL "$server"
	rm -rf "$dir" "/dev/shm/$segment"
}
trap cleanup EXIT
cd "$dir" || exit 1

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# await TEXT FILE : the appliance says that it serves.
await() {
	for _ in $(seq 600); do
		grep -q "$1" "$2" && return
		sleep 0.05
	done
	fail "$2 never says $1"
}

# stop NAME : it ends well on SIGTERM, and the segment is gone.
stop() {
	kill -TERM "$pid"
	wait "$pid" || fail "$1 ends with status $?"
	pid=""
	[ ! -e "/dev/shm/$segment" ] || fail "$1 leaves its segment"
}

if [ ! -x "$bin/consumer" ]; then
	echo "skipped: there are no examples"
	exit 77
fi
cat >conf <<END
shm_file $segment
shm_size 64M
trace 0
cpu_kernels $bin/my-kernel.so
net_connect tcp:127.0.0.1:*
END
export VINE_CONFIG=$dir/conf

# VineTalk's pair.
"$bin/consumer" >consumer.out &
pid=$!
await serving consumer.out
"$bin/producer" -n 100 4 >lines || fail "producer with consumer"
[ "$(grep -c '^thread [0-3]: VineTalk$' lines)" = 400 ] ||
	fail "producer printed $(wc -l <lines) lines, expected 400 of VineTalk"
stop consumer

"$bin/vined" 2>vined.err &
pid=$!
await 'serving segment' vined.err

"$bin/producer" 2 >lines || fail "producer with vined"
[ "$(grep -c VineTalk lines)" = 2 ] || fail "producer: $(cat lines)"
[ "$("$bin/hello" Vine Talk)" = "$(printf 'Vine Talk' | sha256sum |
	cut -d' ' -f1)" ] || fail "hello"

for i in $(seq 500); do
	echo "line $i"
done >text
"$bin/poll-loop" <text 2>/dev/null | grep -oE '[0-9a-f]{64}' | sort >sums
while read -r line; do
	printf '%s' "$line" | sha256sum
done <text | cut -d' ' -f1 | sort >expected
cmp sums expected || fail "poll-loop of a file"
(sleep 0.3; cat text; sleep 0.3) | "$bin/poll-loop" 2>/dev/null |
	grep -oE '[0-9a-f]{64}' | sort | cmp - expected ||
	fail "poll-loop of a pipe"

file=$bin/vined
"$bin/hash-file" "$file" "$bin/hello" >sums || fail "hash-file"
sha256sum --quiet -c sums || fail "hash-file: a sum is wrong"
"$bin/compress-file" "$file" packed.zst 2>/dev/null || fail "compress-file"
if command -v zstd >/dev/null; then
	zstd -q -d -c packed.zst | cmp - "$file" || fail "compress-file"
fi

if [ -x "$bin/filter-image" ]; then
	picture=$tree/docs/img/picture.png
	"$bin/filter-image" -g gray.png "$picture" edges.png >/dev/null ||
		fail "filter-image"
	cc -std=c11 -O2 -o check-edges "$tree/scripts/check-edges.c" -lpng &&
		./check-edges "$picture" edges.png >/dev/null ||
		fail "filter-image: the picture is wrong"
fi

if command -v python3 >/dev/null; then
	mkdir files && cp "$file" files/big
	python3 -u -m http.server 0 --bind 127.0.0.1 --directory files \
		>server.out 2>/dev/null &
	server=$!
	await ' port ' server.out
	port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' server.out)
	"$bin/fetch" 127.0.0.1 "$port" /big >big || fail "fetch"
	sed '1,/^\r$/d' big | cmp - "$file" || fail "fetch: other bytes"
	kill "$server"
	wait "$server"
	server=""
	"$bin/fetch" 127.0.0.1 "$port" /big 2>err &&
		fail "fetch from a server that is gone"
	grep -q refused err || fail "fetch says $(cat err)"
fi
stop vined
exit 0
