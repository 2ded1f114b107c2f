//! The filter that every command gets (seccomp(2)). `policy` says what it allows, and build.rs makes tables of that; here the
//! program for the capabilities that a command may have is put together.
//!
//! The kernel tries a new filter on every number, and does not ask it again about those that are allowed whatever the arguments
//! are (`seccomp_cache_prepare_bitmap`, from Linux 5.11 on). It can follow comparisons alone and neither shifts nor registers, so
//! what is decided is found by halving, and a bitmap would cost every call its time.

#[cfg(test)]
#[expect(dead_code, reason = "some of it is for build.rs")]
mod compile;
#[cfg(feature = "full")]
mod decision;

use super::{Draft, Step, identity};
use crate::host::Host;
#[cfg(feature = "full")]
use crate::spec::Filter;
use crate::spec::Spec;
#[cfg(feature = "full")]
use crate::sys::Word;
use crate::sys::identity::CapabilitySet;
use crate::sys::sandbox::Instruction;
use crate::sys::{Arena, List};
#[cfg(feature = "full")]
pub use decision::{write_decision, write_refusal};
use linux_raw_sys::general as k;

/// `AUDIT_ARCH_*` of this machine.
#[cfg(feature = "full")]
pub(super) const NATIVE_ARCHITECTURE: u32 = ARCHITECTURE;

include!(concat!(env!("OUT_DIR"), "/filter.rs"));

/// What is decided of an architecture's calls, as build.rs has compiled it.
#[derive(Clone, Copy, Debug)]
struct Tables<'t> {
    /// `AUDIT_ARCH_*` of linux/audit.h.
    architecture: u32,
    /// From 0 upwards: of how many numbers what is decided.
    runs: &'t [[u8; 2]],
    /// Where in the tail that begins which a decision names.
    entries: &'t [u8],
    /// Where EPERM is in it.
    refused: u8,
    /// Rules about arguments, and the answers.
    tail: &'t [Instruction],
}

const NATIVE: Tables =
    Tables { architecture: ARCHITECTURE, runs: RUNS, entries: ENTRIES, refused: REFUSED, tail: TAIL };

// Codes of classic BPF (linux/bpf_common.h) and answers of seccomp (linux/seccomp.h).
const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

// Offsets in `struct seccomp_data` (linux/seccomp.h).
const NUMBER: u32 = 0;
const ARCHITECTURE_OF_CALL: u32 = 4;

/// What is decided of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Decision {
    /// What the entry into the tail does: the first allows, the second says that there is no such call.
    Enter(u8),
    /// It is refused for the reason of this number.
    Refuse(u8),
    /// It takes one of these capabilities.
    With(CapabilitySet),
    /// The same as `Enter`, unless there is CAP_SYS_ADMIN.
    UnlessAdmin(u8),
}

const ALLOW: u8 = 0;
const ABSENT: u8 = 1;
const ADMIN: CapabilitySet = 1 << k::CAP_SYS_ADMIN;

impl Decision {
    /// As the table has it: see `compile`.
    const fn of(byte: u8) -> Self {
        let number = byte & 0x3f;
        match byte >> 6 {
            0 if number < 0x20 => Self::Enter(number),
            0 => Self::Refuse(number & 0x1f),
            1 => Self::With(1 << number),
            2 => Self::With(1 << number | ADMIN),
            _ => Self::UnlessAdmin(number),
        }
    }
}

impl Tables<'_> {
    /// Where in the tail a call goes on, for a command with these capabilities.
    const fn entry(&self, decision: u8, capabilities: CapabilitySet) -> u8 {
        let entry = match Decision::of(decision) {
            Decision::Enter(entry) => entry,
            Decision::With(any) if capabilities & any != 0 => ALLOW,
            Decision::UnlessAdmin(_) if capabilities & ADMIN != 0 => ALLOW,
            Decision::UnlessAdmin(entry) => entry,
            _ => return self.refused,
        };
        self.entries[entry as usize]
    }

    /// The program. A jump counts the instructions that it passes over.
    fn program<'p>(&self, arena: &'p Arena, capabilities: CapabilitySet) -> &'p [Instruction] {
        let mut steps = List::new(arena);
        let (mut from, mut last) = (0, None);
        for [count, decision] in self.runs.iter().chain([&[0, ABSENT]]) {
            let entry = self.entry(*decision, capabilities);
            if last != Some(entry) {
                steps.push((from, entry));
                last = Some(entry);
            }
            from += u32::from(*count);
        }
        let mut program = List::new(arena);
        program.extend(&[
            load(ARCHITECTURE_OF_CALL),
            jump(EQUAL, self.architecture, 1, 0),
            // A foreign table: as where there is none.
            answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
            load(NUMBER),
        ]);
        let end = program.len() + steps.len() - 1;
        halve(&steps, end, &mut program);
        program.extend(self.tail);
        program.finish()
    }
}

/// Adds what finds the step in which a number is. The tail begins at `end`.
fn halve(steps: &[(u32, u8)], end: usize, program: &mut List<Instruction>) {
    let (below, above) = steps.split_at(steps.len() / 2);
    let (Some((_, low)), Some((from, high))) = (below.first(), above.first()) else { return };
    let next = program.len() + 1;
    let skip = |half: &[_], entry: u8, place| if half.len() == 1 { end + usize::from(entry) - next } else { place };
    // The halves follow, each one instruction shorter than it has steps.
    let then = skip(above, *high, below.len() - 1);
    let otherwise = skip(below, *low, 0);
    program.push(jump(AT_LEAST, *from, then as u8, otherwise as u8));
    halve(below, end, program);
    halve(above, end, program);
}

const fn load(offset: u32) -> Instruction {
    Instruction { code: LOAD, then: 0, otherwise: 0, value: offset }
}

const fn jump(code: u16, value: u32, then: u8, otherwise: u8) -> Instruction {
    Instruction { code, then, otherwise, value }
}

const fn answer(value: u32) -> Instruction {
    Instruction { code: RETURN, then: 0, otherwise: 0, value }
}

/// Adds the filter, for the capabilities that the command may have.
pub(super) fn add<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>) {
    #[cfg(feature = "full")]
    match spec.filter {
        Filter::Policy => {}
        Filter::File(path) if spec.denied => return super::denied::listen(draft, host.filter, path),
        Filter::File(path) => return draft.must(Step::Filter { program: host.filter, path }),
        Filter::Unconfined => return,
    }
    #[cfg(feature = "full")]
    if spec.denied {
        let program = program(draft.lines.arena(), identity::kept(spec, host.capabilities));
        return super::denied::listen(draft, program, Word::default());
    }
    add_policy(draft, spec, host);
}

/// Adds it for the init too, if the command can trace that: whoever traces a process makes calls in its name. A program of the
/// caller's own may refuse what an init needs.
pub(super) fn add_for_init<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>) {
    #[cfg(feature = "full")]
    if spec.filter == Filter::Unconfined {
        return;
    }
    if identity::kept(spec, host.capabilities) >> k::CAP_SYS_PTRACE & 1 == 1 {
        draft.must(Step::NoNewPrivileges);
        add_policy(draft, spec, host);
    }
}

#[inline(never)]
fn add_policy<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>) {
    draft.must(Step::Filter {
        program: program(draft.lines.arena(), identity::kept(spec, host.capabilities)),
        #[cfg(feature = "full")]
        path: Word::default(),
    });
}

/// The same as a constant, for a program that has no memory for more.
#[cfg(feature = "floor")]
pub const OF_USUAL_CAPABILITIES: &[Instruction] = USUAL;

/// The policy's program for a command that has at most these capabilities.
pub fn program(arena: &Arena, capabilities: CapabilitySet) -> &[Instruction] {
    // To put it together is a quarter of the instructions of a start.
    #[cfg(feature = "full")]
    if capabilities == crate::spec::USUAL_CAPABILITIES {
        return USUAL;
    }
    NATIVE.program(arena, capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::USUAL_CAPABILITIES;
    use crate::text::names;
    use compile::Architecture;

    const POLICY: &str = include_str!("policy");
    const CALLS: &str = include_str!("calls");
    const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
    const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    const HAS: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;

    /// What the kernel answers, after how many instructions; and whether it needs no argument for that, so that it need not
    /// be asked again.
    fn run(program: &[Instruction], architecture: u32, number: u32, arguments: &[u64]) -> (u32, usize, bool) {
        let mut data = [0u8; 64];
        data[..4].copy_from_slice(&number.to_le_bytes());
        data[4..8].copy_from_slice(&architecture.to_le_bytes());
        for (place, argument) in arguments.iter().enumerate() {
            data[16 + 8 * place..][..8].copy_from_slice(&argument.to_le_bytes());
        }
        let (mut at, mut value, mut count, mut is_constant) = (0, 0, 0, true);
        loop {
            let Instruction { code, then, otherwise, value: operand } = program[at];
            let skip = |holds| usize::from(if holds { then } else { otherwise });
            at += 1;
            count += 1;
            match code {
                LOAD => {
                    let from = operand as usize;
                    is_constant &= from < 8;
                    value = u32::from_le_bytes(data[from..from + 4].try_into().unwrap());
                }
                EQUAL => at += skip(value == operand),
                AT_LEAST => at += skip(value >= operand),
                HAS => at += skip(value & operand != 0),
                RETURN => return (operand, count, is_constant),
                _ => panic!("code {code}"),
            }
        }
    }

    /// An architecture with its tables, its calls and a way to ask.
    struct Machine {
        architecture: Architecture,
        compiled: compile::Tables,
        numbers: std::collections::BTreeMap<&'static str, Option<u16>>,
    }

    impl Machine {
        fn all() -> [Self; 2] {
            Architecture::ALL.map(|architecture| Self {
                architecture,
                compiled: compile::Tables::new(POLICY, CALLS, architecture).unwrap(),
                numbers: compile::numbers(CALLS, architecture).unwrap(),
            })
        }

        fn program(&self, capabilities: CapabilitySet) -> Vec<Instruction> {
            let arena = Arena::new().unwrap();
            let runs: Vec<[u8; 2]> = self.compiled.runs.iter().map(|(count, decision)| [*count, *decision]).collect();
            let tail: Vec<Instruction> = self.compiled.tail.iter().map(instruction).collect();
            let tables = Tables {
                architecture: self.architecture.audit(),
                runs: &runs,
                entries: &self.compiled.entries,
                refused: self.compiled.refused,
                tail: &tail,
            };
            tables.program(&arena, capabilities).to_vec()
        }

        fn ask(&self, program: &[Instruction], name: &str, arguments: &[u64]) -> Option<(u32, usize, bool)> {
            let number = self.numbers[name]?;
            Some(run(program, self.architecture.audit(), number.into(), arguments))
        }
    }

    fn instruction(&(code, then, otherwise, value): &compile::Instruction) -> Instruction {
        Instruction { code, then, otherwise, value }
    }

    /// The headings below which a call stands in the policy, and its rule if it has one.
    fn sections(name: &str) -> (Vec<&'static str>, Option<&'static str>) {
        let (mut heading, mut found, mut rule) = ("", Vec::new(), None);
        for line in POLICY.lines().filter(|line| !line.trim_start().starts_with('#')) {
            if !line.starts_with(' ') {
                heading = line;
            } else if heading == "by argument" {
                rule = rule.or(Some(line.trim()).filter(|line| line.split(' ').next() == Some(name)));
            } else if line.split(' ').any(|word| word == name) {
                found.push(heading);
            }
        }
        (found, rule)
    }

    /// No capability, the usual ones, all, and each alone.
    fn sets() -> impl Iterator<Item = CapabilitySet> {
        [0, USUAL_CAPABILITIES, u64::MAX].into_iter().chain((0..=k::CAP_LAST_CAP).map(|one| 1 << one))
    }

    #[test]
    fn every_call_is_answered_as_the_policy_says_for_every_capability() {
        for machine in Machine::all() {
            for capabilities in sets() {
                let program = machine.program(capabilities);
                for name in machine.numbers.keys() {
                    let (sections, rule) = sections(name);
                    let opens = |heading: &&str| {
                        let name = heading.strip_prefix("with ").unwrap_or("-");
                        names::capability(name.as_bytes()).is_some_and(|one| capabilities & one != 0)
                    };
                    let expected = match (rule, &sections[..]) {
                        (Some("clone3 absent unless sys_admin"), []) => {
                            if capabilities & ADMIN == 0 {
                                ENOSYS
                            } else {
                                ALLOWED
                            }
                        }
                        // Without arguments all others are allowed.
                        (Some(_), []) | (None, ["allow"]) => ALLOWED,
                        (None, [refuse]) if refuse.starts_with("refuse ") => EPERM,
                        (None, with) => {
                            if with.iter().any(opens) {
                                ALLOWED
                            } else {
                                EPERM
                            }
                        }
                        other => panic!("{name}: {other:?}"),
                    };
                    let Some((answer, _, is_constant)) = machine.ask(&program, name, &[]) else { continue };
                    assert_eq!(answer, expected, "{name} on {:?} with {capabilities:x}", machine.architecture);
                    assert!(rule.is_some() || is_constant, "{name} is decided without its arguments");
                }
            }
        }
    }

    #[test]
    fn what_nobody_knows_and_foreign_tables_are_not_there() {
        for machine in Machine::all() {
            let native = machine.architecture.audit();
            let known: Vec<u32> = machine.numbers.values().flatten().map(|number| u32::from(*number)).collect();
            for capabilities in sets() {
                let program = machine.program(capabilities);
                let strange = (0..2000).filter(|number| !known.contains(number));
                // x32's numbers (`__X32_SYSCALL_BIT` of asm/unistd.h), and others with high bits.
                for number in strange.chain([0x4000_0000, 0x4000_0001, 0x4000_0208, 0x8000_0000, u32::MAX]) {
                    assert_eq!(
                        run(&program, native, number, &[]),
                        (ENOSYS, run(&program, native, number, &[]).1, true)
                    );
                }
                // i386, arm, and the other one of ours.
                for foreign in
                    [0x4000_0003, 0x4000_0028, 0xc000_003e, 0xc000_00b7].into_iter().filter(|one| *one != native)
                {
                    for number in 0..500 {
                        assert_eq!(run(&program, foreign, number, &[0, 0x5413]).0, ENOSYS, "{foreign:x} {number}");
                    }
                }
            }
        }
    }

    #[test]
    fn rules_about_arguments_look_at_what_the_kernel_looks_at() {
        // What stands above the 32 bits of an `int` is nothing to the kernel.
        const HIGH: u64 = 0xdead_beef_0000_0000;
        let admin = |answer| (answer, ALLOWED);
        let always = |answer| (answer, answer);
        for (name, arguments, (without, with)) in [
            ("ioctl", &[0, 0x5413][..], always(ALLOWED)),
            ("ioctl", &[0x5412, 0x5413], always(ALLOWED)),
            ("ioctl", &[0, 0x5412], always(EPERM)),
            ("ioctl", &[0, HIGH | 0x5412], always(EPERM)),
            ("ioctl", &[0, 0x541c], always(EPERM)),
            ("ioctl", &[0, HIGH | 0x541c], always(EPERM)),
            ("read", &[0, 0x5412], always(ALLOWED)),
            ("personality", &[0], always(ALLOWED)),
            ("personality", &[8], always(ALLOWED)),
            ("personality", &[0xffff_ffff], always(ALLOWED)),
            ("personality", &[u64::MAX], always(ALLOWED)),
            ("personality", &[0x2_0000], always(ALLOWED)),
            ("personality", &[0x2_0008], always(ALLOWED)),
            // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC.
            ("personality", &[0x4_0000], always(EPERM)),
            ("personality", &[HIGH | 0x40_0000], always(EPERM)),
            ("clone", &[17], admin(ALLOWED)),
            ("clone", &[0x3d_0f00], admin(ALLOWED)),
            ("clone", &[k::CLONE_NEWUSER as u64 | 17], admin(EPERM)),
            ("clone", &[HIGH | k::CLONE_NEWNS as u64], admin(EPERM)),
            ("unshare", &[0], admin(ALLOWED)),
            ("unshare", &[(k::CLONE_FS | k::CLONE_FILES | k::CLONE_SYSVSEM) as u64], admin(ALLOWED)),
            ("unshare", &[k::CLONE_NEWUSER as u64], admin(EPERM)),
            ("unshare", &[k::CLONE_NEWTIME as u64], admin(EPERM)),
            // Flags that are new, below and above 32 bits.
            ("unshare", &[0x10_0000], admin(EPERM)),
            ("unshare", &[1 << 37], admin(EPERM)),
            ("clone3", &[0, 0], admin(ENOSYS)),
        ] {
            for machine in Machine::all() {
                let all = u64::MAX;
                for (capabilities, expected) in [(0, without), (all & !ADMIN, without), (ADMIN, with), (all, with)] {
                    let answer = machine.ask(&machine.program(capabilities), name, arguments).unwrap().0;
                    assert_eq!(answer, expected, "{name} {arguments:x?} with {capabilities:x}");
                }
            }
        }
    }

    /// Each namespace that `run` can make, by either call.
    #[test]
    fn no_namespace_is_made_without_the_capability() {
        for machine in Machine::all() {
            let program = machine.program(!ADMIN);
            for (.., flag) in crate::spec::Namespace::ALL {
                assert_eq!(machine.ask(&program, "unshare", &[u64::from(*flag)]).unwrap().0, EPERM);
                if *flag != k::CLONE_NEWTIME {
                    assert_eq!(machine.ask(&program, "clone", &[u64::from(*flag) | 17]).unwrap().0, EPERM);
                }
            }
        }
    }

    #[test]
    fn families_of_sockets_are_those_that_kernels_have() {
        let refused =
            [libc::AF_DECnet, libc::AF_ECONET, 20, libc::AF_IRDA, 24, libc::AF_ISDN, 37, libc::AF_ALG, libc::AF_VSOCK];
        for machine in Machine::all() {
            let program = machine.program(u64::MAX);
            for family in (0..100).chain([1000, -1]) {
                let is_refused = refused.contains(&family) || !(0..=45).contains(&family);
                for high in [0, 1 << 32] {
                    let answer = machine.ask(&program, "socket", &[family as u32 as u64 | high]).unwrap().0;
                    assert_eq!(answer, if is_refused { EPERM } else { ALLOWED }, "{family}");
                }
            }
        }
    }

    /// What docs/security.md says of the filter's size and speed.
    #[test]
    fn the_program_is_short() {
        let figures = |machine: &Machine| {
            let program = machine.program(USUAL_CAPABILITIES);
            let steps = |name: &str, arguments: &[u64]| machine.ask(&program, name, arguments).unwrap().1;
            let calls = ["read", "write", "openat"].map(|name| steps(name, &[]));
            (program.len(), calls, [steps("clone", &[17]), steps("ioctl", &[0, 0x5413]), steps("socket", &[2])])
        };
        let [x86_64, aarch64] = Machine::all();
        assert_eq!(figures(&x86_64), (107, [10, 10, 11], [12, 13, 14]));
        assert_eq!(figures(&aarch64), (111, [10, 10, 10], [12, 13, 15]));
        let longest = sets().map(|set| x86_64.program(set).len()).max();
        assert!(longest < Some(255), "a jump is a byte: {longest:?}");
    }

    /// Two ways to put it together: one for any program, one that is short.
    #[test]
    fn the_program_is_the_one_that_the_compiler_makes() {
        for machine in Machine::all() {
            for capabilities in sets() {
                let compiled = machine.compiled.program(machine.architecture, capabilities);
                assert_eq!(machine.program(capabilities), compiled.iter().map(instruction).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_tables_are_this_architecture_s_own() {
        let own = Architecture::named(std::env::consts::ARCH).unwrap();
        let numbers = compile::numbers(CALLS, own).unwrap();
        assert!(NUMBERS.len() > 300);
        for (name, number) in NUMBERS {
            assert_eq!(numbers[name].map(u32::from), Some(*number), "{name}");
        }
        let arena = Arena::new().unwrap();
        let [x86_64, aarch64] = Machine::all();
        let machine = if own == Architecture::X86_64 { x86_64 } else { aarch64 };
        assert_eq!(program(&arena, USUAL_CAPABILITIES), machine.program(USUAL_CAPABILITIES));
        assert_eq!(NATIVE.program(&arena, USUAL_CAPABILITIES), machine.program(USUAL_CAPABILITIES));
        assert_eq!(compile::CAPABILITIES, names::CAPABILITIES);
    }

    #[test]
    fn a_policy_that_makes_no_sense_is_refused() {
        let calls = "read 0 63\nwrite 1 64";
        let whole = "allow\n    read write # both\n";
        let problem = |policy: &str| compile::Tables::new(policy, calls, Architecture::X86_64).unwrap_err();
        assert!(compile::Tables::new(whole, calls, Architecture::X86_64).is_ok());
        for (policy, why) in [
            ("allow\n    read", "nothing is decided of write"),
            ("allow\n    read write open", "open is no call"),
            ("allow\n    read write\nrefuse it\n    read", "read is decided twice"),
            ("with chown\n    read write\nwith kill\n    read", "read is decided twice"),
            ("with root\n    read write", "no such capability: root"),
            ("allow\n    write\nby argument\n    read refuse b1 is 1", "no argument: read refuse b1 is 1"),
            (
                "allow\n    write\nby argument\n    read refuse a1 like 1",
                "neither is, has nor beyond: read refuse a1 like 1",
            ),
            ("allow\n    write\nby argument\n    read refuse a1 is x", "not a number: x: read refuse a1 is x"),
            ("deny\n    read write", "not a heading: deny"),
        ] {
            assert_eq!(problem(policy), why, "{policy}");
        }
    }
}
