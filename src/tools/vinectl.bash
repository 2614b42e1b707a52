# SPDX-License-Identifier: Apache-2.0
#
# bash's completion for vinectl: options, commands, segments that vined has, and
# the keys of quotas.
_vinectl()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local options="--config --socket --json --timeout --exit --all --trace --times
		--events
		--help --version"

	case $before in
	-c | --config | -S | --socket)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	fence | unfence | quota | list)
		mapfile -t COMPREPLY < <(compgen -W "$(vinectl status \
			2>/dev/null | awk '/^segments/ { on = 1; getline; next }
			/^$/ { on = 0 } on { print $1 }')" -- "$word")
		return
		;;
	esac
	if ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD - 2]} == quota ]]
	then
		mapfile -t COMPREPLY < <(compgen -W "quota_memory quota_tasks \
			quota_queues quota_vaccels quota_procs quota_code \
			segment_sessions segment_tasks" -- "$word")
	elif [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -W "status list dump tasks drain \
			undrain handover fence unfence quota" -- "$word")
	fi
}
complete -F _vinectl vinectl
