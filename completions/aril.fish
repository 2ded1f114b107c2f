# Completions for fish of aril and aril-init. Made by: just pages. Change the table of options instead, or tools/pages.

# Reads the line up to the cursor as aril does: prints the verb, whether options are still possible, and how many operands
# there are.
function __aril_read
    set -l words (commandline -opc)
    set -l verb aril-init
    set -l next -p --parent-death -e --expect -r --rewrite --stop-signal --stop-timeout --restart --report --timeout
    if not string match -q -r '(^|/)aril-init$' -- $words[1]
        set verb $words[2]
        test "$verb" = init; or set next -v --volume --tmpfs --fs --change-root --hostname -u --user -w --workdir -e --env --uid-map --gid-map --network --userns --mntns --pid --uts --ipc --cgroupns --time --namespaces --stop-timeout --cap-add --cap-drop --preserve-fds --mount --device --add-host --dns --status-fd --pidfile --args-fd --name --log --ulimit --oom-score-adj --nice --cpu-affinity --umask --domainname --group-add --env-file --timeout --stop-signal --sig-proxy -m --memory --memory-reservation --memory-swap --pids-limit --cpus --cpu-shares --cpuset-cpus --cpuset-mems --device-read-bps --device-write-bps --device-read-iops --device-write-iops --blkio-weight --cgroup --cgroup-parent --cgroups --sandbox --security-opt
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
complete -c aril -f -n __aril_begins -a run -d 'run a command in a container'
complete -c aril -f -n __aril_begins -a explain -d 'print what run would do here, and do nothing'
complete -c aril -f -n __aril_begins -a check -d 'try what run needs here; say what helps where it fails'
complete -c aril -f -n __aril_begins -a ps -d 'list the containers with a name'
complete -c aril -f -n __aril_begins -a kill -d 'ask one to stop, or send another signal'
complete -c aril -f -n __aril_begins -a wait -d 'wait for its end, and exit with its status'
complete -c aril -f -n __aril_begins -a stats -d 'what it uses, or all do'
complete -c aril -f -n __aril_begins -a pause -d 'stop all in it where it is'
complete -c aril -f -n __aril_begins -a resume -d 'go on'
complete -c aril -f -n __aril_begins -a update -d 'other limits, as options of run'
complete -c aril -f -n __aril_begins -a exec -d 'one more command in it: -t --no-tty -i -u -w -e --env-file --denied'
complete -c aril -f -n __aril_begins -a explain -d 'print whether a command may make this system call'
complete -c aril -f -n __aril_begins -a init -d 'run a command, reap orphans, pass on signals'
complete -c aril -n '__aril_options run explain syscall' -l read-only -d 'the root file system cannot be written'
complete -c aril -n '__aril_options run explain syscall' -l overlay -f -a '(__fish_complete_directories (__aril_value))' -d 'writes go to a tmpfs and vanish at exit, or stay in DIR'
complete -c aril -n '__aril_options run explain syscall' -s v -l volume -r -F -d 'bind a file or directory of the host; :idmap shifts its owners too'
complete -c aril -n '__aril_options run explain syscall' -l tmpfs -x -d 'mount an empty tmpfs: size=, mode=, nr_inodes=, nr_blocks='
complete -c aril -n '__aril_options run explain syscall' -l fs -x -a '(__aril_list proc sys dev none)' -d 'its own file systems: proc,sys,dev (default: all) or none'
complete -c aril -n '__aril_options run explain syscall' -l change-root -x -a 'pivot_root chroot none' -d 'pivot_root (default), chroot, or none: the host\'s root'
complete -c aril -n '__aril_options run explain syscall' -l hostname -x -d 'host name (default: container)'
complete -c aril -n '__aril_options run explain syscall exec' -s u -l user -x -d 'run as this user, by number or by the image\'s names'
complete -c aril -n '__aril_options run explain syscall exec' -s w -l workdir -x -a '(__fish_complete_directories)' -d 'working directory (default: /)'
complete -c aril -n '__aril_options run explain syscall exec' -s e -l env -x -a '(set -n -x)' -d 'set a variable, or pass the caller\'s on'
complete -c aril -n '__aril_options run explain syscall' -l uid-map -x -a 'none' -d 'map user ids (repeatable), or none'
complete -c aril -n '__aril_options run explain syscall' -l gid-map -x -a 'none' -d 'map group ids (repeatable), or none'
complete -c aril -n '__aril_options run explain syscall' -l network -x -a 'host none private ns:' -d 'host (default: the host\'s network is SHARED), or none'
complete -c aril -n '__aril_options run explain syscall' -l userns -x -a 'auto identity host private ns:' -d 'user ids, or: auto (default), identity, IN:OUT:COUNT'
complete -c aril -n '__aril_options run explain syscall' -l mntns -x -a 'private host ns:' -d 'mounts'
complete -c aril -n '__aril_options run explain syscall' -l pid -x -a 'private host ns:' -d 'process ids'
complete -c aril -n '__aril_options run explain syscall' -l uts -x -a 'private host ns:' -d 'host name'
complete -c aril -n '__aril_options run explain syscall' -l ipc -x -a 'private host ns:' -d 'System V IPC and message queues'
complete -c aril -n '__aril_options run explain syscall' -l cgroupns -x -a 'private host ns:' -d 'view of cgroups'
complete -c aril -n '__aril_options run explain syscall' -l time -x -a 'private host ns:' -d 'clocks (default: host)'
complete -c aril -n '__aril_options run explain syscall' -l namespaces -x -a '(__aril_list user mount pid uts ipc cgroup network time all none)' -d 'exactly these are private: names as above, all, none'
complete -c aril -n '__aril_options run explain syscall' -l no-init -d 'the command is PID 1: no reaping, no default signals, root\'s ids'
complete -c aril -n '__aril_options run explain syscall' -l stop-timeout -x -d 'from a stop request to SIGKILL (default: 10s)'
complete -c aril -n '__aril_options run explain syscall' -l cap-add -x -a 'all chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore' -d 'add a capability, or all'
complete -c aril -n '__aril_options run explain syscall' -l cap-drop -x -a 'all chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore' -d 'drop a capability, or all'
complete -c aril -n '__aril_options run explain syscall' -l preserve-fds -x -d 'pass on descriptors 3 to 2+N'
complete -c aril -n '__aril_options run explain syscall' -l rm -d 'with --detach the exit status is not kept; nothing else ever is'
complete -c aril -n '__aril_options run explain syscall exec' -s i -l interactive -d 'accepted: standard input is always passed on'
complete -c aril -n '__aril_options run explain syscall exec' -s t -l tty -d 'a terminal of its own, whatever the caller has'
complete -c aril -n '__aril_options run explain syscall' -l init -d 'accepted: aril is PID 1 anyway'
complete -c aril -n '__aril_options run explain syscall exec' -l trace -d 'print each step with its microseconds'
complete -c aril -n '__aril_options run explain syscall exec' -l verbose -d 'print the command, user id and pid first'
complete -c aril -n '__aril_options run explain syscall exec' -s h -l help -d 'this text'
complete -c aril -n '__aril_options run explain syscall' -l mount -x -a 'type=bind, type=overlay, type=tmpfs, type=proc, type=sysfs, type=mqueue, type=devpts,' -d 'bind, overlay, tmpfs, proc, sysfs, mqueue, devpts: src=, dst=, ro, bind-propagation='
complete -c aril -n '__aril_options run explain syscall' -l device -r -F -d 'a device of the host, below the container\'s /dev'
complete -c aril -n '__aril_options run explain syscall' -l add-host -x -d 'a line for /etc/hosts'
complete -c aril -n '__aril_options run explain syscall' -l dns -x -d 'name server, instead of the host\'s /etc/resolv.conf'
complete -c aril -n '__aril_options run explain syscall' -l status-fd -x -d 'tell descriptor N of the start and the end, as JSON lines'
complete -c aril -n '__aril_options run explain syscall' -l pidfile -r -F -d 'write there the process id of the container\'s init'
complete -c aril -n '__aril_options run explain syscall' -l stats -f -a '(__fish_complete_path (__aril_value))' -d 'at the end tell what was used, as a JSON line: to FILE or standard error'
complete -c aril -n '__aril_options run explain syscall' -l args-fd -x -d 'first of all: options from descriptor N, with NULs; or @FILE, a line each'
complete -c aril -n '__aril_options run explain syscall' -l name -x -d 'what it is called while it runs'
complete -c aril -n '__aril_options run explain syscall' -s d -l detach -d 'run in the background, and print the name'
complete -c aril -n '__aril_options run explain syscall' -l log -r -F -d 'with --detach: append the output there (default: nowhere)'
complete -c aril -n '__aril_options run explain syscall' -l ulimit -x -a 'cpu= fsize= data= stack= core= rss= nproc= nofile= memlock= as= locks= sigpending= msgqueue= nice= rtprio= rttime=' -d 'limit a resource: nofile, nproc, core, ... (getrlimit(2))'
complete -c aril -n '__aril_options run explain syscall' -l oom-score-adj -x -d '-1000 to 1000: whom the OOM killer takes first'
complete -c aril -n '__aril_options run explain syscall' -l nice -x -d '-20 to 19: others come first'
complete -c aril -n '__aril_options run explain syscall' -l cpu-affinity -x -d 'run on these processors alone: 0-3,7'
complete -c aril -n '__aril_options run explain syscall' -l umask -x -d 'what new files are not (default: 022)'
complete -c aril -n '__aril_options run explain syscall' -l domainname -x -d 'NIS domain name'
complete -c aril -n '__aril_options run explain syscall' -l group-add -x -d 'one more group, by number or by the image\'s name'
complete -c aril -n '__aril_options run explain syscall exec' -l env-file -r -F -d 'set the variables of a file: NAME[=VALUE], a line each'
complete -c aril -n '__aril_options run explain syscall' -l timeout -x -d 'so long after the start kill everything, exit with 124'
complete -c aril -n '__aril_options run explain syscall' -l stop-signal -x -a 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CONT TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS' -d 'what a stop request is for the command (default: TERM)'
complete -c aril -n '__aril_options run explain syscall' -l sig-proxy -x -a 'false true' -d 'false: signals are not passed on, and do nothing'
complete -c aril -n '__aril_options run explain syscall update' -s m -l memory -x -d 'memory, and as much swap again; what needs more is killed'
complete -c aril -n '__aril_options run explain syscall update' -l memory-reservation -x -d 'memory that is taken away last'
complete -c aril -n '__aril_options run explain syscall update' -l memory-swap -x -d 'memory and swap together'
complete -c aril -n '__aril_options run explain syscall update' -l pids-limit -x -d 'processes and threads'
complete -c aril -n '__aril_options run explain syscall update' -l cpus -x -d 'time of so many processors'
complete -c aril -n '__aril_options run explain syscall update' -l cpu-shares -x -d '2 to 262144: weight beside others (default: 1024)'
complete -c aril -n '__aril_options run explain syscall update' -l cpuset-cpus -x -d 'these processors alone: 0-3,7'
complete -c aril -n '__aril_options run explain syscall update' -l cpuset-mems -x -d 'memory of these nodes alone'
complete -c aril -n '__aril_options run explain syscall update' -l device-read-bps -r -F -d 'bytes in a second that are read from a disk'
complete -c aril -n '__aril_options run explain syscall update' -l device-write-bps -r -F -d 'that are written to it'
complete -c aril -n '__aril_options run explain syscall update' -l device-read-iops -r -F -d 'operations in a second: reads'
complete -c aril -n '__aril_options run explain syscall update' -l device-write-iops -r -F -d 'writes'
complete -c aril -n '__aril_options run explain syscall update' -l blkio-weight -x -d '10 to 1000: weight at disks (default: 100)'
complete -c aril -n '__aril_options run explain syscall update' -l cgroup -x -d 'write any file of the group'
complete -c aril -n '__aril_options run explain syscall' -l cgroup-parent -x -d 'where the group is made (default, as root: /aril)'
complete -c aril -n '__aril_options run explain syscall' -l cgroups -x -a 'required best off' -d 'required (default), best: go on without, or off: no limit'
complete -c aril -n '__aril_options run explain syscall exec' -l no-tty -d 'the caller\'s itself, handed over'
complete -c aril -n '__aril_options run explain syscall' -l sandbox -x -a 'landlock' -d 'no namespaces, ROOTFS is /: writing is allowed in -v DIR:DIR alone'
complete -c aril -n '__aril_options run explain syscall' -l security-opt -x -a 'landlock=off seccomp=unconfined seccomp=/' -d 'landlock=off: the host\'s abstract sockets; seccomp=unconfined or =/FILE: system calls'
complete -c aril -n '__aril_options run explain syscall exec' -l denied -d 'at the end list the system calls that the filter has refused'
complete -c aril -n '__aril_options init' -s s -l subreaper -d 'adopt orphans though it is not PID 1'
complete -c aril-init -n '__aril_options aril-init' -s s -l subreaper -d 'adopt orphans though it is not PID 1'
complete -c aril -n '__aril_options init' -s g -l group -d 'pass signals on to the command\'s process group'
complete -c aril-init -n '__aril_options aril-init' -s g -l group -d 'pass signals on to the command\'s process group'
complete -c aril -n '__aril_options init' -s c -l single-child -d 'to the command alone, in this session'
complete -c aril-init -n '__aril_options aril-init' -s c -l single-child -d 'to the command alone, in this session'
complete -c aril -n '__aril_options init' -s w -l warn -d 'tell of orphans that end, and of who leaves zombies'
complete -c aril-init -n '__aril_options aril-init' -s w -l warn -d 'tell of orphans that end, and of who leaves zombies'
complete -c aril -n '__aril_options init' -s v -l verbose -d 'say more'
complete -c aril-init -n '__aril_options aril-init' -s v -l verbose -d 'say more'
complete -c aril -n '__aril_options init' -s P -l pause -d 'no command: sleep and reap'
complete -c aril-init -n '__aril_options aril-init' -s P -l pause -d 'no command: sleep and reap'
complete -c aril -n '__aril_options init' -s l -l license -d 'print it'
complete -c aril-init -n '__aril_options aril-init' -s l -l license -d 'print it'
complete -c aril -n '__aril_options init' -s V -l version -d 'print it'
complete -c aril-init -n '__aril_options aril-init' -s V -l version -d 'print it'
complete -c aril -n '__aril_options init' -s h -l help -d 'print this'
complete -c aril-init -n '__aril_options aril-init' -s h -l help -d 'print this'
complete -c aril -n '__aril_options init' -s p -l parent-death -x -a 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS' -d 'get it when the parent ends'
complete -c aril-init -n '__aril_options aril-init' -s p -l parent-death -x -a 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS' -d 'get it when the parent ends'
complete -c aril -n '__aril_options init' -s e -l expect -x -d 'exit with 0 instead of it'
complete -c aril-init -n '__aril_options aril-init' -s e -l expect -x -d 'exit with 0 instead of it'
complete -c aril -n '__aril_options init' -s r -l rewrite -x -d 'pass signal A on as B, or 0: not at all'
complete -c aril-init -n '__aril_options aril-init' -s r -l rewrite -x -d 'pass signal A on as B, or 0: not at all'
complete -c aril -n '__aril_options init' -l stop-signal -x -a 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS' -d 'pass SIGTERM on as this one'
complete -c aril-init -n '__aril_options aril-init' -l stop-signal -x -a 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS' -d 'pass SIGTERM on as this one'
complete -c aril -n '__aril_options init' -l stop-timeout -x -d 'so long after SIGTERM kill what is left'
complete -c aril-init -n '__aril_options aril-init' -l stop-timeout -x -d 'so long after SIGTERM kill what is left'
complete -c aril -n '__aril_options init' -l restart -x -a 'no always on-failure on-failure:' -d 'run it again: no, always, on-failure[:MAX]'
complete -c aril -n '__aril_options init' -l report -r -F -d 'write there how it ended'
complete -c aril -n '__aril_options init' -l timeout -x -d 'so long after the start kill everything, exit with 124'
complete -c aril -n '__aril_operand 0 run explain' -F
complete -c aril -n '__aril_operand 0 explain' -a 'boot run syscall'
complete -c aril -n '__aril_operand 0 check' -a '(__fish_complete_directories)'
complete -c aril -n '__aril_operand 0 exec kill stats pause resume update' -a '(__aril_names running)'
complete -c aril -n '__aril_operand 0 wait' -a '(__aril_names all)'
complete -c aril -n '__aril_operand 1 kill' -a 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
complete -c aril -n 'contains -- (__aril_read)[1] check ps stats' -l json -d 'for a program'
complete -c aril -n '__aril_operand 1 run explain exec' -a '(__fish_complete_command)'
complete -c aril -n '__aril_command 2 run explain exec' -F
complete -c aril -n '__aril_operand 0 init' -a '(__fish_complete_command)'
complete -c aril -n '__aril_command 1 init' -F
complete -c aril-init -n '__aril_operand 0 aril-init' -a '(__fish_complete_command)'
complete -c aril-init -n '__aril_command 1 aril-init' -F
