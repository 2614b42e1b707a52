#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a task from a guest takes beside one from the host, both sides polling,
# measured one after the other and twice. Reported and not asserted: without KVM
# the guest's instructions are translated, and others use this machine.
# ctest: timeout=600 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

median()
{
	sed -n 's/.*median \([0-9]*\) ns.*/\1/p' "$dir/$1.log"
}

printf 'socket %s\ntrace 0\nwait spin\n' "$dir/sock" >"$dir/host.conf"
conf "shm_file pci:
lease 3600s
wait spin"
serve <<END
socket $dir/sock
shm_size 64M
lease 3600s
wait spin
END
for round in 1 2; do
	VINE_CONFIG=$dir/host.conf "$bin/vm-load" 1 1 >"$dir/host$round.log" ||
		fail "on the host: $?"
	load guest$round -- 1 1 || fail "in the guest: $?"
done
accel=tcg
[ -n "${VINE_VM_ACCEL:-}" ] && accel=$VINE_VM_ACCEL
probe=$(cut -d ' ' -f 2 "$src/build/vm-kernel/kvm" 2>/dev/null)
[ "$probe" = works ] && accel=${VINE_VM_ACCEL:-kvm}
memory=write-back
grep -qF "is uncached" "$dir/guest1.log" && memory=uncached
echo "accelerator $accel; KVM ${probe:-was not tried}; memory $memory;" \
	"bells: both sides poll"
for round in 1 2; do
	host=$(median host$round) guest=$(median guest$round)
	[ -n "$host" ] && [ -n "$guest" ] || fail "nothing was measured"
	echo "copy of 4 KiB, median: host $host ns, guest $guest ns," \
		"$(awk -v a="$guest" -v b="$host" \
			'BEGIN { printf "%.2f", a / b }') x"
done
stop_vined
