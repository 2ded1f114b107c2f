//! Compiles the policy: for an architecture, what is decided of each number, and the instructions of the rules about arguments.
//!
//! It is of std, and no part of what runs: build.rs includes it, and so do tests and tools/seccomp.

use std::collections::BTreeMap;

/// As `struct sock_filter` has it: the code, how many instructions to skip if a comparison holds and if not, the value.
pub type Instruction = (u16, u8, u8, u32);

// Codes of classic BPF (linux/bpf_common.h).
pub const LOAD: u16 = 0x20;
pub const JUMP: u16 = 0x05;
pub const EQUAL: u16 = 0x15;
pub const AT_LEAST: u16 = 0x35;
pub const HAS: u16 = 0x45;
pub const RETURN: u16 = 0x06;

/// linux/seccomp.h, and asm-generic/errno-base.h and errno.h.
pub const ALLOWED: u32 = 0x7fff_0000;
pub const ERRNO: u32 = 0x0005_0000;
pub const EPERM: u32 = 1;
pub const ENOSYS: u32 = 38;

/// Where an argument is in `struct seccomp_data`: its low half, on an architecture that is little-endian.
pub const fn argument(number: u32) -> u32 {
    16 + 8 * number
}

/// Names as in linux/capability.h, in the order of their numbers.
pub const CAPABILITIES: &str = "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap \
    linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot \
    sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write \
    audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore";

/// Calls that linux-raw-sys does not have yet.
const NEWER: [&str; 1] = ["uprobe"];

// A decision is a byte. Of these two kinds it is the number of an entry into the tail, the latter where CAP_SYS_ADMIN is missing,
// which else allows the call.
pub const ALLOW: u8 = 0;
pub const ABSENT: u8 = 1;
pub const FIRST_RULE: u8 = 2;
pub const UNLESS_ADMIN: u8 = 0xc0;
/// Refused for the reason of this number.
pub const REFUSE: u8 = 0x20;
/// Refused unless there is the capability of this number; or that or CAP_SYS_ADMIN.
pub const WITH: u8 = 0x40;
pub const WITH_OR_ADMIN: u8 = 0x80;

/// Of which architecture, by its column in `calls`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Architecture {
    X86_64,
    Aarch64,
}

impl Architecture {
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// By its name in Rust.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// `AUDIT_ARCH_*` of linux/audit.h: ELF machine, 64 bits, little-endian.
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::Aarch64 => 0xc000_00b7,
        }
    }
}

/// Every call by name, and its number where this architecture has it.
pub fn numbers(calls: &str, architecture: Architecture) -> Result<BTreeMap<&str, Option<u16>>, String> {
    let mut all = BTreeMap::new();
    for line in lines(calls) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = match words.get(1 + architecture as usize) {
            Some(&"-") => None,
            Some(number) => Some(number.parse().map_err(|_| format!("not a number: {line}"))?),
            None => return Err(format!("not a name and two numbers: {line}")),
        };
        if all.insert(words[0], number).is_some() {
            return Err(format!("{} is there twice", words[0]));
        }
    }
    Ok(all)
}

/// Lines without what is behind `#`, but for those without anything else.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().trim_end()).filter(|line| !line.is_empty())
}

/// The policy for an architecture.
#[derive(Debug)]
pub struct Tables {
    /// From 0 upwards: of how many numbers what is decided. A number without a name is `ABSENT`.
    pub runs: Vec<(u8, u8)>,
    /// The rules, and what ends the program: EPERM, allowed, ENOSYS.
    pub tail: Vec<Instruction>,
    /// Where in the tail that begins which a decision names.
    pub entries: Vec<u8>,
    /// Where EPERM is.
    pub refused: u8,
    /// The names of the numbers that have one, in their order.
    pub names: Vec<String>,
    /// Whose arguments are looked at, in the order of the rules.
    pub rules: Vec<String>,
    pub reasons: Vec<String>,
}

impl Tables {
    /// Compiles `policy` with the numbers of `calls`.
    pub fn new(policy: &str, calls: &str, architecture: Architecture) -> Result<Self, String> {
        let numbers = numbers(calls, architecture)?;
        let Policy { decisions, rules, reasons } = Policy::read(policy)?;
        for name in decisions.keys() {
            if !numbers.contains_key(name.as_str()) {
                return Err(format!("{name} is no call"));
            }
        }
        let mut known = BTreeMap::new();
        for (name, number) in &numbers {
            let decision = decisions.get(*name).ok_or(format!("nothing is decided of {name}"))?;
            if let Some(number) = number {
                if known.insert(*number, (*name, *decision)).is_some() {
                    return Err(format!("two calls have the number {number}"));
                }
            }
        }
        let mut runs: Vec<(u8, u8)> = Vec::new();
        for number in 0..=known.keys().next_back().copied().unwrap_or_default() {
            let decision = known.get(&number).map_or(ABSENT, |(_, decision)| *decision);
            match runs.last_mut() {
                Some((count, last)) if *last == decision && *count < u8::MAX => *count += 1,
                _ => runs.push((1, decision)),
            }
        }
        let (tail, entries, refused) = tail(&rules);
        // A jump passes over 255 at most, and no more than all that finds a number and all that decides.
        if runs.len() + tail.len() >= 250 {
            return Err("the program is longer than a jump can be".into());
        }
        let names = known.values().map(|(name, _)| (*name).to_string()).collect();
        Ok(Self { runs, tail, entries, refused, names, rules: rules.into_iter().map(|rule| rule.0).collect(), reasons })
    }

    /// The program for a command with these capabilities.
    pub fn program(&self, architecture: Architecture, capabilities: u64) -> Vec<Instruction> {
        let has = |number| capabilities >> number & 1 == 1;
        let is_admin = CAPABILITIES.split_whitespace().position(|name| name == "sys_admin").is_some_and(has);
        let mut steps = Vec::new();
        let mut from = 0;
        for (count, decision) in self.runs.iter().chain([&(0, ABSENT)]) {
            let number = decision & 0x3f;
            let opened = has(number.into()) || *decision >= WITH_OR_ADMIN && is_admin;
            let entry = match decision & 0xc0 {
                0 if number < REFUSE => self.entries[usize::from(number)],
                UNLESS_ADMIN if !is_admin => self.entries[usize::from(number)],
                WITH | WITH_OR_ADMIN if !opened => self.refused,
                0 => self.refused,
                _ => self.entries[usize::from(ALLOW)],
            };
            steps.push((from, usize::from(entry)));
            from += u32::from(*count);
        }
        assemble(architecture, &steps, &self.tail).expect("it is short")
    }

    /// As Rust, for build.rs.
    pub fn source(&self) -> String {
        let pairs: Vec<String> = self.runs.iter().map(|(count, decision)| format!("[{count}, {decision}]")).collect();
        let checked = self.names.iter().filter(|name| !NEWER.contains(&name.as_str()));
        let checked: Vec<String> = checked.map(|name| format!("({name:?}, k::__NR_{name})")).collect();
        format!(
            "const RUNS: &[[u8; 2]] = &[{}];\nconst ENTRIES: &[u8] = &{:?};\n\
             const REFUSED: u8 = {};\n#[cfg(feature = \"full\")]\nconst NAMES: &str = {:?};\n\
             #[cfg(feature = \"full\")]\nconst REASONS: &str = {:?};\n#[cfg(test)]\nconst NUMBERS: &[(&str, u32)] = &[{}];\n",
            pairs.join(", "),
            self.entries,
            self.refused,
            self.names.join("|"),
            self.reasons.join("|"),
            checked.join(", "),
        )
    }
}

/// A program as Rust.
pub fn source(program: &[Instruction]) -> String {
    let instruction = |(code, then, otherwise, value): &Instruction| {
        format!("Instruction {{ code: {code}, then: {then}, otherwise: {otherwise}, value: {value:#x} }}")
    };
    format!("[{}]", program.iter().map(instruction).collect::<Vec<_>>().join(", "))
}

/// What the policy says, whatever the architecture is.
struct Policy {
    decisions: BTreeMap<String, u8>,
    /// Names, and what is done with them.
    rules: Vec<(String, Vec<Op>)>,
    reasons: Vec<String>,
}

impl Policy {
    fn read(text: &str) -> Result<Self, String> {
        let mut policy = Self { decisions: BTreeMap::new(), rules: Vec::new(), reasons: Vec::new() };
        let mut decision = None;
        for line in lines(text) {
            if line.starts_with(' ') {
                match decision {
                    Some(decision) => line.split_whitespace().try_for_each(|name| policy.decide(name, decision))?,
                    None => policy.rule(line).map_err(|why| format!("{why}: {}", line.trim()))?,
                }
                continue;
            }
            let (verb, more) = line.split_once(' ').unwrap_or((line, ""));
            decision = match verb {
                "allow" => Some(ALLOW),
                "with" => Some(WITH | capability(more)?),
                "refuse" => {
                    policy.reasons.push(more.to_string());
                    Some(REFUSE + policy.reasons.len() as u8 - 1)
                }
                "by" => None,
                _ => return Err(format!("not a heading: {line}")),
            };
        }
        Ok(policy)
    }

    fn decide(&mut self, name: &str, decision: u8) -> Result<(), String> {
        let admin = WITH | capability("sys_admin")?;
        let Some(earlier) = self.decisions.insert(name.to_string(), decision) else { return Ok(()) };
        // One more capability may open a call besides the one that opens nearly all.
        let other = if earlier == admin { decision } else { earlier };
        if other & 0xc0 != WITH || other == admin || ![earlier, decision].contains(&admin) {
            return Err(format!("{name} is decided twice"));
        }
        self.decisions.insert(name.to_string(), WITH_OR_ADMIN | other & 0x3f);
        Ok(())
    }

    /// `NAME allow|refuse aN is|has|beyond VALUE... [unless sys_admin]`, or `NAME absent …`.
    fn rule(&mut self, line: &str) -> Result<(), String> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let lifted = words.ends_with(&["unless", "sys_admin"]);
        if lifted {
            words.truncate(words.len() - 2);
        }
        let (name, entry) = match words[..] {
            [name, "absent"] => (name, ABSENT),
            [name, verb, argument, how, ref values @ ..] => {
                let number = argument.strip_prefix('a').and_then(|number| number.parse().ok()).ok_or("no argument")?;
                self.rules.push((name.to_string(), Op::rule(verb, number, how, values)?));
                (name, FIRST_RULE + self.rules.len() as u8 - 1)
            }
            _ => return Err("not a rule".into()),
        };
        self.decide(name, if lifted { UNLESS_ADMIN | entry } else { entry })
    }
}

fn capability(name: &str) -> Result<u8, String> {
    let number = CAPABILITIES.split_whitespace().position(|known| known == name);
    number.map(|number| number as u8).ok_or(format!("no such capability: {name}"))
}

/// An instruction whose jumps are not counted yet.
#[derive(Clone, Copy, Debug)]
enum Op {
    Load(u32),
    Jump(u16, u32, To, To),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum To {
    Next,
    /// The instruction of the rule, or of the tail.
    At(usize),
    Allow,
    Refuse,
}

impl Op {
    fn rule(verb: &str, argument_number: u32, how: &str, values: &[&str]) -> Result<Vec<Self>, String> {
        let (hit, miss) = match verb {
            "allow" => (To::Allow, To::Refuse),
            "refuse" => (To::Refuse, To::Allow),
            _ => return Err("neither allow nor refuse".into()),
        };
        let low = argument(argument_number);
        let mut ops = vec![Self::Load(low)];
        match (how, values) {
            ("is", values) => {
                let ranges = values.iter().map(|value| range(value)).collect::<Result<Vec<_>, _>>()?;
                if ranges.iter().all(|(first, last)| first == last) {
                    for (number, (value, _)) in ranges.iter().enumerate() {
                        let is_last = number + 1 == ranges.len();
                        ops.push(Self::Jump(EQUAL, *value, hit, if is_last { miss } else { To::Next }));
                    }
                } else {
                    // From where on what is decided.
                    let mut steps = vec![(0, miss)];
                    for (first, last) in ranges {
                        steps.retain(|(from, _)| *from != first);
                        steps.extend([(first, hit), (last.checked_add(1).ok_or("the last value")?, miss)]);
                    }
                    tree(&steps, &mut ops);
                }
            }
            ("has", [mask]) => {
                ops.push(Self::Jump(HAS, number(mask)?, hit, miss));
            }
            ("beyond", [mask]) => {
                ops.push(Self::Jump(HAS, !number(mask)?, hit, To::Next));
                ops.push(Self::Load(low + 4));
                ops.push(Self::Jump(EQUAL, 0, miss, hit));
            }
            _ => return Err("neither is, has nor beyond".into()),
        }
        Ok(ops)
    }
}

/// Halves until it is known in which step a value is.
fn tree(steps: &[(u32, To)], ops: &mut Vec<Op>) {
    let [_, _, ..] = steps else { return };
    let (below, above) = steps.split_at(steps.len() / 2);
    let start = |steps: &[(u32, To)], at| if steps.len() == 1 { steps[0].1 } else { To::At(at) };
    let place = ops.len() + 1;
    let after = place + below.len() - 1;
    ops.push(Op::Jump(AT_LEAST, above[0].0, start(above, after), start(below, place)));
    tree(below, ops);
    tree(above, ops);
}

/// A whole program: foreign tables are answered ENOSYS, a number goes on at that entry into the tail which its step names. Steps
/// are sorted, and the first is of 0.
pub fn assemble(
    architecture: Architecture,
    steps: &[(u32, usize)],
    tail: &[Instruction],
) -> Result<Vec<Instruction>, String> {
    let mut steps = steps.to_vec();
    steps.dedup_by_key(|(_, entry)| *entry);
    let mut program =
        vec![(LOAD, 0, 0, 4), (EQUAL, 1, 0, architecture.audit()), (RETURN, 0, 0, ERRNO | ENOSYS), (LOAD, 0, 0, 0)];
    // A comparison skips at most 255. Where that is too few, each step is a jump of its own.
    let near = steps.len() + tail.len() <= usize::from(u8::MAX);
    let size = steps.len() * if near { 1 } else { 2 } - 1;
    let end = program.len() + size;
    halve(&steps, end, near, &mut program)?;
    program.extend_from_slice(tail);
    Ok(program)
}

/// Halves until it is known in which step a number is. The tail begins at `end`.
fn halve(steps: &[(u32, usize)], end: usize, near: bool, program: &mut Vec<Instruction>) -> Result<(), String> {
    let here = program.len() + 1;
    if let [(_, entry)] = steps {
        if !near {
            program.push((JUMP, 0, 0, (end + entry - here) as u32));
        }
        return Ok(());
    }
    let (below, above) = steps.split_at(steps.len() / 2);
    let after = if near { below.len() - 1 } else { 2 * below.len() - 1 };
    let skip = |half: &[(u32, usize)], place: usize| {
        let skip = if near && half.len() == 1 { end + half[0].1 - here } else { place };
        u8::try_from(skip).map_err(|_| "more calls are told apart than one program can".to_string())
    };
    program.push((AT_LEAST, skip(above, after)?, skip(below, 0)?, above[0].0));
    halve(below, end, near, program)?;
    halve(above, end, near, program)
}

fn number(word: &str) -> Result<u32, String> {
    let number = match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => word.parse(),
    };
    number.map_err(|_| format!("not a number: {word}"))
}

fn range(word: &str) -> Result<(u32, u32), String> {
    match word.split_once('-') {
        Some((first, last)) => Ok((number(first)?, number(last)?)),
        None => number(word).map(|number| (number, number)),
    }
}

/// The rules one after the other, and the answers behind them; where each begins.
fn tail(rules: &[(String, Vec<Op>)]) -> (Vec<Instruction>, Vec<u8>, u8) {
    let refused = rules.iter().map(|(_, ops)| ops.len()).sum::<usize>();
    let (allowed, absent) = (refused + 1, refused + 2);
    let mut entries = vec![allowed as u8, absent as u8];
    let mut tail = Vec::new();
    for (_, ops) in rules {
        let start = tail.len();
        entries.push(start as u8);
        for op in ops {
            let here = tail.len() + 1;
            let skip = |to| match to {
                To::Next => 0,
                To::At(place) => start + place - here,
                To::Allow => allowed - here,
                To::Refuse => refused - here,
            } as u8;
            tail.push(match *op {
                Op::Load(offset) => (LOAD, 0, 0, offset),
                Op::Jump(code, value, then, otherwise) => (code, skip(then), skip(otherwise), value),
            });
        }
    }
    tail.extend([ERRNO | EPERM, ALLOWED, ERRNO | ENOSYS].map(|answer| (RETURN, 0, 0, answer)));
    (tail, entries, refused as u8)
}
