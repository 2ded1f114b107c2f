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
    run:--overlay) _aril_paths -d ;;
    run:-v | run:--volume) _aril_paths -f more ;;
    run:--fs) _aril_list proc sys dev none ;;
    run:--change-root) _aril_words pivot_root chroot none ;;
    run:-w | run:--workdir) _aril_paths -d ;;
    run:-e | run:--env) _aril_variables ;;
    run:--uid-map) _aril_words none ;;
    run:--gid-map) _aril_words none ;;
    run:--network) _aril_words host none private ns: ;;
    run:--userns) _aril_words auto identity host private ns: ;;
    run:--mntns) _aril_words private host ns: ;;
    run:--pid) _aril_words private host ns: ;;
    run:--uts) _aril_words private host ns: ;;
    run:--ipc) _aril_words private host ns: ;;
    run:--cgroupns) _aril_words private host ns: ;;
    run:--time) _aril_words private host ns: ;;
    run:--namespaces) _aril_list user mount pid uts ipc cgroup network time all none ;;
    run:--cap-add) _aril_words all chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore ;;
    run:--cap-drop) _aril_words all chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore ;;
    run:--mount) _aril_words type=bind, type=overlay, type=tmpfs, type=proc, type=sysfs, type=mqueue, type=devpts, ;;
    run:--device) _aril_paths -f more ;;
    run:--pidfile) _aril_paths -f ;;
    run:--stats) _aril_paths -f ;;
    run:--log) _aril_paths -f ;;
    run:--ulimit) _aril_words cpu= fsize= data= stack= core= rss= nproc= nofile= memlock= as= locks= sigpending= msgqueue= nice= rtprio= rttime= ;;
    run:--env-file) _aril_paths -f ;;
    run:--stop-signal) _aril_words HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CONT TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS ;;
    run:--sig-proxy) _aril_words false true ;;
    run:--device-read-bps) _aril_paths -f more ;;
    run:--device-write-bps) _aril_paths -f more ;;
    run:--device-read-iops) _aril_paths -f more ;;
    run:--device-write-iops) _aril_paths -f more ;;
    run:--cgroups) _aril_words required best off ;;
    run:--sandbox) _aril_words landlock ;;
    run:--security-opt) _aril_words landlock=off seccomp=unconfined seccomp=/ ;;
    init:-p | init:--parent-death) _aril_words HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS ;;
    init:--stop-signal) _aril_words HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS ;;
    init:--restart) _aril_words no always on-failure on-failure: ;;
    init:--report) _aril_paths -f ;;
    *) ;;
    esac
}

# The options of a verb.
_aril_options() {
    case $1 in
    run | explain | syscall) _aril_words --read-only --overlay -v --volume --tmpfs --fs --change-root --hostname -u --user -w --workdir -e --env --uid-map --gid-map --network --userns --mntns --pid --uts --ipc --cgroupns --time --namespaces --no-init --stop-timeout --cap-add --cap-drop --preserve-fds --rm -i --interactive -t --tty --init --trace --verbose -h --help --mount --device --add-host --dns --status-fd --pidfile --stats --args-fd --name -d --detach --log --ulimit --oom-score-adj --nice --cpu-affinity --umask --domainname --group-add --env-file --timeout --stop-signal --sig-proxy -m --memory --memory-reservation --memory-swap --pids-limit --cpus --cpu-shares --cpuset-cpus --cpuset-mems --device-read-bps --device-write-bps --device-read-iops --device-write-iops --blkio-weight --cgroup --cgroup-parent --cgroups --no-tty --sandbox --security-opt --denied ;;
    exec) _aril_words -u --user -w --workdir -e --env -i --interactive -t --tty --trace --verbose -h --help --env-file --no-tty --denied ;;
    update) _aril_words -m --memory --memory-reservation --memory-swap --pids-limit --cpus --cpu-shares --cpuset-cpus --cpuset-mems --device-read-bps --device-write-bps --device-read-iops --device-write-iops --blkio-weight --cgroup ;;
    init) _aril_words -s --subreaper -g --group -c --single-child -w --warn -v --verbose -P --pause -l --license -V --version -h --help -p --parent-death -e --expect -r --rewrite --stop-signal --stop-timeout --restart --report --timeout ;;
    aril-init) _aril_words -s --subreaper -g --group -c --single-child -w --warn -v --verbose -P --pause -l --license -V --version -h --help -p --parent-death -e --expect -r --rewrite --stop-signal --stop-timeout ;;
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
        _aril_words run explain check ps kill wait stats pause resume update exec explain init --help --version
        return
    elif [[ $verb == explain && ${words[2]-} == run ]] && ((last > 2)); then
        index=3
    elif [[ $verb == explain && ${words[2]-} == syscall ]] && ((last > 2)); then
        verb=syscall index=3
    fi
    case $verb in
    init | aril-init) table=init next=' -p --parent-death -e --expect -r --rewrite --stop-signal --stop-timeout --restart --report --timeout ' letters=per ;;
    *) table=run next=' -v --volume --tmpfs --fs --change-root --hostname -u --user -w --workdir -e --env --uid-map --gid-map --network --userns --mntns --pid --uts --ipc --cgroupns --time --namespaces --stop-timeout --cap-add --cap-drop --preserve-fds --mount --device --add-host --dns --status-fd --pidfile --args-fd --name --log --ulimit --oom-score-adj --nice --cpu-affinity --umask --domainname --group-add --env-file --timeout --stop-signal --sig-proxy -m --memory --memory-reservation --memory-swap --pids-limit --cpus --cpu-shares --cpuset-cpus --cpuset-mems --device-read-bps --device-write-bps --device-read-iops --device-write-iops --blkio-weight --cgroup --cgroup-parent --cgroups --sandbox --security-opt ' letters=vuwem ;;
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
        kill:1) _aril_words HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS ;;
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
