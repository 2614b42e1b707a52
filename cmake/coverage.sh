#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# coverage.sh SOURCE BUILD MINIMUM runs the tests of a coverage build without
# those labelled slow, writes BUILD/coverage.info, prints the line coverage of
# src/, and fails if a test failed or the coverage is below MINIMUM per cent.
# Files that no test touches count with all their lines. The target
# coverage-html makes pages of it in BUILD/coverage/.
set -euo pipefail
source=$1
build=$2
minimum=$3

# lcov 1.16 fills stderr with what is not wrong; it is shown if it fails.
lcov()
{
	command lcov --quiet "$@" 2>"$build/lcov.log" || {
		cat "$build/lcov.log" >&2
		return 1
	}
}

find "$build" -name '*.gcda' -delete
status=0
# one more than there are processors, as run_tests of scripts/common.sh
ctest --test-dir "$build" -j $(($(nproc) + 1)) -LE slow \
	-E '^(models|lint|install)\.' \
	--output-on-failure \
	--no-tests=error || status=1
# the objects of src/; those of the tests are in tests/
lcov --capture --initial --directory "$build/CMakeFiles" \
	--output-file "$build/initial.info"
lcov --capture --directory "$build/CMakeFiles" \
	--output-file "$build/tests.info"
lcov --add-tracefile "$build/initial.info" \
	--add-tracefile "$build/tests.info" --output-file "$build/all.info"
lcov --extract "$build/all.info" "$source/src/*" \
	--output-file "$build/coverage.info"

# For each file: LF lines that can be executed, LH of them that were.
awk -F: -v root="$source/" -v minimum="$minimum" '
$1 == "SF" { file = substr($2, length(root) + 1) }
$1 == "LF" { found[file] += $2; all += $2 }
$1 == "LH" { hit[file] += $2; reached += $2 }
END {
	for (file in found) {
		if (hit[file] * 100 < found[file] * minimum)
			printf "coverage: %5.1f %%  %s, %d of %d lines\n",
				hit[file] * 100 / found[file], file,
				hit[file], found[file] | "sort -n -k 2"
	}
	close("sort -n -k 2")
	if (all == 0) {
		print "coverage: no lines of src/ were found"
		exit 1
	}
	percent = reached * 100 / all
	printf "coverage: %.1f %% of %d lines of src/, at least %d %%\n",
		percent, all, minimum
	exit percent < minimum
}' "$build/coverage.info"
exit $status
