# SPDX-License-Identifier: Apache-2.0
#
# bash's completion for vine-inspect: options, sections, and what lies where
# segments lie.
_vine_inspect()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local options="--attach --config --offset --section --json --watch --help
		--version"
	local sections="segment sessions quotas queues extents accelerators
		procedures counters"

	case $before in
	-c | --config)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		;;
	-s | --section)
		mapfile -t COMPREPLY < <(compgen -W "$sections" -- "$word")
		;;
	-o | --offset | -w | --watch)
		COMPREPLY=()
		;;
	*)
		if [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$options" -- \
				"$word")
		elif [[ $word == /* ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		else
			mapfile -t COMPREPLY < <(cd /dev/shm &&
				compgen -f -- "$word")
		fi
		;;
	esac
}
complete -F _vine_inspect vine-inspect
