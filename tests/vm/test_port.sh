#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A machine without an IOMMU has its applications woken by a byte at a serial
# port: with a server's device, and with a file that vined and the machine were
# told of. There vined is killed and started again: the session goes on, and so
# do its bells. At last QEMU is killed, and its end is seen at the port.
# ctest: timeout=600 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

# rung NAME: what vm-load says there of its bell, and how many rings were late.
rung()
{
	local bells late
	grep -q "vm-load: a bell" "$dir/$1.log" ||
		fail "$1: the application has no bell"
	bells=$(count "$1" "bells rung for applications")
	late=$(sed -n 's/.* a bell, \([0-9]*\) .*/\1/p' "$dir/$1.log")
	echo "$1: $(count "$1" "tasks completed") tasks, $bells bytes;" \
		"$late completions found late"
	[ "$bells" -ge 1 ] || fail "$1: vined rang nobody"
	[ "$late" -le $((bells / 10)) ] || fail "$1: bells are lost"
}

conf "shm_file pci:
lease 3600s"
serve <<END
socket $dir/sock
bell_socket $dir/bell.sock
shm_size 64M
lease 3600s
END
load server "${serial[@]}" -- 2 5 20000 || fail "server: $?"
rung server
run_in look "${serial[@]}" -- "$bin/vine-inspect" --attach ||
	fail "vine-inspect: $?"
grep -F 'byte at the serial port "vine"' "$dir/look.log" ||
	fail "vine-inspect shows another bell"
grep -E "^memory .*write-back" "$dir/look.log" ||
	fail "vine-inspect shows another memory"
stop_vined

# the same without a server; nothing but the port tells of the machine's end
truncate -s 64M "$dir/memory"
mkdir -m 700 "$dir/state"
plain=(-q -object -q
	"memory-backend-file,id=m0,size=64M,mem-path=$dir/memory,share=on"
	-q -device -q ivshmem-plain,memdev=m0,bus=rp0)
conf "shm_ivshmem 1
lease 3600s
restart_wait 300s"
serve_file()
{
	serve <<END
shm_file $dir/memory
shm_ivshmem 1
bell_socket $dir/bell.sock
state_dir $dir/state
lease 3600s
END
}
serve_file
guest restart -f "$dir/guest.conf:/tmp/.vinetalk" "${above[@]}" "${plain[@]}" \
	"${serial[@]}" "$bin/vm-load" 2 15 20000 &
harness=$!
await "$dir/restart/output" "working"
sleep 2
kill -9 "$vined"
wait "$vined"
serve_file
wait $harness || fail "restart: $?"
grep "they go on" "$dir/vined.log" || fail "the session did not go on"
rung restart

guest killed -f "$dir/guest.conf:/tmp/.vinetalk" "${above[@]}" "${plain[@]}" \
	"${serial[@]}" "$bin/vm-load" 2 0 &
harness=$!
await "$dir/killed/output" "working"
kill -9 "$(cat "$dir/killed/qemu.pid")"
killed=$(ms)
await "$dir/vined.log" "taken back, its process is gone"
echo "QEMU was killed; what it held was free within $(($(ms) - killed)) ms"
wait $harness && fail "the killed guest ended well"
stop_vined
