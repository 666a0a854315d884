function __backhaul_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __backhaul_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __backhaul_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __backhaul_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __backhaul_parse_tokens -S
    set -l unparsed_tokens (__backhaul_tokens -pc)
    switch $unparsed_tokens[1]
    case 'backhaul'
        __backhaul_parse_subcommand 0 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'submit'
            __backhaul_parse_subcommand -r 1 'to=' 'tenant=' 'batch=' 'prefix=' 'include=+' 'include-from=+' 'exclude=+' 'exclude-from=+' 'from-stdin' '0/null' 'deadline=' 'wait' 'timeout=' 'known=' 'again' 'v/verbose' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'status'
            __backhaul_parse_subcommand 0 'batch=' 'tenant=' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'tasks'
            __backhaul_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'list'
                __backhaul_parse_subcommand 0 'batch=' 'tenant=' 'task=' 'destination=' 'state=' 'failure=' 'limit=' 'log=' 'config=' 'output=' 'version' 'h/help'
            case 'show'
                __backhaul_parse_subcommand 1 'tenant=' 'batch=' 'log=' 'config=' 'output=' 'version' 'h/help'
            end
        case 'results'
            __backhaul_parse_subcommand 0 'batch=' 'tenant=' 'status=' 'follow' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'audit'
            __backhaul_parse_subcommand 0 'verify' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'cancel'
            __backhaul_parse_subcommand 0 'batch=' 'tenant=' 'task=' 'destination=' 'state=' 'failure=' 'all' 'yes' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'retry'
            __backhaul_parse_subcommand 0 'batch=' 'tenant=' 'task=' 'destination=' 'state=' 'failure=' 'now' 'all' 'yes' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'dead-letters'
            __backhaul_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'list'
                __backhaul_parse_subcommand 0 'batch=' 'tenant=' 'task=' 'destination=' 'failure=' 'log=' 'config=' 'output=' 'version' 'h/help'
            case 'show'
                __backhaul_parse_subcommand 1 'log=' 'config=' 'output=' 'version' 'h/help'
            end
        case 'replay'
            __backhaul_parse_subcommand 0 'batch=' 'tenant=' 'task=' 'destination=' 'failure=' 'yes' 'rate=' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'standalone'
            __backhaul_parse_subcommand 0 'data=' 'listen=' 'admin=' 'workers=' 'config=' 'version' 'h/help'
        case 'ingest'
            __backhaul_parse_subcommand 0 'api=' 'log=' 'listen=' 'admin=' 'delivery=' 'config=' 'version' 'h/help'
        case 'worker'
            __backhaul_parse_subcommand 0 'workers=' 'log=' 'listen=' 'admin=' 'delivery=' 'config=' 'version' 'h/help'
        case 'acknowledger'
            __backhaul_parse_subcommand 0 'data=' 'log=' 'listen=' 'admin=' 'delivery=' 'config=' 'version' 'h/help'
        case 'topics'
            __backhaul_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'list'
                __backhaul_parse_subcommand 0 'log=' 'config=' 'output=' 'version' 'h/help'
            case 'plan'
                __backhaul_parse_subcommand 0 'log=' 'config=' 'output=' 'version' 'h/help'
            case 'apply'
                __backhaul_parse_subcommand 0 'yes' 'restore-positions' 'log=' 'config=' 'output=' 'version' 'h/help'
            case 'check'
                __backhaul_parse_subcommand 0 'log=' 'config=' 'output=' 'version' 'h/help'
            end
        case 'lag'
            __backhaul_parse_subcommand 0 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'acts'
            __backhaul_parse_subcommand 0 'caller=' 'tenant=' 'task=' 'act=' 'outcome=' 'since=' 'follow' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'clock'
            __backhaul_parse_subcommand 0 'passed' 'wrong' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'config'
            __backhaul_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'check'
                __backhaul_parse_subcommand 0 'config=' 'version' 'h/help'
            case 'show'
                __backhaul_parse_subcommand 0 'config=' 'output=' 'version' 'h/help'
            case 'reference'
                __backhaul_parse_subcommand 0 'format=' 'version' 'h/help'
            end
        case 'token'
            __backhaul_parse_subcommand 1 'scope=+' 'tenant=' 'expires=' 'append=' 'rotate=' 'revoke=' 'version' 'h/help'
        case 'tenants'
            __backhaul_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'check'
                __backhaul_parse_subcommand 1 'config=' 'output=' 'version' 'h/help'
            end
        case 'bench'
            __backhaul_parse_subcommand 0 'to=' 'tasks=' 'rate=' 'source=' 'tenant=' 'samples=' 'log=' 'config=' 'output=' 'version' 'h/help'
        case 'help'
            __backhaul_parse_subcommand -r 1 'version'
        end
    end
end

function __backhaul_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __backhaul_parse_subcommand -S -a positional_count
    argparse -s r -- $argv
    set -l option_specs $argv[2..]
    set -l is_repeating_positional $_flag_r
    set -el _flag_r
    set -a commands $unparsed_tokens[1]
    set positional_index 0
    while true
        set -e unparsed_tokens[1]
        argparse -sn "$commands" $option_specs -- $unparsed_tokens 2> /dev/null
        set unparsed_tokens $argv
        set positional_index (math $positional_index + 1)
        for non_repeating_flag_or_option in $non_repeating_flags_or_options
            if set -ql "_flag_$(string replace -a - _ -- $non_repeating_flag_or_option)"
                set non_repeating_flags_or_options_absent 1
                break
            end
        end
        test (count $unparsed_tokens) -eq 0 -o \( -z "$is_repeating_positional" -a "$positional_index" -gt "$positional_count" \) && break
    end
end

function __backhaul_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __backhaul_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__backhaul_tokens -p)
    if test -z "$(__backhaul_tokens -t)"
        set -l index (count (__backhaul_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'backhaul' -f
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'submit' -d 'Submit files and folders for upload.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'status' -d 'Show how many tasks are in each state, and why some have not ended.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'tasks' -d 'Find tasks, and what happened to each.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'results' -d 'Print results, one per line.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'audit' -d 'Prove that every accepted task has exactly one result, or is in progress.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'cancel' -d 'Cancel tasks that have not ended.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'retry' -d 'Try tasks at once that wait for their next attempt.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'dead-letters' -d 'Show dead letters: tasks that failed for good.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'replay' -d 'Submit dead letters again, as their tasks\' next generation.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'standalone' -d 'Run all roles in one process on an embedded log.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'ingest' -d 'Accept tasks over HTTP and append them to a fleet\'s log.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'worker' -d 'Run workers of a fleet: read tasks from Kafka and upload them.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'acknowledger' -d 'Run an acknowledger of a fleet: record exactly one result per task.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'topics' -d 'List the log\'s topics; on Kafka, plan and apply them as code.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'lag' -d 'Show outstanding work: records neither behind a group\'s frontier nor finished beyond it.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'acts' -d 'Print who submitted, cancelled, retried, replayed or acknowledged what, and who changed what.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'clock' -d 'Show the time of an embedded log, and settle a jump of the machine\'s clock.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'config' -d 'Check or show the configuration.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'token' -d 'Create, renew or revoke a token for a caller of the HTTP API.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'tenants' -d 'Explain what a tenant may do.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'bench' -d 'Measure a running system: tasks per second, and the time from a task to its result.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" to' -l 'to' -d 'A configured destination\'s name, or a base URL.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" tenant' -l 'tenant' -d 'The tenant that owns the tasks.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" batch' -l 'batch' -d 'Groups tasks for progress and replay (default: a name made from the time).' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" prefix' -l 'prefix' -d 'A prefix for every key.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit"' -l 'include' -d 'Submit only files that match this pattern, or are in a folder that matches; may be repeated.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit"' -l 'include-from' -d 'Patterns for --include, one a line; may be repeated.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit"' -l 'exclude' -d 'Skip files and folders that match this pattern; may be repeated.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit"' -l 'exclude-from' -d 'Patterns for --exclude, one a line; may be repeated.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" from-stdin' -l 'from-stdin' -d 'Read paths from standard input, one per line; their keys are relative to the current folder.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" 0 null' -s '0' -l 'null' -d 'Paths on standard input end with NUL, not newline.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" deadline' -l 'deadline' -d 'Start no attempt later than this from now.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" wait' -l 'wait' -d 'Wait until every task has its result; exit 1 unless all succeeded.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" timeout' -l 'timeout' -d 'With --wait: stop waiting after this long, with exit code 75.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" known' -l 'known' -d 'What to do with files whose last upload failed, expired or was cancelled: skip, retry, fail.' -rfka 'skip retry fail'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" again' -l 'again' -d 'Submit stored files again, too.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" v verbose' -l 'verbose' -s 'v' -d 'Say for each file what became of it.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul submit" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul status" batch' -l 'batch' -d 'Only this batch.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul status" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul status" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul status" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul status" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul status" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul tasks" -eq 1' -fa 'list' -d 'List tasks, by tenant and in the order in which they were accepted.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul tasks" -eq 1' -fa 'show' -d 'Show a task and each of its attempts.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" batch' -l 'batch' -d 'Only this batch.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" task' -l 'task' -d 'Only the task with this id, key or path below its root.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" destination' -l 'destination' -d 'Only this destination: its name, or its base URL.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" state' -l 'state' -d 'Only this state: waiting, running, retrying, succeeded, failed, cancelled or expired.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" failure' -l 'failure' -d 'Only this class of the last failure: transient, throttled, root-unfit, permanent …' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" limit' -l 'limit' -d 'At most this many tasks; 0 for all.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks list" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks show" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks show" batch' -l 'batch' -d 'Only this batch.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks show" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks show" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks show" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks show" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tasks show" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" batch' -l 'batch' -d 'Only this batch.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" status' -l 'status' -d 'Only this status: succeeded, failed, cancelled or expired.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" follow' -l 'follow' -d 'Continue with new results as they arrive.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul results" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul audit" verify' -l 'verify' -d 'Also read every stored object back and compare its SHA-256.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul audit" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul audit" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul audit" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul audit" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul audit" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" batch' -l 'batch' -d 'Only this batch.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" task' -l 'task' -d 'Only the task with this id, key or path below its root.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" destination' -l 'destination' -d 'Only this destination: its name, or its base URL.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" state' -l 'state' -d 'Only this state: waiting, running, retrying, succeeded, failed, cancelled or expired.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" failure' -l 'failure' -d 'Only this class of the last failure: transient, throttled, root-unfit, permanent …' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" all' -l 'all' -d 'Every task; needed when no other option says which.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" yes' -l 'yes' -d 'Cancel them; without this it is a dry run.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul cancel" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" batch' -l 'batch' -d 'Only this batch.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" task' -l 'task' -d 'Only the task with this id, key or path below its root.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" destination' -l 'destination' -d 'Only this destination: its name, or its base URL.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" state' -l 'state' -d 'Only this state: waiting, running, retrying, succeeded, failed, cancelled or expired.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" failure' -l 'failure' -d 'Only this class of the last failure: transient, throttled, root-unfit, permanent …' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" now' -l 'now' -d 'Do not wait for the time of the next attempt.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" all' -l 'all' -d 'Every task that waits; needed when no other option says which.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" yes' -l 'yes' -d 'Try them; without this it is a dry run.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul retry" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul dead-letters" -eq 1' -fa 'list' -d 'List dead letters, one per line.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul dead-letters" -eq 1' -fa 'show' -d 'Show every dead letter of a task, with its history.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" batch' -l 'batch' -d 'Only this batch.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" task' -l 'task' -d 'Only this task.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" destination' -l 'destination' -d 'Only this destination: its name, or its base URL.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" failure' -l 'failure' -d 'Only this kind of failure: permanent, transient, source-gone, malformed …' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters list" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters show" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters show" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters show" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters show" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul dead-letters show" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" batch' -l 'batch' -d 'Only this batch.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" task' -l 'task' -d 'Only this task.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" destination' -l 'destination' -d 'Only this destination: its name, or its base URL.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" failure' -l 'failure' -d 'Only this kind of failure: permanent, transient, source-gone, malformed …' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" yes' -l 'yes' -d 'Replay them; without this it is a dry run.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" rate' -l 'rate' -d 'At most this many tasks per second (default: no limit).' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul replay" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul standalone" data' -l 'data' -d 'The data folder. Environment: BACKHAUL_DATA.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul standalone" listen' -l 'listen' -d 'Address of the role\'s API, or of its health if it has no API. Environment: BACKHAUL_LISTEN.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul standalone" admin' -l 'admin' -d 'Address of health and metrics (default: the API\'s address if that is loopback, else loopback at the next port). Environment: BACKHAUL_ADMIN.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul standalone" workers' -l 'workers' -d 'Number of workers (not uploads; see limits.uploads).' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul standalone" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul standalone" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul standalone" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul ingest" api' -l 'api' -d 'The API of an acknowledger with --data, which knows earlier tasks. Environment: BACKHAUL_API.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul ingest" log' -l 'log' -d 'The log: kafka://host:port,host:port/. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul ingest" listen' -l 'listen' -d 'Address of the role\'s API, or of its health if it has no API. Environment: BACKHAUL_LISTEN.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul ingest" admin' -l 'admin' -d 'Address of health and metrics (default: the API\'s address if that is loopback, else loopback at the next port). Environment: BACKHAUL_ADMIN.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul ingest" delivery' -l 'delivery' -d 'exactly-once (in one transaction), or at-least-once for brokers without transactions.' -rfka 'exactly-once at-least-once'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul ingest" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul ingest" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul ingest" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul worker" workers' -l 'workers' -d 'Number of workers (not uploads; see limits.uploads).' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul worker" log' -l 'log' -d 'The log: kafka://host:port,host:port/. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul worker" listen' -l 'listen' -d 'Address of the role\'s API, or of its health if it has no API. Environment: BACKHAUL_LISTEN.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul worker" admin' -l 'admin' -d 'Address of health and metrics (default: the API\'s address if that is loopback, else loopback at the next port). Environment: BACKHAUL_ADMIN.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul worker" delivery' -l 'delivery' -d 'exactly-once (in one transaction), or at-least-once for brokers without transactions.' -rfka 'exactly-once at-least-once'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul worker" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul worker" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul worker" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acknowledger" data' -l 'data' -d 'A folder for the view of all tasks. Environment: BACKHAUL_DATA.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acknowledger" log' -l 'log' -d 'The log: kafka://host:port,host:port/. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acknowledger" listen' -l 'listen' -d 'Address of the role\'s API, or of its health if it has no API. Environment: BACKHAUL_LISTEN.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acknowledger" admin' -l 'admin' -d 'Address of health and metrics (default: the API\'s address if that is loopback, else loopback at the next port). Environment: BACKHAUL_ADMIN.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acknowledger" delivery' -l 'delivery' -d 'exactly-once (in one transaction), or at-least-once for brokers without transactions.' -rfka 'exactly-once at-least-once'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acknowledger" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acknowledger" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acknowledger" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul topics" -eq 1' -fa 'list' -d 'List the log\'s topics.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul topics" -eq 1' -fa 'plan' -d 'Print how Kafka\'s topics differ from the configuration; changes nothing.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul topics" -eq 1' -fa 'apply' -d 'Create and configure Kafka\'s topics, and set each group\'s first position.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul topics" -eq 1' -fa 'check' -d 'Check Kafka\'s topics, and print the rights (ACLs) that each role needs.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics list" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics list" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics list" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics list" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics list" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics plan" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics plan" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics plan" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics plan" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics plan" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics apply" yes' -l 'yes' -d 'Make the changes; without this they are only printed.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics apply" restore-positions' -l 'restore-positions' -d 'Let groups that lost their positions start again at the earliest record.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics apply" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics apply" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics apply" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics apply" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics apply" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics check" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics check" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics check" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics check" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul topics check" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul lag" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul lag" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul lag" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul lag" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul lag" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" caller' -l 'caller' -d 'Only this caller: a token\'s name, a JWT\'s subject, USER@HOST of a command, or a role.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" tenant' -l 'tenant' -d 'Only this tenant.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" task' -l 'task' -d 'Only this task.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" act' -l 'act' -d 'Only this act: submit, cancel, retry, acknowledge, replay, tokens, configuration, topics or clock.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" outcome' -l 'outcome' -d 'Only this outcome: begun, done, partly, refused or failed.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" since' -l 'since' -d 'Only what is not older than this, such as 2d.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" follow' -l 'follow' -d 'Continue with new acts as they arrive.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul acts" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul clock" passed' -l 'passed' -d 'The time of the jump has passed: all records in the log age by it.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul clock" wrong' -l 'wrong' -d 'The clock was wrong and is now correct: no record ages.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul clock" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul clock" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul clock" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul clock" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul clock" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul config" -eq 1' -fa 'check' -d 'Check the configuration; exits 2 when it cannot be used.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul config" -eq 1' -fa 'show' -d 'Show every setting, its value and its origin. Secrets are not shown.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul config" -eq 1' -fa 'reference' -d 'Print all settings, as a Markdown table or as a JSON Schema of the file.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config check" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config check" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config check" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config show" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config show" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config show" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config show" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config reference" format' -l 'format' -d 'markdown, schema, or destinations (their types, in Markdown).' -rfka 'markdown schema destinations'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config reference" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul config reference" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul token"' -l 'scope' -d 'submit, read or operate; may be repeated.' -rfka 'submit read operate'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul token" tenant' -l 'tenant' -d 'The caller\'s tenant; \'*\' for all.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul token" expires' -l 'expires' -d 'How long the token is valid: a duration such as 90d, or never.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul token" append' -l 'append' -d 'Append the entry to this token file.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul token" rotate' -l 'rotate' -d 'Give the name in this token file a second secret.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul token" revoke' -l 'revoke' -d 'Remove the name from this token file.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul token" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul token" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tenants" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tenants" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_positional "backhaul tenants" -eq 1' -fa 'check' -d 'Show what the tasks of a tenant may name, and its limits.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tenants check" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tenants check" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tenants check" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul tenants check" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" to' -l 'to' -d 'A configured destination\'s name, or a base URL.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" tasks' -l 'tasks' -d 'The number of tasks.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" rate' -l 'rate' -d 'Tasks per second; 0 for as many as the log accepts.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" source' -l 'source' -d 'The file that every task names (default: an empty file).' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" tenant' -l 'tenant' -d 'The tenant that owns the tasks.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" samples' -l 'samples' -d 'Write each latency to this file, in microseconds, one per line.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" log' -l 'log' -d 'The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" config' -l 'config' -d 'A YAML file of settings. Environment: BACKHAUL_CONFIG.' -rfka ''
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" output' -l 'output' -d 'text for people, json for programs.' -rfka 'text json'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" version' -l 'version' -d 'Show the version.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul bench" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'backhaul' -n '__backhaul_should_offer_completions_for_flags_or_options "backhaul help" version' -l 'version' -d 'Show the version.'
