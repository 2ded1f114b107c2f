//! Devices beyond those that every program expects, and which of all there are a container may use.
//!
//! A node's mode and owner decide who uses it, as on the host. Its mount does not: a device on a read-only one can be written
//! all the same. So reading alone, or writing, takes a control group that allows no more.
//!
//! Such a group is a second wall, for who could make a node of any device: root without a user namespace of the container's own.
//! In one mknod(2) is refused. So an ordinary user, who cannot confine a group, lacks nothing by that.

use super::identity::{Maps, outside};
use super::ids::IdStep;
use super::{Draft, Fate, Make, On, Place, Step, Tree};
use crate::host::{Host, Node};
use crate::spec::{Device, Spec};
use crate::sys::bpf::{Access, BLOCK, CHARACTER, Instruction, MKNOD, READ, WRITE};
use crate::sys::mount::Attributes;
use crate::sys::{Arena, List, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Text, Told, path, t};

/// A step for devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceStep<'p> {
    /// New nodes of the same devices, on a tmpfs. The host's are nobody's inside, devtmpfs cannot be idmapped, and only the
    /// launcher may mknod(2).
    HandOver { nodes: &'p [Node<'p>], attributes: Attributes },
    /// The one of this number at its place.
    Bind { number: usize, source: Word<'p>, path: Word<'p> },
    /// The control group may use these devices and no others.
    Allow { rules: &'p [Rule], site: usize, unified: bool },
}

impl<'p> DeviceStep<'p> {
    /// As `Step::sentence`.
    pub(super) const fn sentence(&self) -> Sentence {
        match self {
            Self::HandOver { .. } => t!("make nodes for% and hand them over%"),
            Self::Bind { .. } => t!("bind the node for % on %"),
            Self::Allow { .. } => t!("allow only these devices:%"),
        }
    }

    /// The first two words.
    pub(super) fn words<'m>(&self, arena: &'m Arena) -> [Word<'m>; 2]
    where
        'p: 'm,
    {
        let mut list = Text::new(arena);
        let mut second = Word::default();
        match *self {
            Self::HandOver { nodes, attributes } => {
                for node in nodes {
                    list.add(b" ").add(node.path.bytes());
                }
                second = super::step::flags(arena, attributes);
            }
            Self::Bind { source, path, .. } => return [source, path],
            Self::Allow { rules, .. } => {
                for rule in rules {
                    rule.write(list.add(b" "));
                }
            }
        }
        [list.word(), second]
    }
}

/// What cannot be promised, and what would not be seen.
pub fn check<'p>(arena: &'p Arena, spec: &Spec<'p>, host: &Host) -> Told<'p, ()> {
    if spec.devices.is_empty() {
        return Ok(());
    }
    let mut covers = List::new(arena);
    for mount in spec.mounts(arena).iter().filter(|mount| mount.what.is_asked()) {
        covers.push(mount.target);
    }
    // A later one lies over an earlier one.
    for device in spec.devices.iter().rev() {
        let Device { source, target, .. } = device;
        if device.is_half() && host.cgroups.of_devices.is_none() {
            let text = t!("device %: only a control group of root's forbids reading or writing alone: say rw");
            return Err(Problem::refused(arena, text, &[*source]));
        }
        if device.is_half() && is_whole_otherwise(arena, spec, host, device) {
            let text = t!("device %: another rule lets it be read and written: say rw");
            return Err(Problem::refused(arena, text, &[*source]));
        }
        if let Some(cover) = covers.iter().find(|cover| path::is_within(target.bytes(), cover.bytes())) {
            return Err(Problem::refused(arena, t!("device %: what is mounted on % hides it"), &[*source, *cover]));
        }
        covers.push(*target);
    }
    Ok(())
}

/// Whether one of the rules allows more of a device than it says: each of them is enough.
fn is_whole_otherwise(arena: &Arena, spec: &Spec, host: &Host, device: &Device) -> bool {
    let found = spec.devices.iter().zip(host.devices).find(|(other, _)| core::ptr::eq(*other, device));
    let Some((_, node)) = found else { return false };
    let [major, minor] = node.numbers();
    let kind = if node.is_block { BLOCK } else { CHARACTER };
    rules(arena, spec, host).iter().any(|rule| {
        let is_same =
            rule.kind == kind && rule.major.is_none_or(|own| own == major) && rule.minor.is_none_or(|own| own == minor);
        is_same && rule.access & (READ | WRITE) & !device.access != 0
    })
}

/// The group's rules, while it is made. Not even an error where an outer container keeps its own to itself, unless only they
/// could keep a promise.
pub fn confine<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>, site: usize) {
    if host.cgroups.of_devices == Some(site) {
        let unified = host.cgroups.all[site].hierarchy.is_unified();
        let rules = rules(draft.lines.arena(), spec, host);
        let fate = if spec.has_half_devices() { Fate::Must } else { Fate::May(On::Refused) };
        draft.add(fate, Step::Device(DeviceStep::Allow { rules, site, unified }));
    }
}

/// The launcher's part, where root inside is another than who runs aril. The nodes belong to those inside to whom the host's
/// belong outside, as if they were idmapped, or to root.
pub fn hand_over<'p>(draft: &mut Draft<'p>, host: &Host<'p>, maps: Maps) {
    let mut nodes = List::new(draft.lines.arena());
    for node in host.devices {
        let owner = |ranges, id| outside(ranges, id).or(outside(ranges, 0)).unwrap_or_default();
        nodes.push(Node { uid: owner(maps.uids, node.uid), gid: owner(maps.gids, node.gid), ..*node });
    }
    if !nodes.is_empty() {
        draft.must(Step::Device(DeviceStep::HandOver { nodes: nodes.finish(), attributes: super::mounts::DEVICE }));
    }
}

/// The nodes lie below the container's `/dev`: before Linux 6.15 only what is attached can be copied.
pub fn take<'p>(draft: &mut Draft<'p>, host: &Host, path: Word<'p>) {
    if !host.devices.is_empty() {
        draft.ids(IdStep::Take { source: word(c"the nodes"), place: Some(Place::kept(path, Tree::Devices)) });
    }
}

/// Each at its place in the container's `/dev`.
pub fn add<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, is_handed: bool) {
    for (number, device) in spec.devices.iter().enumerate() {
        let (source, path) = (device.source, device.target);
        if is_handed {
            draft.must(Step::Device(DeviceStep::Bind { number, source, path }));
        } else {
            let place = Place { make: Some(Make::File), ..Place::in_root(path) };
            draft.must(Step::Bind { source, seen: None, attributes: super::mounts::DEVICE, place });
        }
    }
}

/// Some devices, and what may be done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `CHARACTER` or `BLOCK`.
    kind: u8,
    /// Of any, if none is said.
    major: Option<u32>,
    minor: Option<u32>,
    access: Access,
}

/// What container engines have agreed to allow (the kernel's Documentation/admin-guide/devices.txt): null, zero, full, random,
/// urandom, tty, ptmx, and the slaves of pseudo-terminals. A node of any device may be made, as package managers do: to use it
/// is another matter.
const STANDARD: [Rule; 10] = [
    Rule { kind: CHARACTER, major: None, minor: None, access: MKNOD },
    Rule { kind: BLOCK, major: None, minor: None, access: MKNOD },
    character(1, Some(3)),
    character(1, Some(5)),
    character(1, Some(7)),
    character(1, Some(8)),
    character(1, Some(9)),
    character(5, Some(0)),
    character(5, Some(2)),
    character(136, None),
];

const fn character(major: u32, minor: Option<u32>) -> Rule {
    Rule { kind: CHARACTER, major: Some(major), minor, access: MKNOD | READ | WRITE }
}

/// Those, and what a Spec adds.
#[inline(never)]
pub fn rules<'p>(arena: &'p Arena, spec: &Spec, host: &Host) -> &'p [Rule] {
    let mut rules = List::new(arena);
    rules.extend(&STANDARD);
    for (device, node) in spec.devices.iter().zip(host.devices) {
        let kind = if node.is_block { BLOCK } else { CHARACTER };
        let [major, minor] = node.numbers().map(Some);
        rules.push(Rule { kind, major, minor, access: device.access });
    }
    rules.finish()
}

impl Rule {
    /// As a line of `devices.allow` (the kernel's Documentation/admin-guide/cgroup-v1/devices.rst): `c 1:3 rwm`.
    pub fn write(&self, text: &mut Text) {
        text.add(if self.kind == BLOCK { b"b " } else { b"c " });
        for (number, end) in [(self.major, b":"), (self.minor, b" ")] {
            match number {
                Some(number) => text.number(number.into()),
                None => text.add(b"*"),
            };
            text.add(end);
        }
        for (access, letter) in [READ, WRITE, MKNOD].iter().zip(b"rwm") {
            if self.access & access != 0 {
                text.add(&[*letter]);
            }
        }
    }
}

// Codes of linux/bpf_common.h and linux/bpf.h: BPF_LDX | BPF_MEM with BPF_H or BPF_W, BPF_JMP with BPF_JNE or BPF_JSET and
// BPF_K, BPF_ALU64 | BPF_MOV | BPF_K, BPF_JMP | BPF_EXIT.
const LOAD_HALF: u8 = 0x69;
const LOAD: u8 = 0x61;
const IF_NOT: u8 = 0x55;
const IF_ANY: u8 = 0x45;
const SET: u8 = 0xb7;
const EXIT: u8 = 0x95;

// What is in which register. The first has the address of `struct bpf_cgroup_dev_ctx` (linux/bpf.h): access_type, major, minor. On a
// little-endian machine the lower half of the type comes first, which is the kind; the other half is the access.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

const fn instruction(code: u8, registers: u8, offset: i16, value: u32) -> Instruction {
    Instruction { code, registers, offset, value: value as i32 }
}

const fn load(code: u8, register: u8, offset: i16) -> Instruction {
    instruction(code, CONTEXT << 4 | register, offset, 0)
}

const fn answer(value: u32) -> [Instruction; 2] {
    [instruction(SET, ANSWER, 0, value), instruction(EXIT, 0, 0, 0)]
}

/// Skips so many instructions if it is another number. Without one it never does: no bit is asked for.
fn unless(register: u8, number: Option<u32>, skipped: i16) -> Instruction {
    instruction(if number.is_some() { IF_NOT } else { IF_ANY }, register, skipped, number.unwrap_or(0))
}

/// The rules as a program: each is four comparisons, past which it allows. One that does not hold leads to the next rule.
#[inline(never)]
pub fn program<'p>(arena: &'p Arena, rules: &[Rule]) -> &'p [Instruction] {
    let mut program = List::new(arena);
    program.extend(&[load(LOAD_HALF, KIND, 0), load(LOAD_HALF, ACCESS, 2), load(LOAD, MAJOR, 4), load(LOAD, MINOR, 8)]);
    for rule in rules {
        program.extend(&[
            unless(KIND, Some(rule.kind.into()), 5),
            instruction(IF_ANY, ACCESS, 4, (!rule.access).into()),
            unless(MAJOR, rule.major, 3),
            unless(MINOR, rule.minor, 2),
        ]);
        program.extend(&answer(1));
    }
    program.extend(&answer(0));
    program.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would answer; every jump leads on.
    fn run(program: &[Instruction], kind: u8, access: Access, major: u32, minor: u32) -> bool {
        let mut context = [0u8; 12];
        context[..4].copy_from_slice(&(u32::from(access) << 16 | u32::from(kind)).to_ne_bytes());
        context[4..8].copy_from_slice(&major.to_ne_bytes());
        context[8..].copy_from_slice(&minor.to_ne_bytes());
        let (mut at, mut registers) = (0usize, [None::<u64>; 11]);
        loop {
            let Instruction { code, registers: operands, offset, value } = program[at];
            let (target, value) = (usize::from(operands & 15), value as i64 as u64);
            at += 1;
            let holds = match code {
                LOAD | LOAD_HALF => {
                    assert_eq!((operands >> 4, value), (CONTEXT, 0));
                    let (from, length) = (offset as usize, if code == LOAD { 4 } else { 2 });
                    let mut bytes = [0; 8];
                    bytes[..length].copy_from_slice(&context[from..from + length]);
                    registers[target] = Some(u64::from_le_bytes(bytes));
                    false
                }
                SET => {
                    registers[target] = Some(value);
                    false
                }
                IF_NOT => registers[target].expect("it was set") != value,
                IF_ANY => registers[target].expect("it was set") & value != 0,
                EXIT => return registers[usize::from(ANSWER)].expect("there is an answer") == 1,
                _ => panic!("code {code}"),
            };
            if holds {
                assert!(offset > 0, "a jump backwards");
                at += offset as usize;
            }
        }
    }

    const fn rule(kind: u8, major: Option<u32>, minor: Option<u32>, access: Access) -> Rule {
        Rule { kind, major, minor, access }
    }

    #[test]
    fn the_program_allows_what_one_rule_allows_whole() {
        const RULES: [Rule; 5] = [
            rule(CHARACTER, None, None, MKNOD),
            rule(CHARACTER, Some(1), Some(3), READ | WRITE | MKNOD),
            rule(CHARACTER, Some(136), None, READ | WRITE),
            rule(BLOCK, Some(4095), Some(0xf_ffff), READ),
            rule(BLOCK, None, Some(7), WRITE),
        ];
        let arena = Arena::new().unwrap();
        let program = super::program(&arena, &RULES);
        for (kind, access, major, minor, allowed) in [
            (CHARACTER, READ, 1, 3, true),
            (CHARACTER, READ | WRITE, 1, 3, true),
            (CHARACTER, MKNOD, 1, 3, true),
            (CHARACTER, READ | WRITE | MKNOD, 1, 3, true),
            (BLOCK, READ, 1, 3, false),
            (CHARACTER, READ, 1, 4, false),
            (CHARACTER, READ, 2, 3, false),
            (CHARACTER, MKNOD, 2, 9, true),
            (BLOCK, MKNOD, 2, 9, false),
            (CHARACTER, WRITE, 136, 0, true),
            (CHARACTER, WRITE, 136, 0xf_ffff, true),
            (CHARACTER, WRITE | MKNOD, 136, 0, false),
            (CHARACTER, WRITE, 137, 0, false),
            (BLOCK, READ, 4095, 0xf_ffff, true),
            (BLOCK, READ | WRITE, 4095, 0xf_ffff, false),
            (BLOCK, WRITE, 4095, 0xf_ffff, false),
            (BLOCK, WRITE, 9, 7, true),
            (BLOCK, READ, 9, 7, false),
            (CHARACTER, WRITE, 9, 7, false),
        ] {
            assert_eq!(run(program, kind, access, major, minor), allowed, "{kind} {access} {major}:{minor}");
        }
        assert!(!run(super::program(&arena, &[]), CHARACTER, READ, 1, 3), "without a rule nothing is allowed");
    }

    #[test]
    fn a_program_is_as_long_as_its_rules_and_ends_on_each_way() {
        let arena = Arena::new().unwrap();
        let many = [rule(BLOCK, Some(8), Some(1), READ); 1000];
        let program = super::program(&arena, &many);
        assert_eq!(program.len(), 4 + 6 * many.len() + 2);
        for (at, Instruction { code, offset, .. }) in program.iter().enumerate() {
            if [IF_NOT, IF_ANY].contains(code) {
                assert!(*offset > 0 && at + 1 + (*offset as usize) < program.len());
            }
        }
        assert_eq!(program.last().unwrap().code, EXIT);
    }

    #[test]
    fn a_rule_is_a_line_of_version_1() {
        let arena = Arena::new().unwrap();
        for (rule, line) in [
            (rule(CHARACTER, Some(1), Some(3), READ | WRITE | MKNOD), "c 1:3 rwm"),
            (rule(BLOCK, None, None, MKNOD), "b *:* m"),
            (rule(CHARACTER, Some(136), None, READ | WRITE), "c 136:* rw"),
            (rule(BLOCK, Some(8), Some(0), READ), "b 8:0 r"),
        ] {
            let mut text = Text::new(&arena);
            rule.write(&mut text);
            assert_eq!(text.bytes(), line.as_bytes());
        }
    }
}
