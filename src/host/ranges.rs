//! Which ids a new user namespace gets where a Spec does not say: for root an unused range, in which an idmapped mount shows
//! the image's files with their own owners; for an ordinary user, beside his own, the ranges that are his (subuid(5)).

use super::Host;
use super::accounts::{PASSWD, field, line_with, lines};
use super::ids::EVERY;
use super::image::Image;
use super::mounts::unescape;
use super::rootfs::{read_file, read_link, read_path};
use super::view::{How, Piece};
use crate::spec::{IdMap, IdRange, Overlay, Spec};
use crate::sys::file::{self, Kind, Open};
use crate::sys::{Arena, At, Errno, List, Word, identity, process, word};
use crate::text::names::words;
use crate::text::sentence::Sentence;
use crate::text::{Problem, Told, copy, cut, decimal, number, path, split, t};
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
pub(super) const NONE_UNUSED: Sentence = t!("find an unused range of ids (EAGAIN)");

/// Who uses a range locks the byte of its number in this file, which only root can open, so that nobody else can take them all,
/// and which loses nothing by it. The kernel itself unlocks it when the launcher ends, however that does. Who has another
/// instance of /proc mounted, as in another pid namespace, does not see the lock: there nothing but the choice by chance keeps
/// two apart.
pub const LOCKS: Word<'static> = word(c"/proc/sys/kernel/cad_pid");

/// Whether a map would give a container ids that another may have as its own range.
pub fn has_of_others(map: &IdMap) -> bool {
    matches!(map, IdMap::Ranges(ranges) if has_nobodies(ranges))
}

/// Whether some ids inside are outside those of nobody else.
pub fn has_nobodies(ranges: &[IdRange]) -> bool {
    ranges
        .iter()
        .any(|range| range.inside != range.outside && overlaps(core::slice::from_ref(range), FIRST, SLOTS * COUNT))
}

/// The byte of the range that begins with this id.
pub const fn slot(first: u32) -> u32 {
    (first - FIRST) / COUNT
}

/// What root gets for this root file system.
///
/// # Errors
/// All ranges are in use.
#[inline(never)]
pub fn unused<'m>(
    arena: &'m Arena,
    spec: &Spec<'m>,
    host: &mut Host<'m>,
    root: At,
    trusts_kernel: bool,
) -> Told<'m, ()> {
    if host.uids != EVERY {
        // Whose root this is is not the machine's anyway, and only that one can make idmapped mounts.
        return Ok(());
    }
    if !spec.init && !spec.is_rehearsal() {
        // Nobody ends such a container when the launcher is killed: a command that has changed its user has lost the signal
        // that would (prctl(2)), and would live on with ids that nobody locks.
        return Ok(());
    }
    host.ids = Ids::Own(Some(Lack::Privilege));
    if !host.has(k::CAP_SYS_ADMIN) {
        return Ok(());
    }
    let mut kernel = kernel();
    let has_layers = !matches!(spec.overlay, Overlay::None) || spec.read_only || spec.is_view() || host.is_image();
    if has_layers && kernel < LAYERS_SINCE {
        kernel = 0;
    }
    if let Some(Image { format, .. }) = host.image {
        let kind = format.words()[0].bytes();
        if !can_be_idmapped(kernel, kind) {
            host.ids = Ids::Own(Some(Lack::FileSystem([kind, spec.rootfs.bytes()])));
            return Ok(());
        }
    }
    // The table of mounts is dear. Where the kernel's refusal is as good, all that is below need not be known.
    let table = if trusts_kernel && !has_layers && can_be_idmapped(kernel, usual_kind(root)) {
        b""
    } else {
        read_file(arena, MOUNTS)?
    };
    let mut own = List::new(arena);
    if !host.is_image() && !table.is_empty() {
        own.push(Piece { path: place(arena, root)?, how: How::Bind(Kind::Directory), seen: None });
    }
    if let Some(kept) = spec.kept() {
        // One that is missing is made where its parent is.
        let opened = file::openat(At::CWD, kept, Open::PATH_DIRECTORY);
        if let Ok(kept) = opened.or_else(|_| file::openat(At::CWD, parent(arena, kept), Open::PATH_DIRECTORY)) {
            own.push(Piece { path: place(arena, kept.at())?, how: How::Overlay, seen: None });
        }
    }
    for piece in if spec.is_view() { host.view } else { &own } {
        // What is mounted below a lower layer is no part of it.
        if let Some(mount) = sealed(arena, table, kernel, piece.path, piece.how != How::Overlay) {
            host.ids = Ids::Own(Some(Lack::FileSystem(mount)));
            return Ok(());
        }
    }
    let ask = |errno| Problem::failed(arena, t!("ask for a lock on %"), &[LOCKS], errno);
    let locks = match file::openat(At::CWD, LOCKS, Open::READ_WRITE) {
        // Read-only, or hidden. What is only so today must not weaken a container.
        Err(Errno::EACCES | Errno::EPERM | Errno::EROFS | Errno::ENOENT) => return Ok(()),
        locks => locks.map_err(ask)?,
    };
    let (users, groups) =
        (entries(arena, given(arena, SUBUID)?, b"", b""), entries(arena, given(arena, SUBGID)?, b"", b""));
    // A start of its own for each lets hardly two look at the same one. No kernel from 5.6 on refuses it.
    let start = file::random().unwrap_or(0);
    for slot in (0..SLOTS).map(|step| start.wrapping_add(step) % SLOTS) {
        let first = FIRST + slot * COUNT;
        let is_granted = overlaps(users, first, COUNT) || overlaps(groups, first, COUNT);
        let is_locked = is_granted || file::is_byte_locked(locks.at(), slot).map_err(ask)?;
        if !is_locked {
            host.ids = Ids::Unused(first);
            host.uids = core::slice::from_ref(arena.hold(IdRange { inside: 0, outside: first, count: COUNT }));
            host.gids = host.uids;
            return Ok(());
        }
    }
    Err(Problem::refused(arena, NONE_UNUSED, &[]))
}

/// The directory in which a path's last name lies.
fn parent<'m>(arena: &'m Arena, path: Word) -> Word<'m> {
    let path = path.bytes().strip_suffix(b"/").unwrap_or(path.bytes());
    path.iter().rposition(|byte| *byte == b'/').map_or(word(c"."), |at| copy(arena, &[&path[..=at]]))
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

/// The type of the file system of something, if it is one of those that most images are on.
fn usual_kind(open: At) -> &'static [u8] {
    match file::kind_of_file_system(open) {
        Ok(k::EXT4_SUPER_MAGIC) => b"ext4",
        Ok(k::XFS_SUPER_MAGIC) => b"xfs",
        Ok(k::BTRFS_SUPER_MAGIC) => b"btrfs",
        Ok(k::TMPFS_MAGIC) => b"tmpfs",
        _ => b"",
    }
}

fn can_be_idmapped(kernel: u32, kind: &[u8]) -> bool {
    let mut since = 0;
    words(SINCE).any(|word| {
        since = number::decimal(word).unwrap_or(since);
        word == kind && since <= kernel
    })
}

/// What is mounted where. mountinfo says more, and takes the kernel three times as long, which is much of a start.
const MOUNTS: Word = word(c"/proc/self/mountstats");

/// The path of what is open.
fn place<'m>(arena: &'m Arena, open: At) -> Told<'m, Word<'m>> {
    let link = copy(arena, &[b"/proc/self/fd/", decimal(arena, open.number() as u64).bytes()]);
    read_link(arena, At::CWD, link).map_err(|errno| Problem::failed(arena, t!("read %"), &[link], errno))
}

/// Something mounted: a file system's type, and where.
pub type Mount<'m> = [&'m [u8]; 2];

/// The first mount at a path, or below it, that cannot be idmapped. Lines are `device NAME mounted on POINT with fstype TYPE`,
/// or begin with `no device`.
pub fn sealed<'m>(arena: &'m Arena, table: &'m [u8], kernel: u32, path: Word, below: bool) -> Option<Mount<'m>> {
    let path = path.bytes();
    // The innermost that holds the path, and of those on one point the last one.
    let mut own: Mount = [b"", b""];
    for line in lines(table) {
        let mut words = split(line, b' ');
        let (Some(mut point), Some(kind)) = (words.nth(4), words.nth(2)) else { continue };
        if cut(point, b'\\').1.is_some() {
            point = unescape(arena, point).bytes();
        }
        let mount = [kind, point];
        if path::is_within(path, point) {
            if point.len() >= own[1].len() {
                own = mount;
            }
        } else if below && path::is_within(point, path) && !can_be_idmapped(kernel, kind) {
            return Some(mount);
        }
    }
    // In a chroot the table may say nothing of what holds it. Then the kernel will.
    if own[0].is_empty() || can_be_idmapped(kernel, own[0]) { None } else { Some(own) }
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
    let uids = ranges(arena, subuid, login, number, host.uid);
    let gids = ranges(arena, subgid, login, number, host.gid);
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
pub fn end(arena: &Arena, text: &[u8], lowest: u32) -> u32 {
    entries(arena, text, b"", b"").iter().map(|range| range.outside + range.count).fold(lowest, u32::max)
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

/// The user's own id as 0, and all that he has by either name from 1 on. What overlaps is left out, and what passes the kernel's
/// count of lines.
pub fn ranges<'m>(arena: &'m Arena, text: &[u8], login: &[u8], number: &[u8], own: u32) -> &'m [IdRange] {
    /// `UID_GID_MAP_MAX_EXTENTS` of the kernel.
    const MOST: usize = 340;
    let mut map = List::new(arena);
    map.push(IdRange { inside: 0, outside: own, count: 1 });
    let mut inside = 1u32;
    for range in entries(arena, text, login, number) {
        let Some(next) = inside.checked_add(range.count) else { break };
        if map.len() < MOST && !overlaps(&map, range.outside, range.count) {
            map.push(IdRange { inside, ..*range });
            inside = next;
        }
    }
    map.finish()
}

/// Whether any of them has an id of this range. None passes the last id.
fn overlaps(ranges: &[IdRange], first: u32, count: u32) -> bool {
    ranges.iter().any(|other| first < other.outside + other.count && other.outside < first + count)
}

/// The lines `OWNER:FIRST:COUNT` of a file of subuid(5) that belong to an owner by either name, or to anyone where the first is
/// empty.
fn entries<'m>(arena: &'m Arena, text: &[u8], login: &[u8], number: &[u8]) -> &'m [IdRange] {
    let mut entries = List::new(arena);
    for line in lines(text) {
        let mut fields = split(line, b':');
        let owner = fields.next().unwrap_or_default();
        let mut number_of = || number::decimal(fields.next()?);
        if let (Some(outside), Some(count)) = (number_of(), number_of()) {
            let is_theirs = login.is_empty() || owner == login || owner == number;
            if is_theirs && count > 0 && outside.checked_add(count).is_some() {
                entries.push(IdRange { inside: 0, outside, count });
            }
        }
    }
    entries.finish()
}

/// A file of the host; one that cannot be read has nothing.
fn read<'m>(arena: &'m Arena, path: Word) -> &'m [u8] {
    read_path(arena, path, Open::READ).unwrap_or_default()
}

/// What users were given: nothing where there is no such file, and nothing else where it cannot be read.
fn given<'m>(arena: &'m Arena, path: Word<'m>) -> Told<'m, &'m [u8]> {
    match read_path(arena, path, Open::READ) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(b""),
        read => read.map_err(|errno| Problem::failed(arena, t!("read %"), &[path], errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"root:1:1\nme:100000:65536\n\nother:165536:65536\n1000:300000:10\nme:100100:5\nme:x:1\nme:5:0\nme:4294967295:9\n";

    fn granted(text: &[u8], own: u32) -> Vec<(u32, u32, u32)> {
        let arena = Arena::new().unwrap();
        let map = ranges(&arena, text, b"me", b"1000", own);
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
    fn the_mounts_of_a_tree_are_its_own_and_those_below() {
        const TABLE: &[u8] = b"device proc mounted on /a/proc with fstype proc\ndevice /dev/vda mounted on / with fstype ext4\n\
            no device mounted on /a/b\\040c with fstype overlay\ndevice x mounted on /n with fstype nfs4 statvers=1.1\n\
            \topts:\trw,vers=4.2\n\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)\ndevice t mounted on /a/t with fstype proc\n\
            device t mounted on /a/t with fstype ext4\n";
        let arena = Arena::new().unwrap();
        let found = |path, below| sealed(&arena, TABLE, 700, word(path), below);
        let of = |kind: &'static [u8], point: &'static [u8]| Some([kind, point]);
        assert_eq!(found(c"/", false), None);
        assert_eq!(found(c"/", true), of(b"proc", b"/a/proc"));
        assert_eq!(found(c"/a", true), of(b"proc", b"/a/proc"));
        assert_eq!(found(c"/a/proc/1", false), of(b"proc", b"/a/proc"));
        assert_eq!(found(c"/a/b c/d", true), of(b"overlay", b"/a/b c"));
        assert_eq!(found(c"/a/b", true), None, "a neighbour whose name begins the same");
        assert_eq!(found(c"/a/t/x", true), None, "the topmost");
        assert_eq!(found(c"/n/x", true), of(b"nfs4", b"/n"));
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
