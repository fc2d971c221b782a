# shellcheck shell=bash
# Completion of codecourierctl for bash. Commands and options are those that
# `codecourierctl help` names, so this needs no configuration, no database, and
# never lags behind the program.

# _codecourierctl_lines WORD...: the commands that begin with these words
_codecourierctl_lines() {
	"${COMP_WORDS[0]}" help "$@" 2>/dev/null |
		sed -nE 's/^(usage: codecourierctl |  )([a-z].*)/\2/p'
}

_codecourierctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local words=() lines choice='' i

	COMPREPLY=()
	case $prev in
	--out)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	--environment)
		mapfile -t COMPREPLY < <(compgen -W 'live test' -- "$cur")
		return ;;
	--name | --slug | --owner-email | --repo-url | --scope | --expires | \
		--allow-ip | --rate | --grace | --unused) return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do # but for options before it
		[[ ${COMP_WORDS[i]} == -* || ${COMP_WORDS[i]} == help ]] ||
			words+=("${COMP_WORDS[i]}")
	done
	lines=$(_codecourierctl_lines "${words[@]:0:2}")
	if [[ $cur == -* ]]; then # of one command; of several, of each of them
		[[ $lines == *$'\n'* ]] ||
			choice=$(grep -oE -e '--[a-z-]+' <<<"$lines")
		choice+=' --json --help --version'
	else case ${#words[@]}:${words[*]:0:2} in
	0:*) choice="help $(sed -E 's/ .*//' <<<"$lines")" ;;
	1:*) [[ $lines != "${words[0]} "[a-z]* ]] ||
		choice=$(sed -E 's/^[^ ]+ ([a-z]+).*/\1/' <<<"$lines") ;;
	'3:provider-key reveal')
		choice='e2b anthropic anthropic_token openrouter openai github' ;;
	'4:member role') choice='owner admin member' ;;
	'3:counter add')
		choice='runs sandboxes workflows personas issueSessions issues
			learnings' ;;
	esac fi
	mapfile -t COMPREPLY < <(compgen -W "$choice" -- "$cur" | sort -u)
}

complete -F _codecourierctl codecourierctl
