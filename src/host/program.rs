//! This very program: who could write to it, and whether someone inside could.

use super::{Host, Look, ids};
use crate::spec::{ChangeRoot, IdRange, Spec};
use crate::sys::{At, Errno, Word, file, word};

const PROGRAM: Word = word(c"/proc/self/exe");

/// Who may write to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    Nobody,
    /// This user, who owns it.
    Owner(u32),
    /// Others too, by its mode.
    Anyone,
}

impl Host<'_> {
    /// Finds out who may write to this program, where these users are inside, and whether no more has to be looked at.
    #[inline(never)]
    pub(super) fn ends_at_program(&mut self, spec: &Spec, uids: &[IdRange], how: Look) -> bool {
        self.program = self.writer_of_program();
        // Whoever cannot write anyway need not be kept from it. To follow that link takes 3 microseconds.
        if self.is_exposed(spec, uids) && file::is_read_only(PROGRAM) == Ok(true) {
            self.program = Writer::Nobody;
        }
        self.is_whole = matches!(how, Look::All) || !self.is_exposed(spec, uids);
        !self.is_whole
    }

    /// Who may write to this program for whoever executes it next. Not to one without a name, as a copy in memory is; and without
    /// /proc nobody finds it. Where it cannot be told, it may be the caller's own.
    fn writer_of_program(&self) -> Writer {
        /// Of the group and of others. Whom an access control list lets write, the group's bits show (acl(5), the mask).
        const OTHERS: u32 = 0o022;
        match file::fstatat(At::CWD, PROGRAM) {
            Err(Errno::ENOENT) => Writer::Nobody,
            Err(_) => Writer::Owner(self.uid),
            Ok(stat) if stat.links == 0 => Writer::Nobody,
            Ok(stat) if stat.mode & OTHERS == 0 => Writer::Owner(stat.uid),
            Ok(_) => Writer::Anyone,
        }
    }

    /// Whether someone inside, where these users are, could write to this program: if he may be its owner or anyone may, and finds
    /// it. The kernel itself executes it in place of an entry point that begins with `#!/proc/self/exe`, and then nothing hides it;
    /// and without a user namespace of its own a command that may trace others can open even what is hidden from others.
    pub fn is_exposed(&self, spec: &Spec, uids: &[IdRange]) -> bool {
        let may_write = match self.program {
            Writer::Nobody => false,
            Writer::Owner(owner) => ids::is_inside(spec, uids, owner),
            Writer::Anyone => true,
        };
        // A rehearsal executes nothing, least of all itself again. A root that is the host's shows its programs anyway.
        may_write && !spec.is_rehearsal() && spec.change_root != ChangeRoot::None
    }
}
