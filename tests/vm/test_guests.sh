#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The appliance in a virtual machine, its application in another: both have the
# memory of an ivshmem device and nothing else. A vined that was killed with its
# machine leaves the segment to the next.
# ctest: timeout=900 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

truncate -s 32M "$dir/memory"
plain=(-q -object -q
	"memory-backend-file,id=m0,size=32M,mem-path=$dir/memory,share=on"
	-q -device -q ivshmem-plain,memdev=m0,bus=rp0)
conf "shm_file pci:
lease 20s"
printf 'shm_file pci:\nlease 8s\ntrace 0\nworkers 1\ncpu_threads 1\n' \
	>"$dir/vined.conf"

for life in first second; do
	guest appliance -M 1024 -f "$dir/vined.conf:/vined.conf" "${above[@]}" \
		"${plain[@]}" "$bin/vined" -c /vined.conf -l debug &
	appliance=$!
	await "$dir/appliance/output" "serving segment pci:"
	guest $life -f "$dir/guest.conf:/tmp/.vinetalk" "${above[@]}" \
		"${plain[@]}" "$bin/vm-load" 4 3 || fail "$life: $?"
	grep "tasks right" "$dir/$life.log"
	kill -9 "$(cat "$dir/appliance/qemu.pid")"
	wait $appliance
	grep "serving segment" "$dir/appliance/output"
done
grep -q "generation 2" "$dir/appliance/output" ||
	fail "the second vined did not take up the segment of the first"
