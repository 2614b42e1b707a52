#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a task from a guest takes beside one from the host, by vine-bench, the
# host before and after the guest in the same minute. Reported and not asserted:
# without KVM the guest's instructions are translated, and others use this
# machine. What the report must say is.
# ctest: timeout=600 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

printf 'socket %s\ntrace 0\n' "$dir/sock" >"$dir/host.conf"
conf "shm_file pci:
lease 3600s"
serve <<END
socket $dir/sock
bell_socket $dir/bell.sock
shm_size 64M
lease 3600s
END
bench()
{
	VINE_CONFIG=$dir/host.conf "$bin/vine-bench" --attach --reps 3 \
		--time 20 "${@:2}" >"$dir/$1.log" || fail "$1: $?"
}
bench before
run_in guest "${serial[@]}" -f "$dir/before.log:/host" -- "$bin/vine-bench" \
	--attach --reps 3 --time 20 --beside /host \
	--note "KVM on the host: $(bash "$vm" -K)" || fail "in the guest: $?"
bench after --beside "$dir/before.log"
sed 's/^/host: /' "$dir/before.log" | grep -E 'task|sleep|hyper|cpu'
sed -n '/^vine-bench/,$p' "$dir/guest.log"
sed 's/^/host again: /' "$dir/after.log" | grep -E 'task|sleep'
for line in "hypervisor" "note            KVM on the host: " \
	"memory          pci, device " "wakes vined     register" \
	"wakes us        byte" "task.rtt " "task.rtt.touch " "task.rate.w32 " \
	"sleep.rtt "; do
	grep -q "^$line" "$dir/guest.log" || fail "the report has no $line"
done
[ "$(grep -c '; beside .* x$' "$dir/guest.log")" = 4 ] ||
	fail "a figure is not held against the host's"
stop_vined
