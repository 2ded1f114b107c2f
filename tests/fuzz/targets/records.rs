//! The record of a container that runs, and of a process.

use super::{arena, twice};
use aril::state::record::{Process, Record, Running, Started, body, end, head, read_stat};
use aril::sys::{Arena, Word, process::Pid};
use std::ffi::CString;

pub fn check(bytes: &[u8]) {
    twice(|_| format!("{:?}", Record::read(bytes)));
    if let Some(record) = Record::read(bytes) {
        is_sound(&record, bytes);
        // What is cut off takes whole parts with it.
        let cut = Record::read(&bytes[..bytes.len() - 1]);
        if let (Some(cut), Some(running)) = (cut.and_then(|cut| cut.running), record.running) {
            assert_eq!(fields(&cut), fields(&running));
        }
    }
    is_found_behind(bytes);
}

/// Nothing is there that was not written, and what was read can be written and read again.
fn is_sound(record: &Record, bytes: &[u8]) {
    let words: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    let number = |at: usize| aril::text::number::size(words[at]);
    assert!(record.launcher.pid.0 >= 0);
    assert_eq!((Some(record.launcher.pid.0 as u64), Some(record.launcher.start)), (number(1), number(2)));
    let arena = arena();
    let mut whole = head(&arena, record.launcher).to_vec();
    if let Some(running) = &record.running {
        assert_eq!(Some(running.stop.into()), number(8), "no other signal than the one that was written");
        assert!(running.init.pid.0 >= 0 && running.command.pid.0 >= 0);
        whole.extend(written(&arena, running));
        if let Some(status) = record.status {
            whole.extend(end(&arena, status));
        }
    }
    assert!(record.status.is_none() || record.running.is_some());
    let again = Record::read(&whole).expect("a record was written");
    assert_eq!((again.launcher, again.status), (record.launcher, record.status));
    assert_eq!(again.running.as_ref().map(fields), record.running.as_ref().map(fields));
}

type Fields = (Process, Process, u64, u8, u64, Vec<Vec<CString>>);

fn fields(running: &Running) -> Fields {
    let lists = [running.words, running.arguments, running.environment]
        .map(|list| list.map(|word| CString::new(word.bytes()).expect("it is a word")).collect());
    (running.init, running.command, running.started, running.stop, running.users, lists.to_vec())
}

fn written(arena: &Arena, running: &Running) -> Vec<u8> {
    let lists = [running.words, running.arguments, running.environment];
    let lists = lists.map(|list| list.map(Some).collect::<Vec<Option<Word>>>());
    let started = Started {
        init: running.init,
        command: running.command,
        started: running.started,
        stop: running.stop,
        users: aril::text::decimal(arena, running.users),
        lists: [&lists[0], &lists[1], &lists[2]],
    };
    body(arena, &started).to_vec()
}

/// A process may call itself whatever it likes.
fn is_found_behind(name: &[u8]) {
    let name = &name[..name.len().min(64)];
    let rest: Vec<String> = (5..=52).map(|field| (field * 10).to_string()).collect();
    let stat = [b"42 (", name, b") S 41 ", rest.join(" ").as_bytes(), b"\n"].concat();
    assert_eq!(read_stat(&stat), Some((220, Pid(41))));
    assert_eq!(read_stat(name), read_stat(name));
}
