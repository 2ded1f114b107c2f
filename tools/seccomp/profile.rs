//! A container engine's profile of system calls, as JSON, and the program that does the same.
//!
//! It means what it means to Docker, Podman and runc, with two differences: it is for one architecture, so that tables of others
//! are answered ENOSYS, and a profile that asks somebody (SCMP_ACT_NOTIFY) is refused.

#[allow(dead_code)]
#[path = "../../src/plan/filter/compile.rs"]
mod compile;

pub use compile::Architecture;

use compile::{ALLOWED, ENOSYS, EPERM, ERRNO, Instruction, LOAD, RETURN, argument, assemble, numbers};
use serde::Deserialize;
use std::collections::BTreeMap;

const CALLS: &str = include_str!("../../src/plan/filter/calls");

/// For whom a profile is compiled.
pub struct For {
    pub architecture: Architecture,
    /// As bits: what the command may have at most.
    pub capabilities: u64,
    pub kernel: (u32, u32),
}

/// The program, as the bytes of a file.
pub fn program(json: &str, whom: &For) -> Result<Vec<u8>, String> {
    let profile: Profile = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    for (code, then, otherwise, value) in profile.compile(whom)? {
        bytes.extend(code.to_le_bytes());
        bytes.extend([then, otherwise]);
        bytes.extend(value.to_le_bytes());
    }
    Ok(bytes)
}

/// Of config.json's `linux.seccomp` (the runtime specification), with what engines add to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u32>,
    #[serde(default)]
    syscalls: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    names: Vec<String>,
    /// What older profiles have in place of a list.
    name: Option<String>,
    action: String,
    errno_ret: Option<u32>,
    args: Option<Vec<Comparison>>,
    includes: Option<Conditions>,
    excludes: Option<Conditions>,
}

#[derive(Deserialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
struct Comparison {
    index: u32,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conditions {
    #[serde(default)]
    caps: Vec<String>,
    #[serde(default)]
    arches: Vec<String>,
    min_kernel: Option<String>,
}

/// Comparisons that must all hold, and the answer then.
type Rule = (Vec<Comparison>, u32);

impl Profile {
    fn compile(&self, whom: &For) -> Result<Vec<Instruction>, String> {
        let default = answer(&self.default_action, self.default_errno_ret)?;
        let mut rules: BTreeMap<&str, Vec<Rule>> = BTreeMap::new();
        for entry in &self.syscalls {
            if !entry.holds(whom)? {
                continue;
            }
            let answer = answer(&entry.action, entry.errno_ret)?;
            for name in entry.names.iter().chain(&entry.name) {
                rules.entry(name).or_default().extend(entry.alternatives().map(|all| (all, answer)));
            }
        }
        // Names that are of other architectures alone, or older than all of these, mean nothing here.
        let known = numbers(CALLS, whom.architecture)?;
        let known: BTreeMap<u32, &str> =
            known.into_iter().filter_map(|(name, number)| Some((number?.into(), name))).collect();

        let mut tail = Tail::default();
        let last = known.keys().next_back().copied().unwrap_or_default();
        let mut steps = Vec::new();
        for number in 0..=last {
            let rules = known.get(&number).and_then(|name| rules.get(name));
            steps.push((number, tail.entry(rules.map_or(&[], Vec::as_slice), default)?));
        }
        // As runc has it: programs try what is newer than the profile, and take another way only where it is not there.
        let newer = if default & 0xffff_0000 == ERRNO { ERRNO | ENOSYS } else { default };
        steps.push((last + 1, tail.entry(&[], newer)?));
        let program = assemble(whom.architecture, &steps, &tail.instructions)?;
        if program.len() > 4096 {
            Err(format!("{} instructions, and 4096 is the most", program.len()))
        } else {
            Ok(program)
        }
    }
}

impl Entry {
    fn holds(&self, whom: &For) -> Result<bool, String> {
        let includes = match &self.includes {
            Some(all) => {
                all.caps(whom)?.all(|has| has) && all.arch(whom).unwrap_or(true) && all.kernel(whom)?.unwrap_or(true)
            }
            None => true,
        };
        let excludes = match &self.excludes {
            Some(any) => {
                any.caps(whom)?.any(|has| has) || any.arch(whom).unwrap_or(false) || any.kernel(whom)?.unwrap_or(false)
            }
            None => false,
        };
        Ok(includes && !excludes)
    }

    /// Comparisons of one argument that are more than one are alternatives, and so are all that stand beside them: so runc has it.
    fn alternatives(&self) -> impl Iterator<Item = Vec<Comparison>> {
        let all = self.args.as_deref().unwrap_or_default();
        let repeats = all.iter().any(|one| all.iter().filter(|other| other.index == one.index).count() > 1);
        if repeats { all.chunks(1).map(<[_]>::to_vec).collect() } else { vec![all.to_vec()] }.into_iter()
    }
}

impl Conditions {
    fn caps(&self, whom: &For) -> Result<impl Iterator<Item = bool>, String> {
        let number = |name: &String| {
            let known = name.trim_start_matches("CAP_").to_lowercase();
            let number = compile::CAPABILITIES.split_whitespace().position(|one| one == known);
            number.ok_or(format!("no such capability: {name}"))
        };
        let numbers = self.caps.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        Ok(numbers.into_iter().map(|number| whom.capabilities >> number & 1 == 1))
    }

    /// Names as Go has them; `None` where there are none.
    fn arch(&self, whom: &For) -> Option<bool> {
        let own = match whom.architecture {
            Architecture::X86_64 => "amd64",
            Architecture::Aarch64 => "arm64",
        };
        (!self.arches.is_empty()).then(|| self.arches.iter().any(|arch| arch == own))
    }

    fn kernel(&self, whom: &For) -> Result<Option<bool>, String> {
        self.min_kernel.as_deref().map(|least| Ok(whom.kernel >= version(least)?)).transpose()
    }
}

/// `MAJOR.MINOR`, and whatever follows.
pub fn version(text: &str) -> Result<(u32, u32), String> {
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err(format!("not a version: {text}")),
    }
}

/// What seccomp(2) returns for an action.
fn answer(action: &str, data: Option<u32>) -> Result<u32, String> {
    let data = data.map_or(EPERM, |data| data & 0xffff);
    Ok(match action {
        "SCMP_ACT_ALLOW" => ALLOWED,
        "SCMP_ACT_ERRNO" => ERRNO | data,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => 0,
        "SCMP_ACT_KILL_PROCESS" => 0x8000_0000,
        "SCMP_ACT_TRAP" => 0x0003_0000,
        "SCMP_ACT_TRACE" => 0x7ff0_0000 | data,
        "SCMP_ACT_LOG" => 0x7ffc_0000,
        _ => return Err(format!("an action that no program can have: {action}")),
    })
}

/// What follows when it is known which call it is.
#[derive(Default)]
struct Tail {
    instructions: Vec<Instruction>,
    entries: BTreeMap<(Vec<Rule>, u32), usize>,
}

impl Tail {
    /// Where these rules begin, of which the first that holds counts.
    fn entry(&mut self, rules: &[Rule], default: u32) -> Result<usize, String> {
        let mut rules = rules.to_vec();
        // What comes after one that always holds is never asked, and one that always holds is all there is.
        if let Some((_, answer)) = rules.iter().find(|(all, _)| all.is_empty()) {
            rules = if *answer == default { Vec::new() } else { vec![(Vec::new(), *answer)] };
        }
        if let Some(entry) = self.entries.get(&(rules.clone(), default)) {
            return Ok(*entry);
        }
        let entry = self.instructions.len();
        let mut ends = false;
        for (comparisons, answer) in &rules {
            let parts = comparisons.iter().map(Comparison::parts).collect::<Result<Vec<_>, _>>()?;
            // With the answer.
            let mut left = parts.iter().map(Vec::len).sum::<usize>() + 1;
            for part in &parts {
                let end = left - part.len();
                for (code, value, to) in part {
                    left -= 1;
                    let [then, otherwise] = to.map(|to| match to {
                        To::Next => 0,
                        To::Pass => left - end,
                        To::Fail => left,
                    });
                    self.instructions.push((*code, byte(then)?, byte(otherwise)?, *value));
                }
            }
            self.instructions.push((RETURN, 0, 0, *answer));
            ends |= comparisons.is_empty();
        }
        if !ends {
            self.instructions.push((RETURN, 0, 0, default));
        }
        self.entries.insert((rules, default), entry);
        Ok(entry)
    }
}

/// Where a comparison goes on: with the next instruction, behind itself, or behind its rule.
#[derive(Clone, Copy)]
enum To {
    Next,
    Pass,
    Fail,
}

fn byte(skip: usize) -> Result<u8, String> {
    skip.try_into().map_err(|_| "a rule of more comparisons than one can have".into())
}

/// The code, its value, and where it goes on if a comparison holds and if not.
type Step = (u16, u32, [To; 2]);

impl Comparison {
    /// All 64 bits are compared, the high half first.
    fn parts(&self) -> Result<Vec<Step>, String> {
        use To::{Fail, Next, Pass};
        // linux/bpf_common.h: BPF_JMP or BPF_ALU, with BPF_K.
        const EQUAL: u16 = 0x15;
        const ABOVE: u16 = 0x25;
        const AT_LEAST: u16 = 0x35;
        const AND: u16 = 0x54;
        if self.index > 5 {
            return Err(format!("no call has an argument {}", self.index));
        }
        let low = argument(self.index);
        let (upper, lower) = ((self.value >> 32) as u32, self.value as u32);
        let order = |code: u16, [above, below]: [To; 2], to| {
            vec![
                (LOAD, low + 4, [Next; 2]),
                (ABOVE, upper, [above, Next]),
                (EQUAL, upper, [Next, below]),
                (LOAD, low, [Next; 2]),
                (code, lower, to),
            ]
        };
        Ok(match self.op.as_str() {
            "SCMP_CMP_EQ" => vec![
                (LOAD, low + 4, [Next; 2]),
                (EQUAL, upper, [Next, Fail]),
                (LOAD, low, [Next; 2]),
                (EQUAL, lower, [Next, Fail]),
            ],
            "SCMP_CMP_NE" => vec![
                (LOAD, low + 4, [Next; 2]),
                (EQUAL, upper, [Next, Pass]),
                (LOAD, low, [Next; 2]),
                (EQUAL, lower, [Fail, Next]),
            ],
            "SCMP_CMP_GE" => order(AT_LEAST, [Pass, Fail], [Next, Fail]),
            "SCMP_CMP_GT" => order(ABOVE, [Pass, Fail], [Next, Fail]),
            "SCMP_CMP_LT" => order(AT_LEAST, [Fail, Pass], [Fail, Next]),
            "SCMP_CMP_LE" => order(ABOVE, [Fail, Pass], [Fail, Next]),
            "SCMP_CMP_MASKED_EQ" => vec![
                (LOAD, low + 4, [Next; 2]),
                (AND, upper, [Next; 2]),
                (EQUAL, (self.value_two >> 32) as u32, [Next, Fail]),
                (LOAD, low, [Next; 2]),
                (AND, lower, [Next; 2]),
                (EQUAL, self.value_two as u32, [Next, Fail]),
            ],
            op => return Err(format!("no such comparison: {op}")),
        })
    }
}
