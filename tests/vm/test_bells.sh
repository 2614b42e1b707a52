#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Bells across a machine's boundary are rung for who sleeps, and for nobody
# else.
# ctest: timeout=600 label=vm
set -u
. "${VINE_SRC_DIR:?}/tests/vm/lib.sh"

conf "shm_file pci:
lease 3600s"

# who polls is never rung
serve <<END
socket $dir/sock
shm_size 64M
lease 3600s
wait spin
END
load polls -- 2 3 || fail "polls: $?"
rings=$(count polls "rings of virtual machines")
[ "$rings" = 0 ] || fail "$rings rings for a vined that never sleeps"
echo "vined polls: $(count polls "tasks completed") tasks, $rings rings"
stop_vined

# who sleeps is rung once a sleep
serve <<END
socket $dir/sock
shm_size 64M
lease 3600s
END
load sleeps -- 1 4 20000 || fail "sleeps: $?"
rings=$(count sleeps "rings of virtual machines")
sleeps=$(count sleeps "sleeps of workers")
late=$(count sleeps "work found without a bell")
echo "vined sleeps: $(count sleeps "tasks completed") tasks, $sleeps sleeps," \
	"$rings rings, $late found late"
[ "$rings" -ge 1 ] || fail "nobody rang"
[ "$rings" -le "$sleeps" ] || fail "more rings than sleeps"
stop_vined
