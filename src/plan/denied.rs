//! The steps by which the launcher hears of what the filter refuses (`--denied`), and what a filter's program answers.
//!
//! The filter that is installed then differs in one thing: where the program has an error for an answer it has the listener
//! answer (seccomp_unotify(2)), who asks the program itself what the error is.

use super::filter::NATIVE_ARCHITECTURE as NATIVE;
use super::{Draft, Fate, On, Step};
use crate::spec::Spec;
use crate::sys::sandbox::{Call, Instruction};
use crate::sys::{Arena, List, Word, word};
use crate::text::sentence::Sentence;
use crate::text::t;
use linux_raw_sys::general as k;

/// One such step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeniedStep<'p> {
    /// In the launcher.
    Count,
    /// In the command's process, which hands the listener over.
    Listen {
        program: &'p [Instruction],
        /// Where it is from, if not from the policy.
        path: Word<'p>,
        /// A call that was told is not told anew because of a signal.
        steadily: bool,
    },
}

impl DeniedStep<'_> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::Count => t!("begin to count what the filter refuses"),
            Self::Listen { steadily: true, .. } => {
                t!("filter system calls, and let the launcher refuse and count them")
            }
            Self::Listen { .. } => {
                t!("filter system calls, and let the launcher refuse and count them, once more after a signal")
            }
        }
    }
}

/// Before the command can have anything refused.
pub fn count(draft: &mut Draft, spec: &Spec) {
    draft.when(spec.denied, Step::Denied(DeniedStep::Count));
}

/// In place of the filter.
pub fn listen<'p>(draft: &mut Draft<'p>, program: &'p [Instruction], path: Word<'p>) {
    let step = |steadily| Step::Denied(DeniedStep::Listen { program, path, steadily });
    draft.add(Fate::Try(On::Invalid), step(true));
    draft.add(Fate::Instead, step(false));
}

// Codes of classic BPF (linux/bpf_common.h): class, and within it what is loaded, reckoned or compared, and with what.
const CLASS: u16 = 0x07;
const KIND: u16 = 0xf0;
const MODE: u16 = 0xe0;
const WITH_X: u16 = libc::BPF_X as u16;
const RETURN: u16 = libc::BPF_RET as u16;
/// `__X32_SYSCALL_BIT` of asm/unistd.h; numbers above are x32's, or none at all.
const X32: u32 = 0x4000_0000;
/// For RETURN, in place of a constant: what has been reckoned.
const ACCUMULATOR: u16 = 0x10;

/// The program with the listener's answer in place of each error.
///
/// # Errors
/// Why it cannot have one.
pub fn listening<'m>(arena: &'m Arena, program: &[Instruction]) -> Result<&'m [Instruction], Word<'static>> {
    // The call that hands the listener over: nobody is there yet to answer, and its arguments and place are not known.
    match action(program, &[k::__NR_sendmsg, NATIVE]).map(|answer| answer & libc::SECCOMP_RET_ACTION_FULL) {
        Some(libc::SECCOMP_RET_ALLOW | libc::SECCOMP_RET_LOG) => {}
        _ => return Err(word(c"this filter refuses or examines sendmsg")),
    }
    let mut changed = List::new(arena);
    changed.extend(program);
    for instruction in changed.iter_mut().filter(|instruction| instruction.code & CLASS == RETURN) {
        if instruction.code & ACCUMULATOR != 0 {
            return Err(word(c"this filter reckons its answers"));
        }
        if error(instruction.value).is_some() {
            instruction.value = libc::SECCOMP_RET_USER_NOTIF;
        }
    }
    Ok(changed.finish())
}

/// The number of a call by the table of this machine; `None`: it is by another.
pub fn native([number, architecture, ..]: Call) -> Option<u32> {
    (architecture == NATIVE && number < X32).then_some(number)
}

/// The error that is an answer, if it is one.
fn error(answer: u32) -> Option<u16> {
    /// The kernel makes a larger one this.
    const LARGEST: u16 = 4095;
    let number = (answer & libc::SECCOMP_RET_DATA) as u16;
    (answer & libc::SECCOMP_RET_ACTION_FULL == libc::SECCOMP_RET_ERRNO).then_some(number.min(LARGEST))
}

/// The error with which a program refuses a call: `None` if it has another answer for it.
pub fn answer(program: &[Instruction], call: &Call) -> Option<u16> {
    action(program, call).and_then(error)
}

/// What a program answers to a call of which so much is known: `None` if it ends the process by an error of its own, or looks at
/// more of the call.
///
/// All that the kernel takes for a filter (`seccomp_check_filter`) can be asked.
fn action(program: &[Instruction], call: &[u32]) -> Option<u32> {
    /// What `BPF_LEN` gives: the size of `struct seccomp_data`.
    const LENGTH: u32 = size_of::<Call>() as u32;
    let (mut at, mut accumulator, mut index, mut memory) = (0, 0u32, 0u32, [0u32; 16]);
    loop {
        // The kernel has seen to it that a program ends, and ends with an answer.
        let Instruction { code, then, otherwise, value } = *program.get(at)?;
        at += 1;
        let operand = if code & WITH_X == 0 { value } else { index };
        let cell = value as usize % memory.len();
        match u32::from(code & CLASS) {
            class @ (libc::BPF_LD | libc::BPF_LDX) => {
                let loaded = match u32::from(code & MODE) {
                    libc::BPF_IMM => value,
                    libc::BPF_ABS => *call.get(value as usize / size_of::<u32>())?,
                    libc::BPF_MEM => memory[cell],
                    _ => LENGTH,
                };
                if class == libc::BPF_LD {
                    accumulator = loaded;
                } else {
                    index = loaded;
                }
            }
            libc::BPF_ST => memory[cell] = accumulator,
            libc::BPF_STX => memory[cell] = index,
            libc::BPF_ALU => {
                accumulator = match u32::from(code & KIND) {
                    libc::BPF_ADD => accumulator.wrapping_add(operand),
                    libc::BPF_SUB => accumulator.wrapping_sub(operand),
                    libc::BPF_MUL => accumulator.wrapping_mul(operand),
                    // By zero: the kernel ends the process.
                    libc::BPF_DIV => accumulator.checked_div(operand)?,
                    libc::BPF_OR => accumulator | operand,
                    libc::BPF_AND => accumulator & operand,
                    libc::BPF_LSH => accumulator.wrapping_shl(operand),
                    libc::BPF_RSH => accumulator.wrapping_shr(operand),
                    libc::BPF_XOR => accumulator ^ operand,
                    _ => accumulator.wrapping_neg(),
                }
            }
            libc::BPF_JMP => {
                let holds = match u32::from(code & KIND) {
                    libc::BPF_JA => {
                        at += value as usize;
                        continue;
                    }
                    libc::BPF_JEQ => accumulator == operand,
                    libc::BPF_JGT => accumulator > operand,
                    libc::BPF_JGE => accumulator >= operand,
                    _ => accumulator & operand != 0,
                };
                at += usize::from(if holds { then } else { otherwise });
            }
            libc::BPF_RET => return Some(if code & ACCUMULATOR == 0 { value } else { accumulator }),
            _ if u32::from(code & KIND) == libc::BPF_TAX => index = accumulator,
            _ => accumulator = index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::filter;
    use crate::spec::USUAL_CAPABILITIES;
    use crate::sys::{Errno, identity, sandbox};

    const ERRNO: u32 = libc::SECCOMP_RET_ERRNO;

    fn step(code: u32, value: u32) -> Instruction {
        Instruction { code: code as u16, then: 0, otherwise: 0, value }
    }

    /// Numbers that look like chance (xorshift).
    struct Chance(u32);

    impl Chance {
        fn next(&mut self) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            self.0
        }

        fn below(&mut self, most: u32) -> u32 {
            (self.next() >> 8) % most
        }

        /// Any instruction that the kernel takes and that is no answer.
        fn instruction(&mut self, left: u8) -> Instruction {
            let with = if self.below(2) == 0 { libc::BPF_K } else { libc::BPF_X };
            let value = self.next() >> self.below(32);
            match self.below(8) {
                0 => step(libc::BPF_LD | libc::BPF_ABS, 4 * self.below(2) + 16 + 4 * self.below(10)),
                1 => {
                    let class = if self.below(2) == 0 { libc::BPF_LD } else { libc::BPF_LDX };
                    match self.below(3) {
                        0 => step(class | libc::BPF_IMM, value),
                        1 => step(class | libc::BPF_MEM, self.below(16)),
                        _ => step(class | libc::BPF_LEN, 0),
                    }
                }
                2 => step(if self.below(2) == 0 { libc::BPF_ST } else { libc::BPF_STX }, self.below(16)),
                3 => step(libc::BPF_MISC | if self.below(2) == 0 { libc::BPF_TAX } else { libc::BPF_TXA }, 0),
                4 | 5 => {
                    let kinds = [
                        libc::BPF_ADD,
                        libc::BPF_SUB,
                        libc::BPF_MUL,
                        libc::BPF_OR,
                        libc::BPF_AND,
                        libc::BPF_XOR,
                        libc::BPF_NEG,
                        libc::BPF_LSH,
                        libc::BPF_RSH,
                        libc::BPF_DIV,
                    ];
                    let kind = kinds[self.below(10) as usize];
                    match kind {
                        libc::BPF_NEG => step(libc::BPF_ALU | kind, 0),
                        // By an index it would be a matter of chance whether the thread is ended.
                        libc::BPF_DIV => step(libc::BPF_ALU | kind, value.max(1)),
                        libc::BPF_LSH | libc::BPF_RSH => step(libc::BPF_ALU | kind | with, value % 32),
                        _ => step(libc::BPF_ALU | kind | with, value),
                    }
                }
                6 => step(libc::BPF_JMP | libc::BPF_JA, self.below(u32::from(left))),
                _ => {
                    let kinds = [libc::BPF_JEQ, libc::BPF_JGT, libc::BPF_JGE, libc::BPF_JSET];
                    let kind = kinds[self.below(4) as usize];
                    let [then, otherwise] = [(); 2].map(|()| self.below(u32::from(left)) as u8);
                    Instruction { then, otherwise, ..step(libc::BPF_JMP | kind | with, value) }
                }
            }
        }

        /// One that looks at getppid(2) alone, and makes twelve bits of what it reckons the error.
        fn program(&mut self) -> Vec<Instruction> {
            const BODY: u8 = 30;
            let load = |offset| step(libc::BPF_LD | libc::BPF_ABS, offset);
            let is_ours = Instruction { then: 1, ..step(libc::BPF_JMP | libc::BPF_JEQ, k::__NR_getppid) };
            let mut program = vec![load(0), is_ours, step(libc::BPF_RET, libc::SECCOMP_RET_ALLOW)];
            // A cell that is read before it was written is refused by the kernel.
            program.extend((0..16).map(|cell| step(libc::BPF_ST, cell)));
            program.extend((0..BODY).map(|at| self.instruction(BODY - at)));
            let reckon = |kind, value| step(libc::BPF_ALU | kind, value);
            program.extend([
                step(libc::BPF_ST, 0),
                reckon(libc::BPF_RSH, 12),
                step(libc::BPF_MISC | libc::BPF_TAX, 0),
                step(libc::BPF_LD | libc::BPF_MEM, 0),
                reckon(libc::BPF_XOR | libc::BPF_X, 0),
                reckon(libc::BPF_AND, 0xfff),
                reckon(libc::BPF_OR, ERRNO),
                step(libc::BPF_RET | libc::BPF_A, 0),
            ]);
            program
        }
    }

    /// The kernel itself runs each of many programs, over a thread of its own.
    #[test]
    fn a_program_answers_as_in_the_kernel() {
        let mut chance = Chance(9);
        let mut errors = 0;
        for _ in 0..300 {
            let program = chance.program();
            let arguments = [(); 6].map(|()| (chance.next() as usize) << 32 | chance.next() as usize);
            let mut call = Call::default();
            (call[0], call[1]) = (k::__NR_getppid, NATIVE);
            for (place, argument) in arguments.iter().enumerate() {
                (call[4 + 2 * place], call[5 + 2 * place]) = (*argument as u32, (*argument >> 32) as u32);
            }
            let expected = answer(&program, &call).expect("always an error");
            let shown = program.clone();
            let asked = std::thread::spawn(move || {
                identity::set_no_new_privs().unwrap();
                sandbox::set_seccomp_filter(&program).unwrap();
                sandbox::getppid_with(arguments)
            });
            let expected = if expected == 0 { Ok(0) } else { Err(Errno(expected)) };
            assert_eq!(asked.join().unwrap(), expected, "{call:x?} {shown:x?}");
            errors += usize::from(expected.is_err());
        }
        assert!(errors > 250, "{errors}");
    }

    #[test]
    fn each_error_is_the_listener_s_and_nothing_else_is() {
        let arena = Arena::new().unwrap();
        let program = filter::program(&arena, USUAL_CAPABILITIES);
        let changed = listening(&arena, program).unwrap();
        assert_eq!(changed.len(), program.len());
        let mut asked = 0;
        for (after, before) in changed.iter().zip(program) {
            if before.code == libc::BPF_RET as u16 && before.value & libc::SECCOMP_RET_ACTION_FULL == ERRNO {
                assert_eq!(*after, Instruction { value: libc::SECCOMP_RET_USER_NOTIF, ..*before });
                asked += 1;
            } else {
                assert_eq!(after, before);
            }
        }
        assert!(asked > 1);
        let ioctl = |request| {
            let mut call = Call::default();
            (call[0], call[1], call[6]) = (k::__NR_ioctl, NATIVE, request);
            call
        };
        assert_eq!(answer(program, &ioctl(linux_raw_sys::ioctl::TIOCSTI)), Some(Errno::EPERM.0));
        assert_eq!(answer(program, &ioctl(linux_raw_sys::ioctl::TIOCGWINSZ)), None);
    }

    #[test]
    fn one_that_nobody_could_listen_to_is_none() {
        let arena = Arena::new().unwrap();
        for program in [
            &[step(libc::BPF_RET, ERRNO | 1)][..],
            &[step(libc::BPF_LD | libc::BPF_IMM, libc::SECCOMP_RET_ALLOW), step(libc::BPF_RET | libc::BPF_A, 0)],
        ] {
            assert!(listening(&arena, program).is_err(), "{program:?}");
        }
        let load = |offset| step(libc::BPF_LD | libc::BPF_ABS, offset);
        let choose = |value| Instruction { then: 1, ..step(libc::BPF_JMP | libc::BPF_JEQ, value) };
        let ends = [step(libc::BPF_RET, ERRNO | 1), step(libc::BPF_RET, libc::SECCOMP_RET_ALLOW)];
        let listened = |head: &[Instruction]| listening(&arena, &[head, &ends].concat()).is_ok();
        // The call itself; its first argument, and the place from which it is.
        assert!(listened(&[load(0), choose(k::__NR_sendmsg)]));
        assert!(!listened(&[load(16), choose(0)]) && !listened(&[load(8), choose(0)]));
        // Of any other it may look at all.
        assert!(listened(&[load(0), Instruction { then: 3, ..choose(k::__NR_sendmsg) }, load(16), choose(0)]));
        // Answers that hold up the call, or end it, though none is an error.
        for wrong in [libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_TRACE, libc::SECCOMP_RET_TRAP, 0] {
            assert!(listening(&arena, &[step(libc::BPF_RET, wrong)]).is_err(), "{wrong:x}");
        }
        // A larger error than there is; and none, with which a call does nothing and says that all is well.
        let of = |value| answer(&[step(libc::BPF_RET, value)], &Call::default());
        assert_eq!((of(ERRNO | 0xffff), of(ERRNO), of(libc::SECCOMP_RET_KILL_PROCESS)), (Some(4095), Some(0), None));
    }

    #[test]
    fn a_call_of_another_table_has_no_number_here() {
        let of = |number, architecture| native(std::array::from_fn(|at| [number, architecture][at % 2]));
        assert_eq!(of(5, NATIVE), Some(5));
        assert_eq!((of(5, 0x4000_0003), of(X32 | 5, NATIVE)), (None, None));
    }
}
