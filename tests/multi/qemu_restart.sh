#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vined is killed while a QEMU has the segment as its ivshmem-doorbell device,
# which cannot connect again. The next vined has the same memory behind the
# device, hears its doorbell, and notices when it ends. No guest runs: the test
# is in its place, by QEMU's protocol for tests, and writes to the device.
set -u

qemu=$(command -v qemu-system-x86_64) || {
	echo "skipped: there is no qemu-system-x86_64 (package qemu-system-x86)"
	exit 77
}
bin=${VINE_BIN_DIR:?}
dir=$(mktemp -d) || exit 1
keeper=
trap '[ -z "$keeper" ] || kill -9 $keeper; rm -rf "$dir"' EXIT

fail()
{
	echo "FAILED: $*"
	cat "$dir"/*.log
	exit 1
}

# await COMMAND...: until it succeeds; a minute is for ever.
await()
{
	for _ in $(seq 600); do
		"$@" && return
		sleep 0.1
	done
	fail "never: $*"
}

# logged TEXT COUNT: is it in vined's log so many times?
logged()
{
	[ "$(grep -cF "$1" "$dir/vined.log")" -ge "$2" ]
}

cat >"$dir/conf" <<END
socket $dir/sock
shm_size 16M
trace 0
workers 1
cpu_threads 1
control_socket off
END
# vined ends with its keeper, and that with the test
setpriv --pdeathsig KILL "$bin/vined-keeper" setpriv --pdeathsig KILL \
	"$bin/vined" -c "$dir/conf" -l debug 2>"$dir/vined.log" &
keeper=$!
await logged "serving segment" 1
vined()
{
	local pid

	read -r pid <"/proc/$keeper/task/$keeper/children"
	echo "$pid"
}

# The device's registers at 0xe0000000, its memory at 0xe1000000.
coproc qtest { exec "$qemu" -M pc -accel tcg -qtest stdio \
	-nodefaults -display none -S -m 32 \
	-chardev "socket,path=$dir/sock,id=vine" \
	-device ivshmem-doorbell,chardev=vine,vectors=1,addr=04.0 \
	2>"$dir/qemu.log"; }
ask()
{
	local answer

	echo "$1" >&"${qtest[1]}"
	while read -r -t 60 answer <&"${qtest[0]}"; do
		case $answer in
		OK*)
			result=${answer#OK}
			return
			;;
		FAIL* | ERR*) fail "$1: $answer" ;;
		esac
	done
	fail "qemu does not answer $1"
}
pci()
{
	ask "outl 0xcf8 $((0x80002000 | $1))"
	ask "$2"
}
await logged "peer 1 is of user" 1
pci 0x00 "inl 0xcfc"
[ $((result)) = $((0x11101af4)) ] || fail "device $result, expected 1af4:1110"
pci 0x10 "outl 0xcfc 0xe0000000"
pci 0x18 "outl 0xcfc 0xe1000000"
pci 0x04 "outw 0xcfc 0x0006"

memory()
{
	ask "readq $((0xe1000000 + $1))"
	echo $((result))
}
magic=$(memory 0)
[ "$magic" = $((0x31474553454e4956)) ] || fail "no segment in the memory: $magic"
[ "$(memory 64)" = 1 ] || fail "generation $(memory 64), expected 1"

# rings: does the doorbell reach vined? While it is stopped its eventfd keeps
# the count.
counts()
{
	grep -h eventfd-count "/proc/$1"/fdinfo/* 2>/dev/null |
		awk '$2 != 0 { n++ } END { print n + 0 }'
}
none_left()
{
	[ "$(counts "$(vined)")" = 0 ]
}
stopped()
{
	grep -q "^State:[[:space:]]*T" "/proc/$1/status"
}
rings()
{
	local pid

	pid=$(vined)
	await none_left
	kill -STOP "$pid"
	await stopped "$pid"
	ask "writel $((0xe0000000 + 12)) 0"	# peer 0, vector 0
	[ "$(counts "$pid")" = 1 ] || fail "the doorbell rings nothing of vined"
	kill -CONT "$pid"
	await none_left
}
rings

kill -9 "$(vined)"
await logged "serving segment" 2
logged "goes on with 1 peers of an earlier vined" 1 || fail "no peer went on"
[ "$(memory 64)" = 2 ] || fail "generation $(memory 64), expected 2"
rings

kill -9 "$(vined)"
await logged "serving segment" 3
[ "$(memory 64)" = 3 ] || fail "generation $(memory 64), expected 3"
rings
logged "peer 1 has gone" 1 && fail "vined lost the device"

exec {qtest[1]}>&-
kill "$qtest_PID"
await logged "peer 1 has gone" 1
kill "$keeper"
wait "$keeper" || fail "vined-keeper ended with $?"
keeper=
