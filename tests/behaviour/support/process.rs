//! Looks at processes through /proc, from the machine's side.

use std::fs;

/// Some fields of `/proc/PID/stat` (proc_pid_stat(5)).
pub struct Stat {
    pub state: char,
    pub parent: u32,
    pub group: i32,
    pub session: u32,
    /// The foreground process group of its terminal.
    pub foreground: i32,
}

/// None if there is no such process.
pub fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, brackets included.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<i32>().ok();
    Some(Stat {
        state: fields[0].chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: number(2)?,
        session: fields.get(3)?.parse().ok()?,
        foreground: number(5)?,
    })
}

/// Its state: `S` sleeping, `T` stopped, `Z` ended and not waited for; `-` if there is none.
pub fn state(pid: u32) -> char {
    stat(pid).map_or('-', |stat| stat.state)
}

/// How many processes of this name on the machine have ended and are not waited for.
pub fn zombies(name: &str) -> usize {
    let read = |pid| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    all().into_iter().filter(|pid| read(*pid).contains(&format!(" ({name}) Z "))).count()
}

fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

pub fn children(pid: u32) -> Vec<u32> {
    all().into_iter().filter(|child| stat(*child).is_some_and(|stat| stat.parent == pid)).collect()
}

/// The processes of a session (setsid(2)).
pub fn of_session(leader: u32) -> Vec<u32> {
    all().into_iter().filter(|pid| stat(*pid).is_some_and(|stat| stat.session == leader)).collect()
}

/// Its command line's words.
pub fn words(pid: u32) -> Vec<String> {
    // It may end while we look.
    let text = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split_terminator('\0').map(ToString::to_string).collect()
}

/// The living processes, other than the tests themselves, whose command line has this text in it.
pub fn naming(text: &str) -> Vec<(u32, Vec<String>)> {
    let named = all().into_iter().filter(|pid| *pid != std::process::id()).map(|pid| (pid, words(pid)));
    named.filter(|(_, words)| words.iter().any(|word| word.contains(text))).collect()
}

/// The living processes that name this folder in their command line or have it in their mounts.
pub fn of_folder(folder: &str) -> Vec<(u32, Vec<String>)> {
    // A mount's path begins at its file system's root, which need not be `/`.
    let end = folder.rsplitn(3, '/').take(2).collect::<Vec<_>>();
    let (name, within) = (end[0], end[1]);
    let path = format!("{within}/{name}");
    let mounts = |pid| fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let mut found = naming(folder);
    found.extend(all().into_iter().filter(|pid| mounts(*pid).contains(&path)).map(|pid| (pid, words(pid))));
    found
}

/// The process that runs `sleep MARK`, by its pid outside.
pub fn sleeper(mark: &str) -> Option<u32> {
    naming(mark).into_iter().find(|(_, words)| sleeps(words, mark)).map(|(pid, _)| pid)
}

/// How many processes run `sleep MARK`.
pub fn sleepers(mark: &str) -> usize {
    naming(mark).iter().filter(|(_, words)| sleeps(words, mark)).count()
}

fn sleeps(words: &[String], mark: &str) -> bool {
    words.len() == 2 && words[0].ends_with("sleep") && words[1] == mark
}

/// Waits for `sleep MARK` to be there.
#[track_caller]
pub fn wait_for_sleeper(mark: &str) -> u32 {
    super::eventually(&format!("a process sleep {mark}"), || sleeper(mark).is_some());
    sleeper(mark).expect("it sleeps for hours")
}
