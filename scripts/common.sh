# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts share; to be sourced. A preset's build folder is
# build/<preset>.

# jobs is how many processes a step may use.
jobs=$(nproc)

# configure PRESET [cmake's options] configures a preset, by Ninja where it is
# installed. A folder that was configured before keeps its generator.
configure()
{
	local preset=$1
	shift
	if [ ! -e "build/$preset/CMakeCache.txt" ] &&
	   command -v ninja >/dev/null; then
		set -- -G Ninja "$@"
	fi
	cmake --preset "$preset" --log-level=WARNING "$@"
}

# build PRESET [cmake's options] builds it.
build()
{
	local preset=$1
	shift
	cmake --build --preset "$preset" -j "$jobs" "$@"
}

# run_tests PRESET [ctest's options] runs its tests at fixed addresses, where
# that is allowed: ThreadSanitizer of clang 14 does not bear every layout. One
# more than there are processors: many of them wait most of their time.
run_tests()
{
	local preset=$1
	local fixed=(setarch -R)
	shift
	setarch -R true 2>/dev/null || fixed=()
	"${fixed[@]}" ctest --preset "$preset" -j $((jobs + 1)) "$@"
}
