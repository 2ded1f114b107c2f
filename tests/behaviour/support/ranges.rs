//! An ordinary user's ranges of ids (subuid(5)), which the machine itself need not have.

use super::{Folder, Outcome, Run, Who};
use std::fs;
use std::path::Path;

/// The first id of `RANGE`.
pub const FIRST: u32 = 100_000;
/// What `/etc/subuid` and `/etc/subgid` give the user.
pub const RANGE: &str = "aril-test:100000:65536\n";

/// An /etc with one more user, who may have ranges, in a mount namespace of the test's own.
pub struct Etc {
    folder: Folder,
    more: String,
}

impl Etc {
    pub fn new(who: &Who, subuid: &str, subgid: &str) -> Self {
        who.needs_root_behind();
        if !Path::new("/usr/bin/newuidmap").exists() {
            who.skip("no newuidmap on this machine: install uidmap");
        }
        let folder = who.folder();
        for (name, text) in [("subuid", subuid), ("subgid", subgid)] {
            fs::write(folder.join(name), text).expect("our own folder");
        }
        fs::create_dir(folder.join("layers")).expect("our own folder");
        Self { folder, more: ":".into() }
    }

    /// After this script too.
    pub fn and(mut self, more: &str) -> Self {
        self.more = more.to_string();
        self
    }

    /// It will be started there, as this user.
    pub fn around(&self, uid: u32, run: Run) -> Run {
        let script = format!(
            "set -e; mount --make-rprivate /; cd {0}; mount -t tmpfs none layers; mkdir layers/up layers/work; \
            mount -t overlay -o lowerdir=/etc,upperdir={0}/layers/up,workdir={0}/layers/work none /etc; \
            cp subuid subgid /etc; echo \"aril-test:x:{uid}:{uid}::/:/bin/sh\" >>/etc/passwd; {1}; cd /; \
            exec setpriv --reuid={uid} --regid={uid} --clear-groups \"$@\"",
            self.folder.str(),
            self.more
        );
        run.under(&["unshare", "--mount", "sh", "-c", &script, "sh"]).uid(0)
    }

    /// To its end.
    #[track_caller]
    pub fn run(&self, uid: u32, run: Run) -> Outcome {
        self.around(uid, run).run()
    }
}
