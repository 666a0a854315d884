#!/bin/bash

__backhaul_cursor_index_in_current_word() {
    local remaining="${COMP_LINE}"

    local word
    for word in "${COMP_WORDS[@]::COMP_CWORD}"; do
        remaining="${remaining##*([[:space:]])"${word}"*([[:space:]])}"
    done

    local -ir index="$((COMP_POINT - ${#COMP_LINE} + ${#remaining}))"
    if [[ "${index}" -le 0 ]]; then
        printf 0
    else
        printf %s "${index}"
    fi
}

# positional arguments:
#
# - 1: the current (sub)command's count of positional arguments
#
# required variables:
#
# - repeating_flags: the repeating flags that the current (sub)command can accept
# - non_repeating_flags: the non-repeating flags that the current (sub)command can accept
# - repeating_options: the repeating options that the current (sub)command can accept
# - non_repeating_options: the non-repeating options that the current (sub)command can accept
# - positional_number: value ignored
# - unparsed_words: unparsed words from the current command line
#
# modified variables:
#
# - non_repeating_flags: remove flags for this (sub)command that are already on the command line
# - non_repeating_options: remove options for this (sub)command that are already on the command line
# - positional_number: set to the current positional number
# - unparsed_words: remove all flags, options, and option values for this (sub)command
__backhaul_offer_flags_options() {
    local -ir positional_count="${1}"
    positional_number=0

    local was_flag_option_terminator_seen=false
    local is_parsing_option_value=false

    local -ar unparsed_word_indices=("${!unparsed_words[@]}")
    local -i word_index
    for word_index in "${unparsed_word_indices[@]}"; do
        if "${is_parsing_option_value}"; then
            # This word is an option value:
            # Reset marker for next word iff not currently the last word
            [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]] && is_parsing_option_value=false
            unset "unparsed_words[${word_index}]"
            # Do not process this word as a flag or an option
            continue
        fi

        local word="${unparsed_words["${word_index}"]}"
        if ! "${was_flag_option_terminator_seen}"; then
            case "${word}" in
            --)
                unset "unparsed_words[${word_index}]"
                # by itself -- is a flag/option terminator, but if it is the last word, it is the start of a completion
                if [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]]; then
                    was_flag_option_terminator_seen=true
                fi
                continue
                ;;
            -*)
                # ${word} is a flag or an option
                # If ${word} is an option, mark that the next word to be parsed is an option value
                local option
                for option in "${repeating_options[@]}" "${non_repeating_options[@]}"; do
                    [[ "${word}" = "${option}" ]] && is_parsing_option_value=true && break
                done

                # Remove ${word} from ${non_repeating_flags} or ${non_repeating_options} so it isn't offered again
                local not_found=true
                local -i index
                for index in "${!non_repeating_flags[@]}"; do
                    if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                        unset "non_repeating_flags[${index}]"
                        non_repeating_flags=("${non_repeating_flags[@]}")
                        not_found=false
                        break
                    fi
                done
                if "${not_found}"; then
                    for index in "${!non_repeating_flags[@]}"; do
                        if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                            unset "non_repeating_flags[${index}]"
                            non_repeating_flags=("${non_repeating_flags[@]}")
                            break
                        fi
                    done
                fi
                unset "unparsed_words[${word_index}]"
                continue
                ;;
            esac
        fi

        # ${word} is neither a flag, nor an option, nor an option value
        if [[ "${positional_number}" -lt "${positional_count}" || "${positional_count}" -lt 0 ]]; then
            # ${word} is a positional
            ((positional_number++))
            unset "unparsed_words[${word_index}]"
        else
            if [[ -z "${word}" ]]; then
                # Could be completing a flag, option, or subcommand
                positional_number=-1
            else
                # ${word} is a subcommand or invalid, so stop processing this (sub)command
                positional_number=-2
            fi
            break
        fi
    done

    unparsed_words=("${unparsed_words[@]}")

    if\
        ! "${was_flag_option_terminator_seen}"\
        && ! "${is_parsing_option_value}"\
        && [[ ("${cur}" = -* && "${positional_number}" -ge 0) || "${positional_number}" -eq -1 ]]
    then
        COMPREPLY+=($(compgen -W "${repeating_flags[*]} ${non_repeating_flags[*]} ${repeating_options[*]} ${non_repeating_options[*]}" -- "${cur}"))
    fi
}

__backhaul_add_completions() {
    local completion
    while IFS='' read -r completion; do
        COMPREPLY+=("${completion}")
    done < <(IFS=$'\n' compgen "${@}" -- "${cur}")
}

__backhaul_custom_complete() {
    if [[ -n "${cur}" || -z ${COMP_WORDS[${COMP_CWORD}]} || "${COMP_LINE:${COMP_POINT}:1}" != ' ' ]]; then
        local -ar words=("${COMP_WORDS[@]}")
    else
        local -ar words=("${COMP_WORDS[@]::${COMP_CWORD}}" '' "${COMP_WORDS[@]:${COMP_CWORD}}")
    fi

    "${COMP_WORDS[0]}" "${@}" "${words[@]}"
}

_backhaul() {
    local state
    state="$(shopt -p;shopt -po)"
    trap "${state//$'\n'/;}" RETURN
    shopt -s extglob
    set +o history +o posix

    local -xr SAP_SHELL=bash
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(IFS='.';printf %s "${BASH_VERSINFO[*]}")"
    local -r SAP_SHELL_VERSION

    local -r cur="${2}"
    local -r prev="${3}"

    local -i positional_number
    local -a unparsed_words=("${COMP_WORDS[@]:1:${COMP_CWORD}}")

    local -a repeating_flags=()
    local -a non_repeating_flags=(--version -h --help)
    local -a repeating_options=()
    local -a non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    upload|submit|status|watch|tasks|results|audit|report|cancel|retry|dead-letters|replay|init|standalone|ingest|worker|acknowledger|health|destinations|topics|lag|acts|clock|migrate|config|token|tenants|bench|help)
        # Offer subcommand argument completions
        "_backhaul_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'upload submit status watch tasks results audit report cancel retry dead-letters replay init standalone ingest worker acknowledger health destinations topics lag acts clock migrate config token tenants bench help' -- "${cur}"))
        ;;
    esac
}

_backhaul_upload() {
    repeating_flags=()
    non_repeating_flags=(--verify --version -h --help)
    repeating_options=(--include --include-from --exclude --exclude-from)
    non_repeating_options=(--to --prefix --timeout --log --config --output)
    __backhaul_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--to')
        return
        ;;
    '--prefix')
        return
        ;;
    '--include')
        return
        ;;
    '--include-from')
        return
        ;;
    '--exclude')
        return
        ;;
    '--exclude-from')
        return
        ;;
    '--timeout')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_submit() {
    repeating_flags=()
    non_repeating_flags=(--from-stdin -0 --null --wait --again --verbose -v --version -h --help)
    repeating_options=(--include --include-from --exclude --exclude-from)
    non_repeating_options=(--to --tenant --batch --prefix --deadline --timeout --known --api --log --config --output)
    __backhaul_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--to')
        return
        ;;
    '--tenant')
        return
        ;;
    '--batch')
        return
        ;;
    '--prefix')
        return
        ;;
    '--include')
        return
        ;;
    '--include-from')
        return
        ;;
    '--exclude')
        return
        ;;
    '--exclude-from')
        return
        ;;
    '--deadline')
        return
        ;;
    '--timeout')
        return
        ;;
    '--known')
        __backhaul_add_completions -W 'retry'$'\n''skip'$'\n''fail'
        return
        ;;
    '--api')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_status() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--batch --tenant --api --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--api')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_watch() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--batch --tenant --for --api --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--for')
        return
        ;;
    '--api')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_tasks() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    list|show)
        # Offer subcommand argument completions
        "_backhaul_tasks_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'list show' -- "${cur}"))
        ;;
    esac
}

_backhaul_tasks_list() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--batch --tenant --task --destination --state --failure --limit --api --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--task')
        return
        ;;
    '--destination')
        return
        ;;
    '--state')
        return
        ;;
    '--failure')
        return
        ;;
    '--limit')
        return
        ;;
    '--api')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_tasks_show() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--tenant --batch --api --log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--tenant')
        return
        ;;
    '--batch')
        return
        ;;
    '--api')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_results() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    list|export)
        # Offer subcommand argument completions
        "_backhaul_results_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'list export' -- "${cur}"))
        ;;
    esac
}

_backhaul_results_list() {
    repeating_flags=()
    non_repeating_flags=(--follow --version -h --help)
    repeating_options=()
    non_repeating_options=(--batch --tenant --status --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--status')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_results_export() {
    repeating_flags=()
    non_repeating_flags=(--skip-gone --version -h --help)
    repeating_options=()
    non_repeating_options=(--folder --to --rows --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--folder')
        return
        ;;
    '--to')
        return
        ;;
    '--rows')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_audit() {
    repeating_flags=()
    non_repeating_flags=(--verify --repair --accept-unfinished --version -h --help)
    repeating_options=()
    non_repeating_options=(--batch --sample --report --metrics --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--sample')
        return
        ;;
    '--report')
        return
        ;;
    '--metrics')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_report() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--file --batch --tenant --day --since --until --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--file')
        return
        ;;
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--day')
        return
        ;;
    '--since')
        return
        ;;
    '--until')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_cancel() {
    repeating_flags=()
    non_repeating_flags=(--all --yes --version -h --help)
    repeating_options=()
    non_repeating_options=(--batch --tenant --task --destination --state --failure --api --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--task')
        return
        ;;
    '--destination')
        return
        ;;
    '--state')
        return
        ;;
    '--failure')
        return
        ;;
    '--api')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_retry() {
    repeating_flags=()
    non_repeating_flags=(--now --all --yes --version -h --help)
    repeating_options=()
    non_repeating_options=(--batch --tenant --task --destination --state --failure --api --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--task')
        return
        ;;
    '--destination')
        return
        ;;
    '--state')
        return
        ;;
    '--failure')
        return
        ;;
    '--api')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_dead-letters() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    list|show|issues|mute|unmute|discard)
        # Offer subcommand argument completions
        "_backhaul_dead-letters_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'list show issues mute unmute discard' -- "${cur}"))
        ;;
    esac
}

_backhaul_dead-letters_list() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=(--task --destination --failure --http-status)
    non_repeating_options=(--batch --tenant --tasks-from --key --since --until --min-attempts --max-attempts --worker --issue --match --topic --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--task')
        return
        ;;
    '--tasks-from')
        return
        ;;
    '--destination')
        return
        ;;
    '--failure')
        return
        ;;
    '--http-status')
        return
        ;;
    '--key')
        return
        ;;
    '--since')
        return
        ;;
    '--until')
        return
        ;;
    '--min-attempts')
        return
        ;;
    '--max-attempts')
        return
        ;;
    '--worker')
        return
        ;;
    '--issue')
        return
        ;;
    '--match')
        return
        ;;
    '--topic')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_dead-letters_show() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_dead-letters_issues() {
    repeating_flags=()
    non_repeating_flags=(--all --version -h --help)
    repeating_options=(--task --destination --failure --http-status)
    non_repeating_options=(--batch --tenant --tasks-from --key --since --until --min-attempts --max-attempts --worker --issue --match --topic --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--task')
        return
        ;;
    '--tasks-from')
        return
        ;;
    '--destination')
        return
        ;;
    '--failure')
        return
        ;;
    '--http-status')
        return
        ;;
    '--key')
        return
        ;;
    '--since')
        return
        ;;
    '--until')
        return
        ;;
    '--min-attempts')
        return
        ;;
    '--max-attempts')
        return
        ;;
    '--worker')
        return
        ;;
    '--issue')
        return
        ;;
    '--match')
        return
        ;;
    '--topic')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_dead-letters_mute() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--reason --log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--reason')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_dead-letters_unmute() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_dead-letters_discard() {
    repeating_flags=()
    non_repeating_flags=(--yes --version -h --help)
    repeating_options=(--task --destination --failure --http-status)
    non_repeating_options=(--batch --tenant --tasks-from --key --since --until --min-attempts --max-attempts --worker --issue --match --topic --reason --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--task')
        return
        ;;
    '--tasks-from')
        return
        ;;
    '--destination')
        return
        ;;
    '--failure')
        return
        ;;
    '--http-status')
        return
        ;;
    '--key')
        return
        ;;
    '--since')
        return
        ;;
    '--until')
        return
        ;;
    '--min-attempts')
        return
        ;;
    '--max-attempts')
        return
        ;;
    '--worker')
        return
        ;;
    '--issue')
        return
        ;;
    '--match')
        return
        ;;
    '--topic')
        return
        ;;
    '--reason')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_replay() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    start|list|show|watch|pause|resume|cancel)
        # Offer subcommand argument completions
        "_backhaul_replay_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'start list show watch pause resume cancel' -- "${cur}"))
        ;;
    esac
}

_backhaul_replay_start() {
    repeating_flags=()
    non_repeating_flags=(--yes --wait --detach --version -h --help)
    repeating_options=(--task --destination --failure --http-status)
    non_repeating_options=(--batch --tenant --tasks-from --key --since --until --min-attempts --max-attempts --worker --issue --match --topic --reason --canary --canary-wait --rate --ramp --stop-at --to --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--batch')
        return
        ;;
    '--tenant')
        return
        ;;
    '--task')
        return
        ;;
    '--tasks-from')
        return
        ;;
    '--destination')
        return
        ;;
    '--failure')
        return
        ;;
    '--http-status')
        return
        ;;
    '--key')
        return
        ;;
    '--since')
        return
        ;;
    '--until')
        return
        ;;
    '--min-attempts')
        return
        ;;
    '--max-attempts')
        return
        ;;
    '--worker')
        return
        ;;
    '--issue')
        return
        ;;
    '--match')
        return
        ;;
    '--topic')
        return
        ;;
    '--reason')
        return
        ;;
    '--canary')
        return
        ;;
    '--canary-wait')
        return
        ;;
    '--rate')
        return
        ;;
    '--ramp')
        return
        ;;
    '--stop-at')
        return
        ;;
    '--to')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_replay_list() {
    repeating_flags=()
    non_repeating_flags=(--open --version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_replay_show() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_replay_watch() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_replay_pause() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_replay_resume() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_replay_cancel() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_init() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--file)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--file')
        return
        ;;
    esac
}

_backhaul_standalone() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--data --listen --admin --workers --config)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--data')
        return
        ;;
    '--listen')
        return
        ;;
    '--admin')
        return
        ;;
    '--workers')
        return
        ;;
    '--config')
        return
        ;;
    esac
}

_backhaul_ingest() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--api --log --listen --admin --delivery --config)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--api')
        return
        ;;
    '--log')
        return
        ;;
    '--listen')
        return
        ;;
    '--admin')
        return
        ;;
    '--delivery')
        __backhaul_add_completions -W 'exactly-once'$'\n''at-least-once'
        return
        ;;
    '--config')
        return
        ;;
    esac
}

_backhaul_worker() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--workers --log --listen --admin --delivery --config)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--workers')
        return
        ;;
    '--log')
        return
        ;;
    '--listen')
        return
        ;;
    '--admin')
        return
        ;;
    '--delivery')
        __backhaul_add_completions -W 'exactly-once'$'\n''at-least-once'
        return
        ;;
    '--config')
        return
        ;;
    esac
}

_backhaul_acknowledger() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--data --log --listen --admin --delivery --config)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--data')
        return
        ;;
    '--log')
        return
        ;;
    '--listen')
        return
        ;;
    '--admin')
        return
        ;;
    '--delivery')
        __backhaul_add_completions -W 'exactly-once'$'\n''at-least-once'
        return
        ;;
    '--config')
        return
        ;;
    esac
}

_backhaul_health() {
    repeating_flags=()
    non_repeating_flags=(--live --version -h --help)
    repeating_options=()
    non_repeating_options=(--address)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--address')
        return
        ;;
    esac
}

_backhaul_destinations() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    list|check|sweep)
        # Offer subcommand argument completions
        "_backhaul_destinations_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'list check sweep' -- "${cur}"))
        ;;
    esac
}

_backhaul_destinations_list() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_destinations_check() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_destinations_sweep() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--older-than --config)
    __backhaul_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '--older-than')
        return
        ;;
    '--config')
        return
        ;;
    esac
}

_backhaul_topics() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    list|plan|apply|check|manifest)
        # Offer subcommand argument completions
        "_backhaul_topics_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'list plan apply check manifest' -- "${cur}"))
        ;;
    esac
}

_backhaul_topics_list() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_topics_plan() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_topics_apply() {
    repeating_flags=()
    non_repeating_flags=(--yes --restore-positions --version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_topics_check() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_topics_manifest() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--cluster --config)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--cluster')
        return
        ;;
    '--config')
        return
        ;;
    esac
}

_backhaul_lag() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_acts() {
    repeating_flags=()
    non_repeating_flags=(--follow --version -h --help)
    repeating_options=()
    non_repeating_options=(--caller --tenant --task --act --outcome --since --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--caller')
        return
        ;;
    '--tenant')
        return
        ;;
    '--task')
        return
        ;;
    '--act')
        return
        ;;
    '--outcome')
        return
        ;;
    '--since')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_clock() {
    repeating_flags=()
    non_repeating_flags=(--passed --wrong --version -h --help)
    repeating_options=()
    non_repeating_options=(--log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_migrate() {
    repeating_flags=()
    non_repeating_flags=(--yes --accept-unknown --abandon --version -h --help)
    repeating_options=()
    non_repeating_options=(--from --from-prefix --from-config --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--from')
        return
        ;;
    '--from-prefix')
        return
        ;;
    '--from-config')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_config() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    check|show|reference)
        # Offer subcommand argument completions
        "_backhaul_config_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'check show reference' -- "${cur}"))
        ;;
    esac
}

_backhaul_config_check() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--config)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        return
        ;;
    esac
}

_backhaul_config_show() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_config_reference() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--format)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--format')
        __backhaul_add_completions -W 'markdown'$'\n''schema'$'\n''destinations'
        return
        ;;
    esac
}

_backhaul_token() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=(--scope)
    non_repeating_options=(--tenant --expires --append --rotate --revoke)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--scope')
        __backhaul_add_completions -W 'submit'$'\n''read'$'\n''operate'
        return
        ;;
    '--tenant')
        return
        ;;
    '--expires')
        return
        ;;
    '--append')
        return
        ;;
    '--rotate')
        return
        ;;
    '--revoke')
        return
        ;;
    esac
}

_backhaul_tenants() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    check)
        # Offer subcommand argument completions
        "_backhaul_tenants_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'check' -- "${cur}"))
        ;;
    esac
}

_backhaul_tenants_check() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--config --output)
    __backhaul_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_bench() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=(--to --tasks --rate --source --tenant --samples --log --config --output)
    __backhaul_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--to')
        return
        ;;
    '--tasks')
        return
        ;;
    '--rate')
        return
        ;;
    '--source')
        return
        ;;
    '--tenant')
        return
        ;;
    '--samples')
        return
        ;;
    '--log')
        return
        ;;
    '--config')
        return
        ;;
    '--output')
        __backhaul_add_completions -W 'text'$'\n''json'
        return
        ;;
    esac
}

_backhaul_help() {
    repeating_flags=()
    non_repeating_flags=(--version)
    repeating_options=()
    non_repeating_options=()
    __backhaul_offer_flags_options -1
}

complete -o filenames -F _backhaul backhaul
