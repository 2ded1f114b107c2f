//! passwd(5) and group(5) of an image, for a user that somebody asks for.

use super::{arena, files, twice, word};
use aril::host::accounts::look_up;
use std::str;

/// The user, passwd and group.
pub fn check(bytes: &[u8]) {
    let [user, passwd, group] = files(bytes);
    twice(|arena| format!("{:?}", look_up(arena, word(arena, user), passwd, group)));
    let arena = arena();
    let user = word(&arena, user);
    let mut parts = user.bytes().splitn(2, |byte| *byte == b':');
    let (name, chosen) = (parts.next().unwrap_or_default(), parts.next());
    let number = |text: &[u8]| str::from_utf8(text).ok()?.parse::<u32>().ok();
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    match look_up(&arena, user, passwd, group) {
        Ok(account) => {
            for id in [account.uid, account.gid].iter().chain(account.groups) {
                assert_ne!(*id, u32::MAX, "for setresuid(2) it means that nothing changes");
            }
            assert!(!name.is_empty() && !account.home.is_empty());
            if is_number(name) {
                assert_eq!(Some(account.uid), number(name), "a number is that user, whatever the image says");
            } else {
                let is_listed = |line: &[u8]| line.splitn(2, |byte| *byte == b':').next() == Some(name);
                assert!(passwd.split(|byte| *byte == b'\n').any(is_listed), "a name is one of the image's");
            }
            if let Some(chosen) = chosen {
                assert!(account.groups.is_empty() && !chosen.is_empty());
                if is_number(chosen) {
                    assert_eq!(Some(account.gid), number(chosen));
                }
            }
            let has = |id: &u32| group.split(|byte| *byte == b'\n').any(|line| has_number(line, *id));
            assert!(account.groups.iter().all(has), "each group is in a line of the image's");
        }
        Err((missing, file)) => {
            assert!([&b"/etc/passwd"[..], b"/etc/group"].contains(&file.bytes()));
            assert!(missing == name || Some(missing) == chosen);
        }
    }
}

fn has_number(line: &[u8], id: u32) -> bool {
    let field = line.split(|byte| *byte == b':').nth(2).unwrap_or_default();
    str::from_utf8(field).is_ok_and(|text| text.parse() == Ok(id))
}
