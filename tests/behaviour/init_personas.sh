#!/bin/sh
# In these words the scenarios of init_personas.rs are told; what they print is compared. This is PID 1 of a pid
# namespace and works in a folder of its own. `$init` is the init; `$under` makes it PID 1 of another namespace inside,
# or is empty.
# shellcheck disable=SC2086 # $under, $with and $behind are words, or none.
# shellcheck disable=SC2034,SC2154 # Tests give the init, and use the rest.
# shellcheck disable=SC2016 # What is for a command is not for this shell.

# What a scenario starts the init with, such as `env NAME=VALUE`.
with=

# Runs the init; the command's output is part of what is compared.
run() {
    $under $with "$init" "$@"
    echo "status $?"
}

# The same; but of the output, whose words are each init's own, only to which streams it went.
told() {
    $under $with "$init" "$@" >out 2>err
    echo "$with $*: status $?$(if_any out)$(if_any err)"
}
if_any() { [ ! -s "$1" ] || echo ", std$1"; }

# Starts the init with a command whose lines are read from descriptor 3. The first one says that it is ready.
start() {
    rm -f lines # Who still writes to the one before has nothing to do with this.
    mkfifo lines
    $under $with "$init" "$@" >lines &
    job=$! pid=$!
    exec 3<lines
    read -r line <&3
    [ -z "$under" ] || pid=$(child $job)
    command=$(child "$pid")
}
child() {
    read -r first _ <"/proc/$1/task/$1/children" # which ends without a newline: read calls that a failure
    echo "$first"
}

# Ends what was started.
finish() {
    kill -KILL "$command"
    ended
}
ended() {
    wait "$job"
    echo "status $?"
}

# What the command has got of signals by the time that the one after them came: the real-time ones are last, in order.
arrived() {
    kill -64 "$pid"
    got=
    while read -r line <&3 && [ "$line" != 64 ]; do got="$got $line"; done
    echo "$1:$got"
}

# signals "NUMBER..." OPTION...: sends them to an init with these options, one after the other.
signals() {
    numbers=$1
    shift
    start "$@" -- ./probe signals
    for number in $numbers; do
        kill "-$number" "$pid"
        arrived "$number"
    done
    finish
}

# Who gets a signal that is sent to an init with these options: the command, and a child of it.
members() {
    start "$@" -- sh -c './probe signals grandchild & exec ./probe signals'
    read -r line <&3
    kill -USR1 "$pid"
    kill -64 "$pid"
    got=
    while read -r line <&3 && [ "$line" != 64 ]; do got="$got|$line"; done
    kill -63 "$(child "$command")"
    while read -r line <&3 && [ "$line" != "grandchild 63" ]; do got="$got|$line"; done
    echo "$got" | tr '|' '\n' | grep '10$' | sort
    finish
}

# What a process gets to know of the command's end that is left behind by it.
leftover() {
    start "$@" -- sh -c "$behind ./probe signals & until [ -e go ]; do sleep 0.01; done; exit 3"
    left=$(child "$command")
    : >go
    ended
    rm go
    kill -64 "$left"
    while read -r line <&3 && [ "$line" != 64 ]; do echo "left with $line"; done
    kill -KILL "$left"
}
behind=

# Starts an init that has no command, and waits until it takes signals.
pause() {
    $under $with "$init" -P &
    job=$!
    await '[ "$under" ] && pid=$(child $job) || pid=$job
        [ "$(cat "/proc/$pid/comm")" = "${init##*/}" ] && grep -q "^SigBlk:.*[1-9a-f]" "/proc/$pid/status"' 2>err
}

# Sends SIGTERM at moments from before the init's exec to after the command's.
race() {
    for round in $(seq 1 100); do
        $with "$init" "$@" -- sleep 1000 &
        left=$((round * 40))
        while [ $left -gt 0 ]; do left=$((left - 1)); done
        kill -TERM $!
        wait $!
        echo $?
    done | sort -u | sed "s/^/all /"
}

# Makes descriptor 8 a pipe that nobody reads any more.
unread() {
    mkfifo unread
    : <unread &
    exec 8>unread
    wait $!
}

# Waits until something is so, and gives up after a while.
await() {
    tries=0
    until eval "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 1500 ] || { echo "this never came: $1"; exit 1; }
        sleep 0.01
    done
}
is_stopped() { grep -qs '^State:.T' "/proc/$1/status"; }

# For a command: where it stands.
place='
    stat() { sed "s/.*) //" "/proc/$1/stat"; }
    read -r _ _ group session terminal foreground _ <<end
$(stat $$)
end
    read -r _ _ init_group init_session init_terminal _ <<end
$(stat $PPID)
end
    [ $session = $$ ] && echo "a session of its own"
    [ $session = $init_session ] && echo "the session of the init"
    [ $group = $$ ] && echo "a group of its own"
    [ $group = $init_group ] && echo "the group of the init"
    [ $group = $foreground ] && echo "in the foreground"
    [ $terminal = 0 ] || echo "a terminal"
    [ $init_terminal = 0 ] || echo "a terminal for the init"
    :'

# For a command: who has adopted its orphan.
adopter='
    orphan=$(sh -c "sleep 1000 >&- & echo \$!")
    grep -q "^PPid:.$PPID\$" /proc/$orphan/status && echo "the init" || echo "someone else"
    kill $orphan'

# For a command: an orphan has come to its end, and is waited for.
orphan='
    orphan=$(sh -c "sleep 0.02 >&- & echo \$!")
    while kill -0 $orphan 2>&-; do sleep 0.01; done'

# For a command: the init has no child but this one any more.
alone='
    while read -r _ other _ </proc/$PPID/task/$PPID/children; [ "$other" ]; do sleep 0.01; done
    echo "all others are reaped"'

# For a command: a hundred orphans come to their ends.
orphans='for n in $(seq 1 100); do sh -c "sleep 0.01 >&- &"; done;'$alone
