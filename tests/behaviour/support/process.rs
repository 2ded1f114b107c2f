//! Looks at processes through /proc, from the machine's side.

use std::fs;

/// Some fields of `/proc/PID/stat` (proc_pid_stat(5)).
pub struct Stat {
    pub state: char,
    pub parent: i32,
    pub group: i32,
    /// The foreground process group of its terminal.
    pub foreground: i32,
}

/// None if there is no such process.
pub fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, brackets included.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse().ok();
    Some(Stat { state: fields[0].chars().next()?, parent: number(1)?, group: number(2)?, foreground: number(5)? })
}

/// Its state: `S` sleeping, `T` stopped, `Z` ended and not waited for; `-` if there is none.
pub fn state(pid: i32) -> char {
    stat(pid).map_or('-', |stat| stat.state)
}

fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

pub fn children(pid: i32) -> Vec<i32> {
    all().into_iter().filter(|child| stat(*child).is_some_and(|stat| stat.parent == pid)).collect()
}

/// Its command line's words.
pub fn words(pid: i32) -> Vec<String> {
    // It may end while we look.
    let text = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split_terminator('\0').map(ToString::to_string).collect()
}

/// The living processes, other than the tests themselves, whose command line has this text in it.
pub fn naming(text: &str) -> Vec<(i32, Vec<String>)> {
    let named = all().into_iter().filter(|pid| *pid != std::process::id().cast_signed()).map(|pid| (pid, words(pid)));
    named.filter(|(_, words)| words.iter().any(|word| word.contains(text))).collect()
}

/// The process that runs `sleep MARK`, by its pid outside.
pub fn sleeper(mark: &str) -> Option<i32> {
    let sleeps = |words: &[String]| words.len() == 2 && words[0].ends_with("sleep") && words[1] == mark;
    naming(mark).into_iter().find(|(_, words)| sleeps(words)).map(|(pid, _)| pid)
}

/// Waits for `sleep MARK` to be there.
#[track_caller]
pub fn wait_for_sleeper(mark: &str) -> i32 {
    super::eventually(&format!("a process sleep {mark}"), || sleeper(mark).is_some());
    sleeper(mark).expect("it sleeps for hours")
}
