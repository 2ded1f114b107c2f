//! Which ids a new user namespace gets where a Spec does not say: for root an unused range, in which an idmapped mount shows
//! the image's files with their own owners; for an ordinary user, beside his own, the ranges that are his (subuid(5)).

use super::Host;
use super::accounts::{PASSWD, field, line_with, lines};
use super::ids::EVERY;
use super::mounts::{self, Mount};
use super::rootfs::{read_link, read_whole};
use super::view::{How, Piece};
use crate::spec::{IdRange, Spec};
use crate::sys::file::{self, Kind, Open};
use crate::sys::{Arena, At, List, Word, identity, process, word};
use crate::text::names::words;
use crate::text::{Problem, Told, copy, decimal, number, path, t};
use linux_raw_sys::general as k;

/// How the ids are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids<'m> {
    /// They are the caller's anyway. Perhaps there would be better ones, but for something.
    Own(Option<Lack<'m>>),
    /// An unused range, from this id on, that is locked while it is used.
    Unused(u32),
    /// By newuidmap(1) and newgidmap(1), at these paths.
    Granted([Word<'m>; 2]),
}

/// Why there are no better ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack<'m> {
    /// Root may not make idmapped mounts, or not lock ranges.
    Privilege,
    /// This kernel cannot idmap it.
    FileSystem(Mount<'m>),
    /// newuidmap(1) and newgidmap(1) are not installed.
    Programs,
    /// They do nothing where nobody gains a right by executing something.
    NoNewPrivileges,
    /// The user has no range. This line would give him one.
    Line(Word<'m>),
}

/// Users of 16 bits, which is what an image has.
const COUNT: u32 = 1 << 16;
/// Of all ids those that systemd's table of them gives to nobody (UIDS-GIDS.md), nor useradd(8) by default to a user.
const FIRST: u32 = 0x7000_0000;
const SLOTS: u32 = 0x1000;

/// Who uses a range locks the byte of its number in this file, which only root can open, which every container of a machine
/// shares and which loses nothing by it. The kernel itself unlocks it when the launcher ends, however that does.
pub const LOCKS: Word<'static> = word(c"/proc/sys/kernel/overflowuid");

/// The byte of the range that begins with this id.
pub const fn slot(first: u32) -> u32 {
    (first - FIRST) / COUNT
}

/// The map of the range that begins with this id.
pub fn range(arena: &Arena, first: u32) -> &[IdRange] {
    core::slice::from_ref(arena.hold(IdRange { inside: 0, outside: first, count: COUNT }))
}

/// What root gets for this root file system.
///
/// # Errors
/// All ranges are in use.
#[inline(never)]
pub fn unused<'m>(arena: &'m Arena, spec: &Spec, host: &Host<'m>, root: At) -> Told<'m, Ids<'m>> {
    if host.uids != EVERY {
        // Whose root this is is not the machine's anyway, and only that one can make idmapped mounts.
        return Ok(Ids::Own(None));
    }
    if !host.has(k::CAP_SYS_ADMIN) {
        return Ok(Ids::Own(Some(Lack::Privilege)));
    }
    let mut kernel = kernel();
    if (spec.overlay || spec.read_only || spec.is_view()) && kernel < LAYERS_SINCE {
        kernel = 0;
    }
    let mounts = mounts::read(arena, true)?;
    let path = place(arena, root);
    // What is mounted below a lower layer is no part of it.
    let pieces = if spec.is_view() { host.view } else { &[Piece { path, how: How::Bind(Kind::Directory) }] };
    for piece in pieces {
        if let Some(mount) = sealed(mounts, kernel, piece.path, matches!(piece.how, How::Bind(_))) {
            return Ok(Ids::Own(Some(Lack::FileSystem(*mount))));
        }
    }
    let Ok(locks) = file::openat(At::CWD, LOCKS, Open::READ_WRITE) else { return Ok(Ids::Own(Some(Lack::Privilege))) };
    let granted = [SUBUID, SUBGID].map(|path| entries(arena, read(arena, path), None));
    // A start of its own for each lets hardly two look at the same one.
    let start = file::random().unwrap_or(process::getpid().0 as u32);
    for slot in (0..SLOTS).map(|step| start.wrapping_add(step) % SLOTS) {
        let first = FIRST + slot * COUNT;
        let is_granted = granted.iter().any(|entries| overlaps(entries, first, COUNT));
        if !is_granted && file::is_byte_locked(locks.at(), slot) == Ok(false) {
            return Ok(Ids::Unused(first));
        }
    }
    Err(Problem::refused(arena, t!("find an unused range of ids (EAGAIN)"), &[]))
}

// --- What can be idmapped ---

/// File systems that can be idmapped, after the kernel since which they can (mount_setattr(2)).
const SINCE: &str = "512 ext4 xfs vfat msdos 515 btrfs ntfs3 518 f2fs 519 erofs 602 squashfs 603 tmpfs 607 ceph";
/// And the layers of an overlay.
const LAYERS_SINCE: u32 = 519;

/// 602 for Linux 6.2.
fn kernel() -> u32 {
    let (major, minor) = process::kernel_release();
    u32::from(major) * 100 + u32::from(minor.min(99))
}

fn can_be_idmapped(kernel: u32, kind: &[u8]) -> bool {
    let mut since = 0;
    words(SINCE).any(|word| {
        since = number::decimal(word).unwrap_or(since);
        word == kind && since <= kernel
    })
}

/// The path of what is open.
fn place<'m>(arena: &'m Arena, open: At) -> Word<'m> {
    // Where /proc is missing the mounts cannot be read either, which is told.
    read_link(arena, At::CWD, copy(arena, &[b"/proc/self/fd/", decimal(arena, open.number() as u64).bytes()]))
        .unwrap_or_default()
}

/// What keeps a file or directory from being idmapped with all that is mounted below it.
pub fn obstacle<'m>(arena: &'m Arena, open: At) -> Told<'m, Option<&'m Mount<'m>>> {
    Ok(sealed(mounts::read(arena, true)?, kernel(), place(arena, open), true))
}

/// The first mount at a path, or below it, that cannot be idmapped, or that is already.
#[inline(never)]
fn sealed<'t, 'm>(mounts: &'t [Mount<'m>], kernel: u32, path: Word, below: bool) -> Option<&'t Mount<'m>> {
    let own = file::mount_id(At::CWD, path).unwrap_or(0);
    mounts.iter().find(|mount| {
        let is_part = mount.is(own) || below && path::is_within(mount.point.bytes(), path.bytes());
        is_part && (mount.is_idmapped || !can_be_idmapped(kernel, mount.kind))
    })
}

// --- What an ordinary user has ---

const SUBUID: Word = word(c"/etc/subuid");
const SUBGID: Word = word(c"/etc/subgid");

/// Where the programs may be: never where only a caller's PATH leads.
const DIRECTORIES: &str = "/usr/bin/ /bin/ /usr/local/bin/ /run/wrappers/bin/ /usr/sbin/ /sbin/";

/// What an ordinary user gets: how, and the maps of users and groups.
#[inline(never)]
pub fn granted<'m>(arena: &'m Arena, host: &mut Host<'m>) {
    host.ids = Ids::Own(Some(Lack::Programs));
    let programs = [b"newuidmap", b"newgidmap"].map(|name| program(arena, name));
    let [Some(newuidmap), Some(newgidmap)] = programs else { return };
    let number = decimal(arena, host.uid.into()).bytes();
    let login = line_with(read(arena, PASSWD), 2, number).map_or(number, |line| field(line, 0));
    let (subuid, subgid) = (read(arena, SUBUID), read(arena, SUBGID));
    let uids = ranges(arena, subuid, [login, number], host.uid);
    let gids = ranges(arena, subgid, [login, number], host.gid);
    if uids.len() == 1 || gids.len() == 1 {
        let first = decimal(arena, end(arena, subuid, end(arena, subgid, LOWEST)).into()).bytes();
        host.ids = Ids::Own(Some(Lack::Line(copy(arena, &[login, b":", first, b":65536"]))));
    } else if identity::has_no_new_privs() {
        host.ids = Ids::Own(Some(Lack::NoNewPrivileges));
    } else {
        host.ids = Ids::Granted([newuidmap, newgidmap]);
        (host.uids, host.gids) = (uids, gids);
    }
}

/// With which id useradd(8) begins to give ranges.
const LOWEST: u32 = 100_000;

/// Past the last id that anyone has in a file of subuid(5).
#[inline(never)]
fn end(arena: &Arena, text: &[u8], lowest: u32) -> u32 {
    entries(arena, text, None).iter().map(|range| range.outside + range.count).fold(lowest, u32::max)
}

/// Where this program is, if it gives a right to who executes it.
#[inline(never)]
fn program<'m>(arena: &'m Arena, name: &[u8]) -> Option<Word<'m>> {
    const SETUID: u32 = 0o4000;
    words(DIRECTORIES).map(|directory| copy(arena, &[directory, name])).find(|path| {
        let is_setuid = file::fstatat(At::CWD, *path).is_ok_and(|stat| stat.mode & SETUID != 0);
        (is_setuid || file::has_capabilities(*path)) && file::is_nosuid(*path) == Ok(false)
    })
}

/// The user's own id as 0, and all that these owners have from 1 on. What overlaps is left out, and what passes the kernel's
/// count of lines.
#[inline(never)]
fn ranges<'m>(arena: &'m Arena, text: &[u8], owners: [&[u8]; 2], own: u32) -> &'m [IdRange] {
    /// `UID_GID_MAP_MAX_EXTENTS` of the kernel.
    const MOST: usize = 340;
    let mut map = List::new(arena);
    map.push(IdRange { inside: 0, outside: own, count: 1 });
    let mut inside = 1u32;
    for range in entries(arena, text, Some(owners)) {
        let Some(next) = inside.checked_add(range.count) else { break };
        if map.len() < MOST && !overlaps(&map, range.outside, range.count) {
            map.push(IdRange { inside, ..*range });
            inside = next;
        }
    }
    map.finish()
}

/// Whether any of them has an id of this range. None passes the last id.
#[inline(never)]
fn overlaps(ranges: &[IdRange], first: u32, count: u32) -> bool {
    ranges.iter().any(|other| first < other.outside + other.count && other.outside < first + count)
}

/// The lines `OWNER:FIRST:COUNT` of subuid(5) that belong to these, or all.
#[inline(never)]
fn entries<'m>(arena: &'m Arena, text: &[u8], owners: Option<[&[u8]; 2]>) -> &'m [IdRange] {
    let mut entries = List::new(arena);
    for line in lines(text).filter(|line| owners.is_none_or(|owners| owners.contains(&field(line, 0)))) {
        if let (Some(outside), Some(count)) = (number::decimal(field(line, 1)), number::decimal(field(line, 2))) {
            if count > 0 && outside.checked_add(count).is_some() {
                entries.push(IdRange { inside: 0, outside, count });
            }
        }
    }
    entries.finish()
}

/// A file of the host; one that cannot be read has nothing.
fn read<'m>(arena: &'m Arena, path: Word) -> &'m [u8] {
    file::openat(At::CWD, path, Open::READ).and_then(|fd| read_whole(arena, fd.at())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"root:1:1\nme:100000:65536\n\nother:165536:65536\n1000:300000:10\nme:100100:5\nme:x:1\nme:5:0\nme:4294967295:9\n";

    fn granted(text: &[u8], own: u32) -> Vec<(u32, u32, u32)> {
        let arena = Arena::new().unwrap();
        let map = ranges(&arena, text, [b"me", b"1000"], own);
        map.iter().map(|range| (range.inside, range.outside, range.count)).collect()
    }

    #[test]
    fn a_user_s_ranges_follow_his_own_id_without_overlap() {
        assert_eq!(granted(TEXT, 1000), [(0, 1000, 1), (1, 100_000, 65536), (65537, 300_000, 10)]);
        assert_eq!(granted(TEXT, 300_005), [(0, 300_005, 1), (1, 100_000, 65536)], "one that has his own id");
        assert_eq!(granted(b"", 7), [(0, 7, 1)]);
    }

    #[test]
    fn no_map_has_more_lines_than_the_kernel_takes() {
        let text: String = (0..1000).map(|at| format!("me:{}:5\n", 100_000 + 10 * at)).collect();
        assert_eq!(granted(text.as_bytes(), 1000).len(), 340);
    }

    #[test]
    fn every_slot_is_a_range_that_nobody_is_given() {
        let last = FIRST + (SLOTS - 1) * COUNT;
        assert_eq!((slot(FIRST), slot(last)), (0, SLOTS - 1));
        assert_eq!(last + (COUNT - 1), 0x7FFF_FFFF);
    }

    #[test]
    fn what_shows_the_kernel_or_another_machine_cannot_be_idmapped() {
        for kind in ["proc", "sysfs", "overlay", "nfs4", "fuse", "9p", "ext3", ""] {
            assert!(!can_be_idmapped(700, kind.as_bytes()), "{kind}");
        }
        assert!(can_be_idmapped(514, b"ext4") && can_be_idmapped(603, b"tmpfs") && !can_be_idmapped(602, b"tmpfs"));
        assert!(!can_be_idmapped(514, b"btrfs"));
    }
}
