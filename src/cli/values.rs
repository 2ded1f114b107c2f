//! The values of options: text -> parts of a Spec. Each says in a few words why it refuses one.

use super::options::Refused;
use crate::spec::{ChangeRoot, FileSystems, IdMap, IdRange, Namespace, Source, Tmpfs, Volume};
use crate::sys::identity::CapabilitySet;
use crate::text::{Shown, names, number as numbers, path};
use alloc::ffi::CString;
use alloc::format;
use alloc::vec::Vec;
use core::ffi::CStr;

/// `HOST_NAME_MAX` of the kernel.
const LONGEST_HOSTNAME: usize = 64;

pub fn not_empty(value: &CStr) -> Result<&CStr, Refused> {
    if value.is_empty() { Err("is empty".into()) } else { Ok(value) }
}

pub fn absolute(value: &CStr) -> Result<&CStr, Refused> {
    if value.to_bytes().starts_with(b"/") { Ok(value) } else { Err("not an absolute path".into()) }
}

pub fn hostname(value: &CStr) -> Result<&CStr, Refused> {
    match value.count_bytes() {
        0 => Err("is empty".into()),
        length if length > LONGEST_HOSTNAME => {
            Err(format!("{length} bytes, but the kernel takes at most {LONGEST_HOSTNAME}"))
        }
        _ => Ok(value),
    }
}

pub fn variable(value: &CStr) -> Result<&CStr, Refused> {
    match value.to_bytes() {
        [] | [b'=', ..] => Err("has no name".into()),
        _ => Ok(value),
    }
}

pub fn number(value: &CStr) -> Result<u32, Refused> {
    numbers::decimal(value.to_bytes()).ok_or_else(|| "not a number".into())
}

pub fn duration(value: &CStr) -> Result<u64, Refused> {
    numbers::duration(value.to_bytes()).ok_or_else(|| "not a time such as 10s, 500ms or 2m".into())
}

pub fn capability(value: &CStr) -> Result<CapabilitySet, Refused> {
    names::capability(value.to_bytes()).ok_or_else(|| "no such capability (capabilities(7))".into())
}

pub fn change_root(value: &CStr) -> Result<ChangeRoot, Refused> {
    match value.to_bytes() {
        b"pivot_root" => Ok(ChangeRoot::Pivot),
        b"chroot" => Ok(ChangeRoot::Chroot),
        b"none" => Ok(ChangeRoot::None),
        _ => Err("not pivot_root, chroot or none".into()),
    }
}

pub fn file_systems(value: &CStr) -> Result<FileSystems, Refused> {
    let mut chosen = FileSystems::NONE;
    for name in list(value) {
        match name {
            b"proc" => chosen.proc = true,
            b"sys" => chosen.sys = true,
            b"dev" => chosen.dev = true,
            b"none" => {}
            _ => return Err(format!("{} is not proc, sys, dev or none", Shown(name))),
        }
    }
    Ok(chosen)
}

fn list(value: &CStr) -> impl Iterator<Item = &[u8]> {
    value.to_bytes().split(|byte| *byte == b',')
}

/// `private`, `host` or `ns:PATH`.
pub fn source(value: &CStr) -> Result<Source<'_>, Refused> {
    const JOIN: usize = 3;
    match value.to_bytes() {
        b"private" => Ok(Source::Private),
        b"host" => Ok(Source::Host),
        [b'n', b's', b':', _, ..] => Ok(Source::Join(&value[JOIN..])),
        _ => Err("not private, host or ns:PATH".into()),
    }
}

/// Exactly the named ones become private; those already joined by path stay so.
pub fn namespaces(into: &mut [Source<'_>; Namespace::ALL.len()], value: &CStr) -> Result<(), Refused> {
    for source in into.iter_mut().filter(|source| !matches!(source, Source::Join(_))) {
        *source = Source::Host;
    }
    for name in list(value) {
        match name {
            b"all" => into.fill(Source::Private),
            b"none" => {}
            _ => {
                let found = Namespace::ALL.iter().find(|row| row.1.as_bytes() == name);
                let Some((kind, ..)) = found else { return Err(format!("{} is no namespace", Shown(name))) };
                into[*kind as usize] = Source::Private;
            }
        }
    }
    Ok(())
}

/// `IN:OUT:COUNT`, or `none`.
pub fn add_map(map: &mut IdMap, value: &CStr) -> Result<(), Refused> {
    if value == c"none" {
        *map = IdMap::None;
        return Ok(());
    }
    let mut parts = value.to_bytes().split(|byte| *byte == b':').map(numbers::decimal);
    let (Some(Some(inside)), Some(Some(outside)), Some(Some(count)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("not IN:OUT:COUNT".into());
    };
    if count == 0 || inside.checked_add(count).is_none() || outside.checked_add(count).is_none() {
        return Err("the range is empty or passes the last id".into());
    }
    let range = IdRange { inside, outside, count };
    match map {
        IdMap::Ranges(ranges) => ranges.push(range),
        _ => *map = IdMap::Ranges(Vec::from([range])),
    }
    Ok(())
}

/// `SRC:DST[:ro|:rw]`.
pub fn volume(value: &CStr) -> Result<Volume, Refused> {
    let mut parts = value.to_bytes().split(|byte| *byte == b':');
    let (Some(source), Some(target)) = (parts.next(), parts.next()) else { return Err("not SRC:DST[:ro]".into()) };
    let read_only = match (parts.next(), parts.next()) {
        (None | Some(b"rw"), None) => false,
        (Some(b"ro"), None) => true,
        _ => return Err("not SRC:DST[:ro]".into()),
    };
    if source.is_empty() {
        return Err("the source is empty".into());
    }
    Ok(Volume { source: path::c_string(source), target: mount_point(target)?, read_only })
}

/// `DST[:key=value,…]`.
pub fn tmpfs(value: &CStr) -> Result<Tmpfs<'_>, Refused> {
    /// What tmpfs(5) takes and a user may choose.
    const KEYS: [&[u8]; 4] = [b"size=", b"mode=", b"nr_inodes=", b"nr_blocks="];
    let mut parts = value.to_bytes().splitn(2, |byte| *byte == b':');
    let target = mount_point(parts.next().unwrap_or_default())?;
    let options = parts.next().unwrap_or_default();
    for option in options.split(|byte| *byte == b',').filter(|option| !option.is_empty()) {
        if !KEYS.iter().any(|key| option.starts_with(key) && option.len() > key.len()) {
            return Err(format!("{} is not size=, mode=, nr_inodes= or nr_blocks=", Shown(option)));
        }
    }
    Ok(Tmpfs { target, options })
}

/// Where something is mounted: absolute, cleaned, and not the root itself.
fn mount_point(target: &[u8]) -> Result<CString, Refused> {
    if !target.starts_with(b"/") {
        return Err("the target is not an absolute path".into());
    }
    let target = path::clean(target);
    if target.as_c_str() == c"/" { Err("the target is the root itself".into()) } else { Ok(target) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_source_target_and_perhaps_ro() {
        let volume = volume(c"/a:/b/../c/:ro").unwrap();
        assert_eq!((volume.source.as_c_str(), volume.target.as_c_str(), volume.read_only), (c"/a", c"/c", true));
        for wrong in [c"/a", c"/a:b", c":/b", c"/a:/b:rx", c"/a:/b:ro:ro", c"/a:/", c"/a:/.."] {
            assert!(super::volume(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_tmpfs_has_the_options_that_the_kernel_knows() {
        let mounted = tmpfs(c"/scratch:size=64m,mode=1777").unwrap();
        assert_eq!(mounted.options, b"size=64m,mode=1777");
        assert!(tmpfs(c"/scratch").unwrap().options.is_empty());
        for wrong in [c"scratch", c"/s:uid=0", c"/s:size", c"/s:size=", c""] {
            assert!(tmpfs(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_id_map_adds_ranges_or_is_none() {
        let mut map = IdMap::Default;
        add_map(&mut map, c"0:1000:1").unwrap();
        add_map(&mut map, c"1:100000:65536").unwrap();
        assert!(matches!(&map, IdMap::Ranges(ranges) if ranges.len() == 2 && ranges[1].count == 65536));
        for wrong in [c"", c"0:0", c"0:0:0", c"0:0:1:1", c"a:0:1", c"4294967295:0:1"] {
            assert!(add_map(&mut map, wrong).is_err(), "{wrong:?}");
        }
        add_map(&mut map, c"none").unwrap();
        assert_eq!(map, IdMap::None);
    }

    #[test]
    fn a_host_name_fits_the_kernel() {
        assert!(hostname(c"box").is_ok());
        assert!(hostname(c"").is_err());
        let long = path::c_string(vec![b'x'; 65]);
        assert!(hostname(&long).unwrap_err().contains("at most 64"));
    }

    #[test]
    fn a_namespace_is_private_the_hosts_or_joined() {
        assert_eq!(source(c"ns:/proc/1/ns/net"), Ok(Source::Join(c"/proc/1/ns/net")));
        assert!(source(c"ns:").is_err() && source(c"none").is_err());
    }
}
