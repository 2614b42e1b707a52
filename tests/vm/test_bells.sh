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

# An interrupt wakes an application, where its device has a driver that lets it.
cat >"$dir/vfio.sh" <<'END'
device=/sys/bus/pci/devices/0000:01:00.0
echo vfio-pci >$device/driver_override
echo 0000:01:00.0 >/sys/bus/pci/drivers_probe
exec /vm-load "$@"
END
iommu=(-q -device -q intel-iommu,intremap=on -k intel_iommu=on)
vfio=(-m vfio-pci -m vfio_iommu_type1 -f "$bin/vm-load:/vm-load"
	-f "$dir/vfio.sh:/vfio.sh")
serve <<END
socket $dir/sock
shm_size 64M
lease 3600s
END
guest interrupts "${iommu[@]}" "${vfio[@]}" \
	-f "$dir/guest.conf:/tmp/.vinetalk" "${above[@]}" "${doorbell[@]}" \
	/bin/dash /vfio.sh 2 8 2000 || fail "interrupts: $?"
grep "a bell" "$dir/interrupts.log" || fail "the application has no bell"
bells=$(count interrupts "bells rung for applications")
late=$(sed -n 's/.* a bell, \([0-9]*\) .*/\1/p' "$dir/interrupts.log")
lost=$(count interrupts "work found without a bell")
echo "both sleep: $(count interrupts "tasks completed") tasks," \
	"$(count interrupts "rings of virtual machines") rings, $bells" \
	"interrupts; $lost tasks and $late completions found late"
[ "$bells" -ge 1 ] || fail "vined rang nobody"
# who looks the moment that a bell comes counts it as late; a lost kind of bell
# would be late each time
[ $((late + lost)) -le $((bells / 10)) ] || fail "bells are lost"

# A device that is kept from the bus loses each interrupt in silence: what waits
# then is found late, and nothing hangs.
cat >"$dir/masked.sh" <<'END'
device=/sys/bus/pci/devices/0000:01:00.0
echo vfio-pci >$device/driver_override
echo 0000:01:00.0 >/sys/bus/pci/drivers_probe
/vm-load 1 6 20000 >/log &
while ! grep -q working /log; do sleep 0.1; done
printf '\002\000' | dd of=$device/config bs=1 seek=4 conv=notrunc 2>/dev/null
wait $!
rc=$?
cat /log
exit $rc
END
guest masked "${iommu[@]}" "${vfio[@]}" -f "$dir/masked.sh:/masked.sh" \
	-f /bin/grep:/bin/grep -f /bin/sleep:/bin/sleep -f /bin/dd:/bin/dd \
	-f /bin/cat:/bin/cat -f "$dir/guest.conf:/tmp/.vinetalk" \
	"${above[@]}" "${doorbell[@]}" /bin/dash /masked.sh ||
	fail "masked: $?"
late=$(sed -n 's/.* a bell, \([0-9]*\) .*/\1/p' "$dir/masked.log")
echo "interrupts masked: $late completions found late"
[ "$late" -ge 1 ] || fail "the interrupts still came"

# without it the application looks now and then, and misses nothing
guest polls2 -f "$dir/guest.conf:/tmp/.vinetalk" "${above[@]}" \
	"${doorbell[@]}" "$bin/vm-load" 2 2 20000 || fail "no interrupts: $?"
grep "no bell" "$dir/polls2.log" || fail "there is a bell without a driver"
stop_vined
