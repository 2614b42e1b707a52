#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh PROGRAM CORPUS WORK SECONDS runs a fuzzer: over each input of CORPUS,
# which stays as it is, and then for SECONDS on inputs made from them, always by
# the same seed. What it finds new, and the input that it failed on
# (WORK/crash-*), go to WORK, which is emptied first. Fails if the fuzzer does.
set -euo pipefail
program=$1
corpus=$2
work=$3
seconds=$4

rm -rf "$work"
mkdir -p "$work/corpus"
if [ -z "$(ls -A "$corpus")" ]; then
	echo "$corpus is empty"
	exit 1
fi
"$program" -runs=0 -timeout=10 -artifact_prefix="$work/" "$corpus"
exec "$program" -seed=1 -max_total_time="$seconds" -timeout=10 -max_len=4096 \
	-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$work/" \
	"$work/corpus" "$corpus"
