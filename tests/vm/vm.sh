#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vm.sh [OPTION]... PROGRAM [ARGUMENT]... runs a program in a virtual machine
# and returns its exit status. The machine is a stock Debian cloud kernel under
# QEMU, with an initramfs of vm_init, the program, the libraries it is linked
# with and what -f names; it has no disk and no network.
#
#   -t SECONDS       limit for all of it (120); machines here may be busy
#   -c CPUS          (1)
#   -M MEGABYTES     of memory (256)
#   -m MODULE        load a module of scripts/vm-kernel.sh; may be repeated
#   -f FILE[:PLACE]  a file, or a program with its libraries; may be repeated
#   -e NAME=VALUE    in the program's environment; may be repeated
#   -k ARGUMENTS     for the kernel
#   -q ARGUMENT      for QEMU, one word each; may be repeated
#   -d FOLDER        for the logs: console, output, result, qemu, qemu.pid
#   -K               only say what became of KVM here: "works", "fails" (it did
#                    not boot this kernel within its time) or "not there"
#
# What the program prints is printed. The status is the program's; 128 + N
# where signal N ended it; 124 where the time was up, 125 where the kernel
# panicked, 126 where QEMU or init could not do their part. Each of these
# is said in words on stderr as well, with the kernel's console. 77, and
# "skipped:" with the reason, where there is no QEMU or no kernel.
#
# KVM is used where it has booted this kernel once, within a time limit; the
# device node proves nothing. VINE_VM_ACCEL=tcg or kvm decides instead.
set -u

src=${VINE_SRC_DIR:?} bin=${VINE_BIN_DIR:?}
seconds=120 cpus=1 memory=256 logs="" cmdline=""
modules=() files=() env=() more=() only_kvm=

say()
{
	echo "vm: $*" >&2
}

skip()
{
	echo "skipped: $*"
	exit 77
}

while getopts t:c:M:m:f:e:k:q:d:K option; do
	case $option in
	t) seconds=$OPTARG ;;
	c) cpus=$OPTARG ;;
	M) memory=$OPTARG ;;
	m) modules+=("$OPTARG") ;;
	f) files+=("$OPTARG") ;;
	e) env+=("$OPTARG") ;;
	k) cmdline=$OPTARG ;;
	q) more+=("$OPTARG") ;;
	d) logs=$OPTARG ;;
	K) only_kvm=yes ;;
	*) exit 126 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || [ -n "$only_kvm" ] ||
	{ say "no program is named"; exit 126; }

qemu=$(command -v qemu-system-x86_64) ||
	skip "there is no qemu-system-x86_64 (package qemu-system-x86)"
command -v cpio >/dev/null || skip "there is no cpio (package cpio)"
kernel=$src/build/vm-kernel
[ -e "$kernel/vmlinuz" ] ||
	skip "there is no kernel to boot; scripts/vm-kernel.sh gets one"

work=$(mktemp -d) || exit 126
trap 'rm -rf "$work"' EXIT
[ -n "$logs" ] || logs=$work
root=$work/root
mkdir -p "$root"/{vm,dev,proc,sys,tmp,etc}

# put FILE PLACE: a program or library comes with what it is linked with.
put()
{
	local library
	mkdir -p "$root/$(dirname "$2")"
	cp -L "$1" "$root/$2" || exit 126
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
		[ -e "$root/$library" ] && continue
		mkdir -p "$root/$(dirname "$library")"
		cp -L "$library" "$root/$library"
	done
}

# The kernel tests its timer against a loop, and panics where a busy host has
# held the machine up meanwhile.
timer=no_timer_check

# boot ACCEL SECONDS INITRAMFS FOLDER [QEMU'S ARGUMENTS]: returns QEMU's status.
boot()
{
	local accel=$1 limit=$2 initramfs=$3 to=$4 cpu=max
	shift 4
	[ "$accel" = tcg ] || cpu=host
	rm -f "$to/result" "$to/output" "$to/console" "$to/qemu.pid"
	timeout -k 5 "$limit" "$qemu" -accel "$accel" -cpu "$cpu" \
		-machine q35 -smp "$cpus" \
		-m "${memory}M,slots=4,maxmem=8G" -nodefaults -display none \
		-no-reboot -pidfile "$to/qemu.pid" \
		-kernel "$kernel/vmlinuz" -initrd "$initramfs" \
		-append "console=ttyS0 quiet panic=-1 reboot=t $timer $cmdline" \
		-chardev "file,id=console,path=$to/console" \
		-serial chardev:console \
		-chardev "file,id=output,path=$to/output" \
		-serial chardev:output \
		-chardev "file,id=result,path=$to/result" \
		-serial chardev:result "$@" >"$to/qemu" 2>&1 </dev/null
}

# kvm_works boots under KVM once, and keeps the answer until the next restart
# of this machine: an emulated /dev/kvm may take minutes for what fails.
kvm_works()
{
	local id answer=$kernel/kvm probe=$work/probe
	[ -w /dev/kvm ] || return
	id=$(cat /proc/sys/kernel/random/boot_id)
	if ! grep -q "^$id " "$answer" 2>/dev/null; then
		mkdir -p "$probe"
		make_probe
		(boot kvm 10 "$work/initramfs.probe" "$probe") 2>/dev/null
		if grep -q '^exit 0$' "$probe/result" 2>/dev/null; then
			echo "$id works" >"$answer.$$"
		else
			echo "$id fails" >"$answer.$$"
		fi
		mv "$answer.$$" "$answer"
	fi
	grep -q works "$answer"
}

# An initramfs whose program is vm_init itself, which ends where it is not the
# first process.
make_probe()
{
	local at=$work/probe-root
	mkdir -p "$at"/{vm,dev,proc,sys,tmp}
	cp "$bin/vm-init" "$at/init"
	echo /init >"$at/vm/argv"
	: >"$at/vm/env"
	: >"$at/vm/modules"
	(cd "$at" && find . | cpio -o -H newc --quiet) >"$work/initramfs.probe"
}

if [ -n "$only_kvm" ]; then
	if [ ! -w /dev/kvm ]; then
		echo "not there"
	elif kvm_works; then
		echo works
	else
		echo fails
	fi
	exit 0
fi

program=$(realpath "$1") || exit 126
shift
put "$bin/vm-init" /init
put "$program" "$program"
for file in "${files[@]+"${files[@]}"}"; do
	put "${file%%:*}" "${file#*:}"
done
printf '%s\n' "$program" "$@" >"$root/vm/argv"
printf '%s\n' HOME=/tmp PATH=/bin "${env[@]+"${env[@]}"}" >"$root/vm/env"
: >"$root/vm/modules"
for module in "${modules[@]+"${modules[@]}"}"; do
	while read -r file; do
		put "$kernel/modules/$file" "/vm/$file"
		echo "/vm/$file" >>"$root/vm/modules"
	done <"$kernel/modules/$module.list"
done
(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/initramfs" || exit 126

accel=${VINE_VM_ACCEL:-}
if [ -z "$accel" ]; then
	accel=tcg
	kvm_works && accel=kvm
fi
boot "$accel" "$seconds" "$work/initramfs" "$logs" "${more[@]+"${more[@]}"}"
rc=$?
cat "$logs/output" 2>/dev/null
read -r how what <"$logs/result" 2>/dev/null || how=""

# fail STATUS WORDS: says why, and shows the console.
fail()
{
	local status=$1
	shift
	say "$*"
	sed 's/^/vm: console: /' "$logs/console" 2>/dev/null | tail -n 40 >&2
	sed 's/^/vm: qemu: /' "$logs/qemu" >&2
	exit "$status"
}

case $how in
exit)
	[ "$what" = 0 ] || say "the program exited with $what"
	exit "$what" ;;
signal)
	fail $((128 + what)) "signal $what ended the program" ;;
init:)
	fail 126 "init: $what" ;;
esac
if grep -q 'Kernel panic' "$logs/console" 2>/dev/null; then
	fail 125 "the kernel panicked"
elif [ $rc = 124 ] || [ $rc = 137 ]; then
	fail 124 "the time of $seconds s was up, $accel"
fi
fail 126 "QEMU ended with $rc and said nothing of the program"
