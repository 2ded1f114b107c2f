# shellcheck shell=bash
# Completions for bash of aril and aril-init. Made by: just pages. Change the table of options instead, or tools/pages.

# A reply for each of these words that begins as the value does. $lead is what stands before the value in the same word.
_aril_words() {
    local word
    for word; do
        [[ $word != "$value"* ]] || COMPREPLY+=("$lead$word")
    done
}

# The same in a list with commas.
_aril_list() {
    if [[ $value == *,* ]]; then
        lead+=${value%,*},
        value=${value##*,}
    fi
    _aril_words "$@"
    compopt -o nospace 2>/dev/null || :
}

# Files (-f) or directories alone (-d), perhaps with more behind.
_aril_paths() {
    local path
    compopt -o filenames ${2:+-o nospace} 2>/dev/null || :
    while IFS= read -r path; do
        COMPREPLY+=("$lead$path")
    done < <(compgen "$1" -- "$value")
}

# Programs, at the first word of a command; then files.
_aril_command() {
    local word
    if [[ $1 == 0 && $value != */* ]]; then
        while IFS= read -r word; do
            COMPREPLY+=("$word")
        done < <(compgen -c -- "$value" | sort -u)
    else
        _aril_paths -f
    fi
}

_aril_variables() {
    local name
    while IFS= read -r name; do
        COMPREPLY+=("$lead$name")
    done < <(compgen -e -- "$value")
    compopt -o nospace 2>/dev/null || :
}

# The names of containers: of all, or of those that run.
_aril_names() {
    local name pid status rest
    while read -r name pid status rest; do
        [[ $pid == PID || $1 == running && $status == exited ]] || _aril_words "$name"
    done < <(command aril ps 2>/dev/null)
}

# The value of an option.
_aril_value() {
    case $1:$2 in
        @RUN_VALUES@
        @INIT_VALUES@
    *) ;;
    esac
}

# The options of a verb.
_aril_options() {
    case $1 in
    run | explain | syscall) _aril_words @RUN@ ;;
    exec) _aril_words @EXEC@ ;;
    update) _aril_words @UPDATE@ ;;
    init) _aril_words @INIT@ ;;
    aril-init) _aril_words @SMALL_INIT@ ;;
    check | ps | stats) _aril_words --json ;;
    esac
}

_aril() {
    local words=() word breaks='' glue='' verb table next letters options='' option='' operands=0 index=2
    COMPREPLY=()
    # bash has cut the line at = and : too, unless it was told not to; here words are whole.
    [[ $COMP_WORDBREAKS != *=* ]] || breaks+='='
    [[ $COMP_WORDBREAKS != *:* ]] || breaks+=':'
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ $breaks && $word =~ ^[$breaks]+$ && ${#words[@]} -gt 1 ]]; then
            words[-1]+=$word
            glue=1
        elif [[ $glue ]]; then
            words[-1]+=$word
            glue=''
        else
            words+=("$word")
        fi
    done
    local last=$((${#words[@]} - 1)) value=${words[-1]} lead=''

    verb=${words[1]-}
    if [[ ${words[0]##*/} == aril-init ]]; then
        verb=aril-init index=1
    elif ((last == 1)); then
        _aril_words @VERBS@ --help --version
        return
    elif [[ $verb == explain && ${words[2]-} == run ]] && ((last > 2)); then
        index=3
    elif [[ $verb == explain && ${words[2]-} == syscall ]] && ((last > 2)); then
        verb=syscall index=3
    fi
    case $verb in
    init | aril-init) table=init next=' @INIT_NEXT@ ' letters=@INIT_LETTERS@ ;;
    *) table=run next=' @RUN_NEXT@ ' letters=@RUN_LETTERS@ ;;
    esac

    # Up to the cursor: which options have ended, and how many operands there are.
    while ((index < last)); do
        word=${words[index]} index=$((index + 1))
        if [[ $options || $word != -?* ]]; then
            operands=$((operands + 1))
            # What follows is a command's own.
            [[ $verb != run && $verb != explain && $verb != exec && $verb != *init ]] || options=ended
        elif [[ $word == -- ]]; then
            options=ended
        elif [[ $next == *" $word "* || $word =~ ^-[a-zA-Z]*[$letters]$ && ! $word =~ ^-[a-zA-Z]*[$letters][a-zA-Z] ]]; then
            ((index < last)) || option=$word
            index=$((index + 1))
        fi
    done

    if [[ $option ]]; then
        # The last letter of several is the one that takes it.
        [[ $option == --* ]] || option=-${option: -1}
        _aril_value "$table" "$option"
    elif [[ ! $options && $value == --*=* ]]; then
        option=${value%%=*} lead=${value%%=*}= value=${value#*=}
        _aril_value "$table" "$option"
    elif [[ ! $options && $value == -* ]]; then
        _aril_options "$verb"
    else
        case $verb:$operands in
        explain:0)
            _aril_words boot run syscall
            _aril_paths -f
            ;;
        run:0) _aril_paths -f ;;
        check:0) _aril_paths -d ;;
        exec:0 | kill:0 | stats:0 | pause:0 | resume:0 | update:0) _aril_names running ;;
        wait:0) _aril_names all ;;
        kill:1) _aril_words @SIGNALS@ ;;
        explain:1) [[ " ${words[*]} " == *' explain boot '* ]] || _aril_command 0 ;;
        run:* | explain:* | exec:*) _aril_command $((operands - 1)) ;;
        init:* | aril-init:*) _aril_command "$operands" ;;
        esac
    fi

    # After these more of the word follows.
    [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=:,] ]] || compopt -o nospace 2>/dev/null || :
    # bash replaces what stands after the last of its breaks.
    if [[ $breaks ]]; then
        word=${words[-1]}
        word=${word%"${word##*["$breaks"]}"}
        for index in "${!COMPREPLY[@]}"; do
            COMPREPLY[index]=${COMPREPLY[index]#"$word"}
        done
    fi
}

complete -F _aril aril aril-init
