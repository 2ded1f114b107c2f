//! The values of options: text -> parts of a Spec. Each says in a few words why it refuses one.

use crate::spec::{ChangeRoot, FileSystems, IdMap, IdRange, Namespace, Source, Tmpfs, Volume};
use crate::sys::identity::CapabilitySet;
use crate::sys::{Arena, List, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{copy, cut, names, number, path, split, t};

/// Why a value is refused.
pub type Refused = Sentence;
type Parsed<T> = Result<T, Refused>;

/// `HOST_NAME_MAX` of the kernel.
const LONGEST_HOSTNAME: usize = 64;

/// What follows an option, and where parts of it are kept.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    pub word: Word<'a>,
    pub arena: &'a Arena,
}

impl<'a> Value<'a> {
    pub fn not_empty(self) -> Parsed<Word<'a>> {
        if self.word.is_empty() { Err(t!("is empty")) } else { Ok(self.word) }
    }

    pub fn absolute(self) -> Parsed<Word<'a>> {
        if self.word.bytes().starts_with(b"/") { Ok(self.word) } else { Err(t!("not an absolute path")) }
    }

    pub fn hostname(self) -> Parsed<Word<'a>> {
        match self.not_empty()?.bytes().len() {
            ..=LONGEST_HOSTNAME => Ok(self.word),
            _ => Err(t!("the kernel takes at most 64 bytes")),
        }
    }

    pub fn variable(self) -> Parsed<Word<'a>> {
        match self.word.bytes() {
            [] | [b'=', ..] => Err(t!("has no name")),
            _ => Ok(self.word),
        }
    }

    /// A number of descriptors: no process has more than the kernel's `NR_OPEN`.
    pub fn count(self) -> Parsed<u32> {
        const NR_OPEN: u32 = 1 << 20;
        number::decimal(self.word.bytes()).filter(|count| *count <= NR_OPEN).ok_or(t!("not a number up to 1048576"))
    }

    pub fn duration(self) -> Parsed<u64> {
        number::duration(self.word.bytes()).ok_or(t!("not a time such as 10s, 500ms or 2m"))
    }

    pub fn capability(self) -> Parsed<CapabilitySet> {
        names::capability(self.word.bytes()).ok_or(t!("no such capability (capabilities(7))"))
    }

    pub fn change_root(self) -> Parsed<ChangeRoot> {
        match names::position("pivot_root chroot none", self.word.bytes()) {
            Some(0) => Ok(ChangeRoot::Pivot),
            Some(1) => Ok(ChangeRoot::Chroot),
            Some(_) => Ok(ChangeRoot::None),
            None => Err(t!("not pivot_root, chroot or none")),
        }
    }

    pub fn file_systems(self) -> Parsed<FileSystems> {
        let mut chosen = FileSystems::NONE;
        for name in self.list() {
            match names::position("proc sys dev none", name) {
                Some(0) => chosen.proc = true,
                Some(1) => chosen.sys = true,
                Some(2) => chosen.dev = true,
                Some(_) => {}
                None => return Err(t!("not a list of proc, sys and dev, or none")),
            }
        }
        Ok(chosen)
    }

    fn list(self) -> impl Iterator<Item = &'a [u8]> {
        split(self.word.bytes(), b',')
    }

    /// `none` as another word for `private`: a new network has nothing in it.
    pub fn or_none(self) -> Self {
        if self.word == word(c"none") { Self { word: word(c"private"), ..self } } else { self }
    }

    /// `private`, `host` or `ns:PATH`.
    pub fn source(self) -> Parsed<Source<'a>> {
        const JOIN: usize = 3;
        match self.word.bytes() {
            b"private" => Ok(Source::Private),
            b"host" => Ok(Source::Host),
            [b'n', b's', b':', _, ..] => Ok(Source::Join(self.word.after(JOIN))),
            _ => Err(t!("not private, host or ns:PATH")),
        }
    }

    /// Exactly the named ones become private; those already joined by path stay so.
    pub fn namespaces(self, into: &mut [Source; Namespace::ALL.len()]) -> Parsed<()> {
        for source in into.iter_mut().filter(|source| !matches!(source, Source::Join(_))) {
            *source = Source::Host;
        }
        for name in self.list() {
            match name {
                b"all" => into.fill(Source::Private),
                b"none" => {}
                _ => {
                    let found = Namespace::ALL.iter().find(|row| row.1.bytes() == name);
                    let Some((kind, ..)) = found else { return Err(t!("not a list of namespaces, all or none")) };
                    into[*kind as usize] = Source::Private;
                }
            }
        }
        Ok(())
    }

    /// `IN:OUT:COUNT`, or `none`.
    #[inline(never)]
    pub fn add_map(self, map: &mut IdMap<'a>) -> Parsed<()> {
        if self.word == word(c"none") {
            *map = IdMap::None;
            return Ok(());
        }
        let [inside, outside, count] = number::three(self.word.bytes(), b':').ok_or(t!("not IN:OUT:COUNT"))?;
        if count == 0 || inside.checked_add(count).is_none() || outside.checked_add(count).is_none() {
            return Err(t!("the range is empty or passes the last id"));
        }
        if !matches!(map, IdMap::Ranges(_)) {
            *map = IdMap::Ranges(List::new(self.arena));
        }
        if let IdMap::Ranges(ranges) = map {
            ranges.push(IdRange { inside, outside, count });
        }
        Ok(())
    }

    /// `SRC:DST[:ro|:rw][,idmap]`.
    pub fn volume(self) -> Parsed<Volume<'a>> {
        let refused = if cfg!(feature = "full") { t!("not SRC:DST[:ro][,idmap]") } else { t!("not SRC:DST[:ro]") };
        let mut parts = split(self.word.bytes(), b':');
        let (Some(source), Some(target)) = (parts.next(), parts.next()) else { return Err(refused) };
        let (mut is_read_only, mut idmap) = (None, false);
        for words in parts {
            for word in split(words, b',') {
                match word {
                    b"ro" | b"rw" if is_read_only.is_none() => is_read_only = Some(word == b"ro"),
                    b"idmap" if cfg!(feature = "full") && !idmap => idmap = true,
                    _ => return Err(refused),
                }
            }
        }
        if source.is_empty() {
            return Err(t!("the source is empty"));
        }
        let (source, target) = (copy(self.arena, &[source]), self.mount_point(target)?);
        Ok(Volume { source, target, read_only: is_read_only == Some(true), idmap })
    }

    /// `auto`, `identity` or `IN:OUT:COUNT`, a map of users and of groups, as another word for `private`.
    #[cfg(feature = "full")]
    pub fn or_id_maps(self, uids: &mut IdMap<'a>, gids: &mut IdMap<'a>) -> Parsed<Self> {
        match names::position("auto identity", self.word.bytes()) {
            Some(0) => (*uids, *gids) = (IdMap::Default, IdMap::Default),
            Some(_) => (*uids, *gids) = (IdMap::Identity, IdMap::Identity),
            None if self.word.bytes().first().is_some_and(u8::is_ascii_digit) => {
                self.add_map(uids)?;
                self.add_map(gids)?;
            }
            None => return Ok(self),
        }
        Ok(Self { word: word(c"private"), ..self })
    }

    /// `DST[:key=value,…]`.
    pub fn tmpfs(self) -> Parsed<Tmpfs<'a>> {
        /// What tmpfs(5) takes and a user may choose.
        const KEYS: &str = "size mode nr_inodes nr_blocks";
        let (target, _) = cut(self.word.bytes(), b':');
        let options = self.word.after(target.len() + 1);
        let is_known = |option: &[u8]| match cut(option, b'=') {
            (key, Some(value)) => names::words(KEYS).any(|known| known == key) && !value.is_empty(),
            (key, None) => key.is_empty(),
        };
        if !split(options.bytes(), b',').all(is_known) {
            return Err(t!("the options are size=, mode=, nr_inodes= and nr_blocks="));
        }
        Ok(Tmpfs { target: self.mount_point(target)?, options })
    }

    /// Where something is mounted: absolute, cleaned, and not the root itself.
    fn mount_point(self, target: &[u8]) -> Parsed<Word<'a>> {
        if !target.starts_with(b"/") {
            return Err(t!("the target is not an absolute path"));
        }
        let target = path::clean(self.arena, target);
        if target == word(c"/") { Err(t!("the target is the root itself")) } else { Ok(target) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ffi::CStr;

    fn with<R>(value: &CStr, read: impl FnOnce(Value) -> R) -> R {
        read(Value { word: Word::new(value), arena: &Arena::new().unwrap() })
    }

    #[test]
    fn a_volume_is_source_target_and_perhaps_ro() {
        with(c"/a:/b/../c/:ro", |value| {
            let volume = value.volume().unwrap();
            assert_eq!((volume.source, volume.target, volume.read_only), (word(c"/a"), word(c"/c"), true));
        });
        for wrong in [c"/a", c"/a:b", c":/b", c"/a:/b:rx", c"/a:/b:ro:ro", c"/a:/", c"/a:/.."] {
            with(wrong, |value| assert!(value.volume().is_err(), "{wrong:?}"));
        }
    }

    #[test]
    fn a_tmpfs_has_the_options_that_the_kernel_knows() {
        with(c"/scratch:size=64m,mode=1777", |value| {
            assert_eq!(value.tmpfs().unwrap().options, word(c"size=64m,mode=1777"));
        });
        with(c"/scratch", |value| assert!(value.tmpfs().unwrap().options.is_empty()));
        for wrong in [c"scratch", c"/s:uid=0", c"/s:size", c"/s:size=", c""] {
            with(wrong, |value| assert!(value.tmpfs().is_err(), "{wrong:?}"));
        }
    }

    #[test]
    fn an_id_map_adds_ranges_or_is_none() {
        fn add<'a>(arena: &'a Arena, map: &mut IdMap<'a>, text: &'static CStr) -> bool {
            Value { word: word(text), arena }.add_map(map).is_ok()
        }
        let arena = Arena::new().unwrap();
        let mut map = IdMap::Default;
        assert!(add(&arena, &mut map, c"0:1000:1") && add(&arena, &mut map, c"1:100000:65536"));
        assert!(matches!(&map, IdMap::Ranges(ranges) if ranges.len() == 2 && ranges[1].count == 65536));
        for wrong in [c"", c"0:0", c"0:0:0", c"0:0:1:1", c"a:0:1", c"4294967295:0:1"] {
            assert!(!add(&arena, &mut map, wrong), "{wrong:?}");
        }
        assert!(add(&arena, &mut map, c"none") && matches!(map, IdMap::None));
    }

    #[test]
    fn a_host_name_fits_the_kernel() {
        with(c"box", |value| assert!(value.hostname().is_ok()));
        with(c"", |value| assert!(value.hostname().is_err()));
        let long = std::ffi::CString::new([b'x'; 65]).unwrap();
        with(&long, |value| assert_eq!(value.hostname(), Err(t!("the kernel takes at most 64 bytes"))));
    }

    #[test]
    fn a_namespace_is_private_the_hosts_or_joined() {
        with(c"ns:/proc/1/ns/net", |value| {
            assert_eq!(value.source(), Ok(Source::Join(word(c"/proc/1/ns/net"))));
        });
        for wrong in [c"ns:", c"none"] {
            with(wrong, |value| assert!(value.source().is_err()));
        }
    }
}
