#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Lives and deaths across a machine's boundary: 8 threads at work in a guest;
# QEMU killed in the middle of it; a process killed in a guest that goes on;
# vined killed under a guest at work.
# ctest: timeout=900 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

# Eight threads. No lease is short enough to end a session here: what follows
# is by the connection alone.
conf "shm_file pci:
lease 3600s"
serve <<END
socket $dir/sock
shm_size 64M
lease 3600s
END
load threads -c 2 -- 8 3 || fail "8 threads: $?"
grep "tasks right" "$dir/threads.log"

# kill -9 of QEMU
load killed -- 4 0 &
harness=$!
await "$dir/killed/output" "working"
kill -9 "$(cat "$dir/killed/qemu.pid")"
killed=$(ms)
await "$dir/vined.log" "taken back, its process is gone"
echo "QEMU was killed; what it held was free within $(($(ms) - killed)) ms"
wait $harness && fail "the killed guest ended well"
load again -- 1 1 || fail "after a killed guest: $?"
stop_vined

# kill -9 of a process in a guest: nothing ends but its heartbeat. The leases are
# longer than a guest, or vined, stands still on a busy machine.
conf "shm_file pci:"
serve <<END
socket $dir/sock
shm_size 64M
lease 8s
END
cat >"$dir/process.sh" <<'END'
/vm-load 2 0 >/log &
while ! grep -q working /log; do kill -0 $! || exit 1; sleep 0.1; done
kill -9 $!
/vm-load 2 5
END
guest process -f "$dir/guest.conf:/tmp/.vinetalk" "${above[@]}" \
	"${doorbell[@]}" -f "$bin/vm-load:/vm-load" \
	-f "$dir/process.sh:/process.sh" -f /bin/grep:/bin/grep \
	-f /bin/sleep:/bin/sleep /bin/dash /process.sh || fail "process: $?"
await "$dir/vined.log" "session 0 taken back, its process is gone"
grep -q "session 1 closed" "$dir/vined.log" ||
	fail "the second session did not close in order"
echo "a process was killed; the guest went on, its heartbeat told"

# kill -9 of vined
conf "shm_file pci:
lease 8s
restart_wait 2s"
load orphan -- 2 0 &
harness=$!
await "$dir/orphan/output" "working"
kill -9 "$vined"
wait "$vined"
vined=""
wait $harness
rc=$?
[ $rc = 3 ] || fail "the guest of a killed vined ended with $rc, expected 3"
grep "the last task took" "$dir/orphan.log" | head -n 1
