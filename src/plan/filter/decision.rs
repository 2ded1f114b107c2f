//! What is decided of a call, in words.

use super::{ABSENT, ADMIN, ALLOW, Decision, NAMES, REASONS, RUNS};
use crate::plan::identity;
use crate::spec::{Filter, Spec};
use crate::sys::identity::CapabilitySet;
use crate::sys::{Arena, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Text, Told, copy, names, split, t};

/// Writes what is decided of the call of this name, where the caller has these capabilities.
///
/// # Errors
/// There is no such call.
pub fn write_decision<'m>(text: &mut Text<'m>, spec: &Spec, capabilities: CapabilitySet, name: Word) -> Told<'m, ()> {
    let arena = text.arena();
    let Some(decision) = decision(arena, name) else {
        let problem = Problem::refused(arena, t!("no system call is called % here"), &[name]);
        return Err(problem.advise(arena, t!("those that are newer than this list are not there (ENOSYS)"), &[]));
    };
    let kept = identity::kept(spec, capabilities);
    let (sentence, word) = match spec.filter {
        Filter::Policy => say(arena, decision, kept, word(c"allowed, but not ")),
        Filter::File(path) => (t!("%: as % decides"), path),
        Filter::Unconfined => (t!("%: allowed, as every call is"), Word::default()),
    };
    text.fill(sentence, &[name, word]).add(b"\n");
    Ok(())
}

/// Writes what is refused of the call of this number, and what would allow it; its name alone where it is not the policy that
/// has refused it. Nothing if no call has the number.
pub fn write_refusal(text: &mut Text, number: usize, by_policy: bool) -> bool {
    let arena = text.arena();
    let (mut first, mut place) = (0, number);
    for [count, decision] in RUNS {
        let is_absent = *decision == ABSENT;
        if number < first + usize::from(*count) {
            if is_absent {
                return false;
            }
            let name = at(arena, t!(NAMES), place);
            // Whatever the command had, it was not enough.
            let (sentence, word) = say(arena, Decision::of(*decision), 0, Word::default());
            text.fill(if by_policy { sentence } else { t!("%") }, &[name, word]);
            return true;
        }
        first += usize::from(*count);
        place -= if is_absent { usize::from(*count) } else { 0 };
    }
    false
}

/// A sentence, with what stands for its second `%`. `refused` stands before what a rule refuses of a call.
fn say<'m>(
    arena: &'m Arena,
    decision: Decision,
    capabilities: CapabilitySet,
    refused: Word<'m>,
) -> (Sentence, Word<'m>) {
    let mut word = refused;
    let sentence = match decision {
        Decision::UnlessAdmin(_) | Decision::With(_) => {
            let any = if let Decision::With(any) = decision { any } else { ADMIN };
            let opened = capabilities & any;
            // The one that opens the least.
            let least = if opened != 0 { opened } else { any & !ADMIN };
            word = capability(arena, if least != 0 { least } else { ADMIN });
            match decision {
                _ if opened != 0 => t!("%: allowed, by the capability %"),
                Decision::With(_) => t!("%: refused (EPERM): --cap-add % allows it"),
                Decision::UnlessAdmin(ABSENT) => {
                    t!("%: not there (ENOSYS), since no filter sees its flags: --cap-add % allows it")
                }
                _ => {
                    word = refused;
                    t!("%: %for new namespaces (EPERM): --cap-add sys_admin allows them")
                }
            }
        }
        Decision::Refuse(reason) => {
            word = at(arena, t!(REASONS), reason.into());
            t!("%: refused (EPERM): %; --security-opt seccomp=unconfined or =/FILE allows it")
        }
        Decision::Enter(ALLOW) => t!("%: allowed"),
        // In the order of the policy.
        Decision::Enter(2) => t!("%: %TIOCSTI and TIOCLINUX, which type into a terminal (EPERM)"),
        Decision::Enter(3) => t!("%: %for AF_ALG, AF_VSOCK and families that are gone (EPERM)"),
        Decision::Enter(_) => t!("%: %for more than PER_LINUX, PER_LINUX32 and UNAME26 (EPERM)"),
    };
    (sentence, word)
}

/// The name of the first of a set.
fn capability(arena: &Arena, set: CapabilitySet) -> Word<'_> {
    copy(arena, &[names::at(names::CAPABILITIES, set.trailing_zeros() as usize)])
}

/// The part of a packed text at this place.
fn at<'m>(arena: &'m Arena, parts: Sentence, place: usize) -> Word<'m> {
    copy(arena, &[split(unpacked(arena, parts), b'|').nth(place).unwrap_or_default()])
}

fn unpacked(arena: &Arena, parts: Sentence) -> &[u8] {
    let mut all = Text::new(arena);
    all.fill(parts, &[]);
    all.finish()
}

/// Names are in the order of the numbers that have one.
fn decision(arena: &Arena, name: Word) -> Option<Decision> {
    let mut place = split(unpacked(arena, t!(NAMES)), b'|').position(|known| known == name.bytes())?;
    for [count, decision] in RUNS.iter().filter(|[_, decision]| *decision != ABSENT) {
        match place.checked_sub(usize::from(*count)) {
            Some(rest) => place = rest,
            None => return Some(Decision::of(*decision)),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::USUAL_CAPABILITIES;
    use linux_raw_sys::general as k;

    #[test]
    fn the_decision_on_a_call_is_told_with_what_would_change_it() {
        let arena = Arena::new().unwrap();
        let say = |name, add: CapabilitySet, filter| {
            let mut spec = Spec::new(&arena);
            (spec.capabilities, spec.filter) = (USUAL_CAPABILITIES | add, filter);
            let mut text = Text::new(&arena);
            match write_decision(&mut text, &spec, 0, name) {
                Ok(()) => String::from_utf8(text.bytes().to_vec()).unwrap(),
                Err(problem) => String::from_utf8(problem.line.bytes().to_vec()).unwrap(),
            }
        };
        for (name, add, filter, said) in [
            (c"read", 0, Filter::Policy, "read: allowed\n"),
            (c"file_setattr", 0, Filter::Policy, "file_setattr: allowed\n"),
            (c"mount", 0, Filter::Policy, "mount: refused (EPERM): --cap-add sys_admin allows it\n"),
            (c"mount", ADMIN, Filter::Policy, "mount: allowed, by the capability sys_admin\n"),
            (c"mount", 0, Filter::Unconfined, "mount: allowed, as every call is\n"),
            (c"mount", 0, Filter::File(word(c"/f")), "mount: as /f decides\n"),
            (c"bpf", 0, Filter::Policy, "bpf: refused (EPERM): --cap-add bpf allows it\n"),
            (c"bpf", ADMIN, Filter::Policy, "bpf: allowed, by the capability sys_admin\n"),
            (c"bpf", 1 << k::CAP_BPF, Filter::Policy, "bpf: allowed, by the capability bpf\n"),
            (c"chroot", 0, Filter::Policy, "chroot: allowed, by the capability sys_chroot\n"),
            (
                c"keyctl",
                ADMIN,
                Filter::Policy,
                "keyctl: refused (EPERM): keys belong to no namespace; --security-opt seccomp=unconfined or =/FILE allows it\n",
            ),
            (
                c"clone3",
                0,
                Filter::Policy,
                "clone3: not there (ENOSYS), since no filter sees its flags: --cap-add sys_admin allows it\n",
            ),
            (c"clone3", ADMIN, Filter::Policy, "clone3: allowed, by the capability sys_admin\n"),
            (
                c"unshare",
                0,
                Filter::Policy,
                "unshare: allowed, but not for new namespaces (EPERM): --cap-add sys_admin allows them\n",
            ),
            (c"no_such", 0, Filter::Policy, "no system call is called no_such here"),
            (c"", 0, Filter::Policy, "no system call is called  here"),
        ] {
            assert_eq!(say(word(name), add, filter), said);
        }
        for (name, part) in [(c"ioctl", "TIOCSTI"), (c"socket", "AF_VSOCK"), (c"personality", "UNAME26")] {
            let said = say(word(name), ADMIN, Filter::Policy);
            assert!(said.contains(": allowed") && said.contains(part), "{said}");
        }
    }

    #[test]
    fn every_call_of_this_architecture_has_its_decision() {
        let arena = Arena::new().unwrap();
        let names: Vec<&str> = NAMES.split('|').collect();
        let runs = RUNS.iter().filter(|[_, decision]| *decision != ABSENT).map(|[count, _]| usize::from(*count));
        assert_eq!(names.len(), runs.sum::<usize>());
        for name in names {
            let name = std::ffi::CString::new(name).unwrap();
            assert!(decision(&arena, Word::new(&name)).is_some(), "{name:?}");
        }
    }
}
