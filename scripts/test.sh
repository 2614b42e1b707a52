#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test.sh [PRESET] sets the machine up, builds libvine (preset release unless
# another is named) and runs its tests, but for those in virtual machines, which
# check-vm runs (docs/vm.md). It ends with the summary of CTest and returns its
# status.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

preset=${1:-release}
./scripts/setup.sh
configure "$preset"
build "$preset"
run_tests "$preset" -LE '^vm$'
