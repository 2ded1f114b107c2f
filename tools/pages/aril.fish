# Completions for fish of aril and aril-init. Made by: just pages. Change the table of options instead, or tools/pages.

# Reads the line up to the cursor as aril does: prints the verb, whether options are still possible, and how many operands
# there are.
function __aril_read
    set -l words (commandline -opc)
    set -l verb aril-init
    set -l next @INIT_NEXT@
    if not string match -q -r '(^|/)aril-init$' -- $words[1]
        set verb $words[2]
        test "$verb" = init; or set next @RUN_NEXT@
        set -e words[1]
    end
    set -e words[1]
    # aril explain run is aril explain.
    test "$verb" = explain -a "$words[1]" = run; and set -e words[1]
    # The kernel's command line is one word that nobody knows.
    test "$verb" = explain -a "$words[1]" = boot; and set verb 'explain boot'
    test "$verb" = explain -a "$words[1]" = syscall; and set verb syscall; and set -e words[1]
    set -l options yes
    set -l operands 0
    while set -q words[1]
        set -l word $words[1]
        set -e words[1]
        if test $options = no; or not string match -q -- '-?*' $word
            set operands (math $operands + 1)
            contains -- "$verb" run explain syscall exec init aril-init; and set options no
        else if test "$word" = --
            set options no
        else if contains -- $word $next
            set -e words[1]
        end
    end
    echo $verb
    echo $options
    echo $operands
end

# Whether the verb is still to come.
function __aril_begins
    test (count (commandline -opc)) = 1
end

# Whether options of one of these verbs may stand here.
function __aril_options
    set -l read (__aril_read)
    contains -- "$read[1]" $argv; and test "$read[2]" = yes
end

# Whether this operand of one of the verbs is to come.
function __aril_operand
    set -l read (__aril_read)
    # It is no operand that is being written.
    test "$read[2]" = yes; and string match -q -- '-*' (commandline -ct); and return 1
    contains -- "$read[1]" $argv[2..]; and test "$read[3]" = $argv[1]
end

# Whether a command has begun, after so many operands.
function __aril_command
    set -l read (__aril_read)
    contains -- "$read[1]" $argv[2..]; and test "$read[3]" -ge $argv[1]
end

# What stands behind the = of the option at the cursor.
function __aril_value
    string replace -r '^[^=]*=' '' -- (commandline -ct)
end

# The words of a list with commas, each behind what there is of it.
function __aril_list
    set -l head (string match -r '^.*,' -- (string replace -r '^--[^=]*=' '' -- (commandline -ct)))
    printf '%s\n' $head$argv
end

# The names of containers: of all, or of those that run.
function __aril_names
    for line in (command aril ps 2>/dev/null)[2..]
        if test "$argv" = all; or not string match -q -- '* exited (*' $line
            string split -f 1 ' ' -- $line
        end
    end
end

complete -c aril -f
complete -c aril-init -f
complete -c aril -n __aril_begins -s h -l help -d 'what there is'
complete -c aril -n __aril_begins -s V -l version -d 'print the version'
@OPTIONS@
complete -c aril -n '__aril_operand 0 run explain' -F
complete -c aril -n '__aril_operand 0 explain' -a 'boot run syscall'
complete -c aril -n '__aril_operand 0 check' -a '(__fish_complete_directories)'
complete -c aril -n '__aril_operand 0 exec kill stats pause resume update' -a '(__aril_names running)'
complete -c aril -n '__aril_operand 0 wait' -a '(__aril_names all)'
complete -c aril -n '__aril_operand 1 kill' -a '@SIGNALS@'
complete -c aril -n 'contains -- (__aril_read)[1] check ps stats' -l json -d 'for a program'
complete -c aril -n '__aril_operand 1 run explain exec' -a '(__fish_complete_command)'
complete -c aril -n '__aril_command 2 run explain exec' -F
complete -c aril -n '__aril_operand 0 init' -a '(__fish_complete_command)'
complete -c aril -n '__aril_command 1 init' -F
complete -c aril-init -n '__aril_operand 0 aril-init' -a '(__fish_complete_command)'
complete -c aril-init -n '__aril_command 1 aril-init' -F
