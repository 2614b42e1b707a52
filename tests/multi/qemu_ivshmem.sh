#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# QEMU attaches to vined's socket as its ivshmem-doorbell device: it takes the
# greeting, has the segment as memory of the device, and its end is noticed. No
# guest runs: what one does with the device is not the socket's affair.
set -u

qemu=$(command -v qemu-system-x86_64) || {
	echo "skipped: there is no qemu-system-x86_64 (package qemu-system-x86)"
	exit 77
}
dir=$(mktemp -d) || exit 1
vined=
trap '[ -z "$vined" ] || kill -9 $vined; rm -rf "$dir"' EXIT

fail()
{
	echo "FAILED: $*"
	cat "$dir"/*.log
	exit 1
}

# await FILE TEXT: until the file has it; a minute is for ever.
await()
{
	for _ in $(seq 600); do
		grep -qF "$2" "$1" && return
		sleep 0.1
	done
	fail "$1 has no \"$2\""
}

cat >"$dir/conf" <<END
socket $dir/sock
shm_size 16M
trace 0
workers 1
cpu_threads 1
END
"${VINE_BIN_DIR:?}/vined" -c "$dir/conf" -l debug 2>"$dir/vined.log" &
vined=$!
await "$dir/vined.log" "serving segment"

# Stopped before its first instruction; the device is there all the same.
printf 'info pci\ninfo mtree -f\nquit\n' |
	timeout 60 "$qemu" -accel tcg -nodefaults -display none -S -m 32 \
		-chardev "socket,path=$dir/sock,id=vine" \
		-device ivshmem-doorbell,chardev=vine,vectors=1 \
		-monitor stdio >"$dir/qemu.log" 2>&1 ||
	fail "qemu ended with $?"
grep -qi "1af4:1110" "$dir/qemu.log" || fail "qemu has no device 1af4:1110"
await "$dir/vined.log" "peer 1 is of user $(id -u)"
await "$dir/vined.log" "peer 1 has gone"

# a device with more vectors than it is told of will do, too
printf 'quit\n' | timeout 60 "$qemu" -accel tcg -nodefaults -display none -S \
	-m 32 -chardev "socket,path=$dir/sock,id=vine" \
	-device ivshmem-doorbell,chardev=vine,vectors=4 \
	-monitor stdio >"$dir/qemu.log" 2>&1 || fail "qemu ended with $?"
await "$dir/vined.log" "peer 2 has gone"

kill "$vined"
wait "$vined" || fail "vined ended with $?"
vined=
