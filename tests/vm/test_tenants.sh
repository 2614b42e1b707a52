#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two tenants of one vined, a machine each: both work at the same time, each
# with a segment of its own and no way to the other's.
# ctest: timeout=600 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

conf "shm_file pci:
lease 3600s"
for tenant in a b; do
	printf 'socket %s\nshm_size 32M\nlease 3600s\n%s' "$dir/$tenant.sock" \
		$'trace 0\nworkers 1\ncpu_threads 1\n' >"$dir/$tenant.conf"
done
"$bin/vined" -c "$dir/a.conf" -c "$dir/b.conf" -l debug 2>"$dir/vined.log" &
vined=$!
await "$dir/vined.log" "serving segment $dir/b.sock"
pids=()
for tenant in a b; do
	guest $tenant -f "$dir/guest.conf:/tmp/.vinetalk" "${above[@]}" \
		-q -chardev -q "socket,path=$dir/$tenant.sock,id=vine" -q -device \
		-q ivshmem-doorbell,chardev=vine,vectors=1,bus=rp0 \
		"$bin/vm-load" 2 8 &
	pids[${#pids[@]}]=$!
done
for pid in "${pids[@]}"; do
	wait "$pid" || fail "a tenant ended with $?"
done
a=$(sed -n 's/^vm-load: segment //p' "$dir/a.log")
b=$(sed -n 's/^vm-load: segment //p' "$dir/b.log")
[ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$b" ] ||
	fail "the segments of two tenants are $a and $b"
# each segment has had one session, and one connection
for tenant in a b; do
	[ "$(count $tenant "sessions opened")" = 1 ] ||
		fail "$tenant saw $(count $tenant "sessions opened") sessions"
	[ "$(count $tenant "connections to the socket")" = 1 ] ||
		fail "$tenant: another one was connected"
	grep -H "tasks right" "$dir/$tenant.log" | sed "s|.*/||"
done
stop_vined
