//! Users and groups of an image: its own `/etc/passwd` and `/etc/group` (passwd(5), group(5)).

use super::rootfs::{in_root, read_whole};
use crate::sys::file::{self, Kind, Open};
use crate::sys::{Arena, At, Errno, List, Word, word};
use crate::text::{Problem, Told, copy, cut, number, split, t};
#[cfg(feature = "full")]
use linux_raw_sys::general as k;

/// Whom a command runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account<'m> {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: &'m [u32],
    pub home: Word<'m>,
}

impl Account<'_> {
    /// Root, where nothing else is asked for.
    pub const ROOT: Self = Account { uid: 0, gid: 0, groups: &[], home: word(c"/root") };
}

pub(super) const PASSWD: Word = word(c"/etc/passwd");
const GROUP: Word = word(c"/etc/group");

/// Groups that someone is in besides, each a number or a name of the image.
#[cfg(feature = "full")]
pub fn add_groups<'m>(arena: &'m Arena, root: At, account: &mut Account<'m>, more: &[Word<'m>]) -> Told<'m, ()> {
    if more.is_empty() {
        return Ok(());
    }
    let file = read_of_image(arena, root, GROUP)?;
    let mut groups = List::new(arena);
    groups.extend(account.groups);
    for name in more {
        let Some(group) = group_id(file, name.bytes()) else {
            return Err(Problem::refused(arena, t!("add group %: it is not in the image's %"), &[*name, GROUP]));
        };
        groups.push(group);
    }
    account.groups = groups.finish();
    Ok(())
}

/// `USER[:GROUP]`, each a number or a name; `None` is root.
pub fn find<'m>(arena: &'m Arena, root: At, user: Option<Word<'m>>) -> Told<'m, Account<'m>> {
    let Some(user) = user else { return Ok(Account::ROOT) };
    let passwd = read_of_image(arena, root, PASSWD)?;
    let group = read_of_image(arena, root, GROUP)?;
    look_up(arena, user, passwd, group).map_err(|(name, file)| {
        let name = copy(arena, &[name]);
        Problem::refused(arena, t!("run as %: % is not in the image's %"), &[user, name, file])
    })
}

/// An image may lack the file: numbers go without it.
fn read_of_image<'m>(arena: &'m Arena, root: At, path: Word) -> Told<'m, &'m [u8]> {
    // Opening a device of a hostile image would already do something, hence the look before. What is put there after it is not
    // waited for, and no more of it is read than of any other file.
    let kind = in_root(root, path, Open::PATH).and_then(|fd| file::fstat(fd.at())).map(|stat| stat.kind);
    let read = match kind {
        Ok(Kind::Regular) => in_root(root, path, Open::READ).and_then(|fd| {
            if is_of_kernel(fd.at())? {
                return Ok(Err(t!("read the image's %: it is a file of proc or sysfs")));
            }
            read_whole(arena, fd.at()).map(Ok)
        }),
        Ok(_) => Ok(Err(t!("read the image's %: it is not a regular file"))),
        Err(errno) => Err(errno),
    };
    match read {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(why)) => Err(Problem::refused(arena, why, &[path])),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(b""),
        Err(errno) => Err(Problem::failed(arena, t!("read the image's %"), &[path], errno)),
    }
}

/// A container that runs may link to the kernel's log, say, and the caller may read, and so take, what root inside may not. Told by
/// the descriptor that is read.
fn is_of_kernel(_file: At) -> Result<bool, Errno> {
    #[cfg(feature = "full")]
    return Ok(matches!(file::kind_of_file_system(_file)?, k::PROC_SUPER_MAGIC | k::SYSFS_MAGIC));
    #[cfg(not(feature = "full"))]
    Ok(false)
}

/// The same from the texts of the two files. What is not in which of them.
///
/// # Errors
/// The name, and the file that lacks it.
pub fn look_up<'m>(
    arena: &'m Arena,
    user: Word<'m>,
    passwd: &'m [u8],
    group: &'m [u8],
) -> Result<Account<'m>, (&'m [u8], Word<'static>)> {
    let (name, chosen_group) = cut(user.bytes(), b':');
    let line = line_with(passwd, if is_number(name) { 2 } else { 0 }, name);
    let account = match line {
        Some(line) => listed(arena, line),
        None => id(name).map(|uid| Account { uid, gid: 0, groups: &[], home: word(c"/") }),
    };
    let mut account = account.ok_or((name, PASSWD))?;
    if let Some(chosen) = chosen_group {
        // A group that is asked for stands alone, as docker-run(1) has it.
        account.gid = group_id(group, chosen).ok_or((chosen, GROUP))?;
    } else if let Some(login) = line.map(|line| field(line, 0)).filter(|login| !login.is_empty()) {
        account.groups = groups_of(arena, login, group);
    }
    Ok(account)
}

/// A number that a user or a group can have. The last of all is none: setresuid(2) takes it for "as it is", and whoever asks for
/// it would stay root.
fn id(text: &[u8]) -> Option<u32> {
    number::decimal(text).filter(|id| *id != u32::MAX)
}

/// Digits are a number and never a name: an image in which someone is called 1000 must not decide who that is (CVE-2016-3697).
fn is_number(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_digit)
}

/// A group's number, by its name or as it is.
fn group_id(file: &[u8], group: &[u8]) -> Option<u32> {
    id(if is_number(group) { group } else { field(line_with(file, 0, group)?, 2) })
}

/// The account of a line of passwd(5).
fn listed<'m>(arena: &'m Arena, line: &[u8]) -> Option<Account<'m>> {
    let (uid, gid) = (id(field(line, 2))?, id(field(line, 3))?);
    // A NUL in it is the end of it.
    let home = copy(arena, &[field(line, 5)]);
    let home = if home.is_empty() { word(c"/") } else { home };
    Some(Account { uid, gid, groups: &[], home })
}

/// The groups that have this user among their members.
fn groups_of<'m>(arena: &'m Arena, login: &[u8], group: &[u8]) -> &'m [u32] {
    let mut groups = List::new(arena);
    for line in lines(group) {
        if split(field(line, 3), b',').any(|member| member == login) {
            if let Some(gid) = id(field(line, 2)) {
                groups.push(gid);
            }
        }
    }
    groups.finish()
}

pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    split(text, b'\n')
}

/// The first line that has this in a field.
pub(super) fn line_with<'m>(text: &'m [u8], at: usize, what: &[u8]) -> Option<&'m [u8]> {
    lines(text).find(|line| !line.is_empty() && field(line, at) == what)
}

/// A field of a line; empty if it is missing.
pub(super) fn field(line: &[u8], at: usize) -> &[u8] {
    split(line, b':').nth(at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &[u8] = b"root:x:0:0:root:/root:/bin/sh\nguest:x:405:100:guest:/home/guest:/bin/sh\nbad:x:y:1::/:\n";
    const GROUPS: &[u8] = b"root:x:0:root\nwheel:x:10:root,guest\nusers:x:100:\naudio:x:18:guest\n";

    fn account(user: &str) -> Option<(u32, u32, Vec<u32>, String)> {
        let arena = Arena::new().unwrap();
        let user = std::ffi::CString::new(user).unwrap();
        let found = look_up(&arena, Word::new(&user), USERS, GROUPS).ok()?;
        Some((found.uid, found.gid, found.groups.to_vec(), String::from_utf8(found.home.bytes().to_vec()).unwrap()))
    }

    #[test]
    fn a_name_or_number_of_the_image_brings_group_groups_and_home() {
        let guest = Some((405, 100, vec![10, 18], "/home/guest".to_string()));
        assert_eq!(account("guest"), guest);
        assert_eq!(account("405"), guest);
    }

    #[test]
    fn a_number_that_the_image_does_not_know_has_root_s_group() {
        assert_eq!(account("1234"), Some((1234, 0, vec![], "/".into())));
    }

    #[test]
    fn a_group_that_is_asked_for_stands_alone() {
        assert_eq!(account("guest:wheel").unwrap().1, 10);
        assert_eq!(account("guest:wheel").unwrap().2, [0u32; 0]);
        assert_eq!(account("7:8").unwrap().1, 8);
    }

    #[test]
    fn the_number_that_stands_for_no_change_is_nobody_s() {
        const LAST: u32 = u32::MAX;
        assert_eq!(account(&format!("{LAST}")), None);
        assert_eq!(account(&format!("7:{LAST}")), None);
        assert_eq!(account(&format!("{}", LAST - 1)).unwrap().0, LAST - 1);
        let arena = Arena::new().unwrap();
        let users = format!("a:x:{LAST}:1::/:\nb:x:1:{LAST}::/:\nc:x:1:1::/:\n");
        let groups = format!("g:x:{LAST}:c\nh:x:5:c\n");
        let found = |user: &str| {
            let user = crate::text::copy(&arena, &[user.as_bytes()]);
            look_up(&arena, user, users.as_bytes(), groups.as_bytes()).ok()
        };
        assert_eq!((found("a"), found("b"), found("c:g")), (None, None, None));
        assert_eq!(found("c").unwrap().groups, [5]);
    }

    #[test]
    fn nobody_is_without_a_home() {
        let arena = Arena::new().unwrap();
        let home = |line: &'static str| look_up(&arena, word(c"a"), line.as_bytes(), b"").unwrap().home;
        assert_eq!((home("a:x:1:1::/h\0x:/bin/sh"), home("a:x:1:1::\0/h")), (word(c"/h"), word(c"/")));
        assert_eq!((home("a:x:1:1"), home("a:x:1:1::")), (word(c"/"), word(c"/")));
    }

    #[test]
    fn digits_are_never_a_name() {
        const USERS: &[u8] = b"1000:x:0:0::/root:\n4294967295:x:0:0::/:\n99999999999:x:0:0::/:\n:x:0:0::/:\n";
        const GROUPS: &[u8] = b"7:x:0:\n99999999999:x:0:\n:x:0:\n";
        let found = |user: &'static core::ffi::CStr| {
            let arena = Arena::new().unwrap();
            look_up(&arena, word(user), USERS, GROUPS).ok().map(|found| (found.uid, found.gid))
        };
        assert_eq!((found(c"1000"), found(c"1000:7")), (Some((1000, 0)), Some((1000, 7))));
        for user in [c"4294967295", c"99999999999", c"", c":7", c"7:", c"7:99999999999"] {
            assert_eq!(found(user), None, "{user:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused() {
        for user in ["nobody", "guest:none", "", ":1", "bad"] {
            assert_eq!(account(user), None, "{user}");
        }
    }
}
