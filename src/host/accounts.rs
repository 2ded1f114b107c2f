//! Users and groups of an image: its own `/etc/passwd` and `/etc/group` (passwd(5), group(5)).

use super::rootfs::read_whole;
use crate::problem;
use crate::sys::file::{self, Open};
use crate::sys::{At, Errno};
use crate::text::{Problem, Shown, number, path, shown};
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Whom a command runs as.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    pub home: CString,
}

impl Account {
    /// Root, where nothing else is asked for.
    fn root() -> Self {
        Self { uid: 0, gid: 0, groups: Vec::new(), home: c"/root".into() }
    }
}

const PASSWD: &CStr = c"/etc/passwd";
const GROUP: &CStr = c"/etc/group";

/// `USER[:GROUP]`, each a number or a name; `None` is root.
pub fn find(root: At, user: Option<&CStr>) -> Result<Account, Problem> {
    let Some(user) = user else { return Ok(Account::root()) };
    let passwd = read_of_image(root, PASSWD)?;
    let group = read_of_image(root, GROUP)?;
    look_up(user.to_bytes(), &passwd, &group).map_err(|(name, file)| {
        problem!("run as {}: {} is not in the image's {}", shown(user), Shown(name), shown(file))
    })
}

/// An image may lack the file: numbers go without it.
fn read_of_image(root: At, path: &CStr) -> Result<Vec<u8>, Problem> {
    match file::open_in_root(root, path, Open::READ).and_then(|fd| read_whole(fd.at())) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(Vec::new()),
        result => result.map_err(|error| problem!("read the image's {}: {error}", shown(path))),
    }
}

fn look_up<'t>(user: &'t [u8], passwd: &[u8], group: &[u8]) -> Result<Account, (&'t [u8], &'static CStr)> {
    let mut parts = user.splitn(2, |byte| *byte == b':');
    let (name, chosen_group) = (parts.next().unwrap_or_default(), parts.next());
    let as_number = number::decimal(name);

    let entry = lines(passwd)
        .find(|entry| entry.first() == Some(&name))
        .or_else(|| lines(passwd).find(|entry| as_number.is_some() && field(entry, 2) == as_number));
    let mut account = match (&entry, as_number) {
        (Some(entry), _) => Account {
            uid: field(entry, 2).ok_or((name, PASSWD))?,
            gid: field(entry, 3).ok_or((name, PASSWD))?,
            groups: Vec::new(),
            home: path::c_string(entry.get(5).copied().filter(|home| !home.is_empty()).unwrap_or(b"/")),
        },
        (None, Some(uid)) => Account { uid, gid: 0, groups: Vec::new(), home: c"/".into() },
        (None, None) => return Err((name, PASSWD)),
    };
    match chosen_group {
        // A group that is asked for stands alone, as docker-run(1) has it.
        Some(name) => {
            account.gid = lines(group)
                .find(|entry| entry.first() == Some(&name))
                .and_then(|entry| field(&entry, 2))
                .or_else(|| number::decimal(name))
                .ok_or((name, GROUP))?;
        }
        None => {
            let login = entry.as_ref().and_then(|entry| entry.first()).copied().unwrap_or_default();
            let is_member = |entry: &Vec<&[u8]>| {
                let members = entry.get(3).copied().unwrap_or_default();
                !login.is_empty() && members.split(|byte| *byte == b',').any(|member| member == login)
            };
            account.groups = lines(group).filter(is_member).filter_map(|entry| field(&entry, 2)).collect();
        }
    }
    Ok(account)
}

/// The fields of each line.
fn lines(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|byte| *byte == b'\n').map(|line| line.split(|byte| *byte == b':').collect())
}

fn field(entry: &[&[u8]], at: usize) -> Option<u32> {
    entry.get(at).and_then(|text| number::decimal(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\nguest:x:405:100:guest:/home/guest:/bin/sh\nbad:x:y:1::/:\n";
    const GROUP: &[u8] = b"root:x:0:root\nwheel:x:10:root,guest\nusers:x:100:\naudio:x:18:guest\n";

    fn account(user: &str) -> Option<(u32, u32, Vec<u32>, String)> {
        let found = look_up(user.as_bytes(), super::tests::PASSWD, GROUP).ok()?;
        Some((found.uid, found.gid, found.groups, found.home.into_string().unwrap()))
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
        assert_eq!(account("guest:wheel").unwrap().2, []);
        assert_eq!(account("7:8").unwrap().1, 8);
    }

    #[test]
    fn an_unknown_name_is_refused() {
        for user in ["nobody", "guest:none", "", ":1", "bad"] {
            assert_eq!(account(user), None, "{user}");
        }
    }
}
