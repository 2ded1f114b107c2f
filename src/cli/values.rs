//! The values of options: text -> parts of a Spec. Each says in a few words why it refuses one.

#[cfg(feature = "full")]
use crate::spec::{Cgroups, Device, Filter, RateKind, Resource, Set, Setting, Spec};
use crate::spec::{ChangeRoot, FileSystems, IdMap, IdRange, Namespace, NewKind, NewMount, Source, Volume};
#[cfg(feature = "full")]
use crate::sys::bpf::{Access, MKNOD, READ, WRITE};
use crate::sys::identity::CapabilitySet;
use crate::sys::mount::Attributes;
#[cfg(feature = "full")]
use crate::sys::process::{Limit, Processors, RLIM_INFINITY};
use crate::sys::{Arena, List, Word, word};
#[cfg(feature = "full")]
use crate::text::Text;
use crate::text::sentence::Sentence;
use crate::text::{copy, cut, names, number, path, split, t};

#[cfg(feature = "full")]
use linux_raw_sys::general as k;

/// Why a value is refused.
pub type Refused = Sentence;
type Parsed<T> = Result<T, Refused>;

/// `HOST_NAME_MAX` of the kernel.
const LONGEST_HOSTNAME: usize = 64;
/// The control character that is not below the space (ascii(7)).
const DELETE: u8 = 0x7f;

#[cfg(feature = "full")]
const MOUNT_OPTIONS: Refused = t!("the options are type=, src=, dst=, ro, bind-propagation=, size= and mode=");

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

    /// A name or a number, and perhaps another of a group; none of them empty.
    pub fn user(self) -> Parsed<Word<'a>> {
        match cut(self.word.bytes(), b':') {
            (b"", _) => Err(t!("names no user")),
            (_, Some(b"")) => Err(t!("names no group")),
            _ => Ok(self.word),
        }
    }

    pub fn absolute(self) -> Parsed<Word<'a>> {
        if self.word.bytes().starts_with(b"/") { Ok(self.word) } else { Err(t!("not an absolute path")) }
    }

    /// It is a word of `/etc/hosts`, and of many a program's output.
    pub fn hostname(self) -> Parsed<Word<'a>> {
        let name = self.not_empty()?.bytes();
        if name.len() > LONGEST_HOSTNAME {
            return Err(t!("the kernel takes at most 64 bytes"));
        }
        if name.iter().any(|byte| *byte <= b' ' || *byte == DELETE) {
            return Err(t!("has a space or a control character"));
        }
        Ok(self.word)
    }

    /// Of a container.
    #[cfg(feature = "full")]
    pub fn name(self) -> Parsed<Word<'a>> {
        if names::is_name(self.word.bytes()) {
            Ok(self.word)
        } else {
            Err(t!("not a letter or digit, then at most 63 of these and _.-"))
        }
    }

    /// Of what is on where it is named at all.
    #[cfg(feature = "boot")]
    pub fn is_on(self) -> bool {
        self.word != word(c"0")
    }

    pub fn variable(self) -> Parsed<Word<'a>> {
        match self.word.bytes() {
            [] | [b'=', ..] => Err(t!("has no name")),
            _ => Ok(self.word),
        }
    }

    /// What of `--sandbox` there is: true.
    #[cfg(feature = "full")]
    pub fn landlock(self) -> Parsed<bool> {
        if self.word == word(c"landlock") { Ok(true) } else { Err(t!("not landlock")) }
    }

    /// A wall that is left out, or another one. A later command in the container finds the file by the same path, wherever it
    /// is called.
    #[cfg(feature = "full")]
    pub fn wall(self, spec: &mut Spec<'a>) -> Parsed<()> {
        const FILE: &[u8] = b"seccomp=/";
        match names::position("landlock=off seccomp=unconfined", self.word.bytes()) {
            Some(0) => spec.scopes = false,
            Some(_) => spec.filter = Filter::Unconfined,
            None if self.word.bytes().starts_with(FILE) => spec.filter = Filter::File(self.word.after(FILE.len() - 1)),
            None => return Err(t!("not landlock=off, seccomp=unconfined or seccomp=/FILE")),
        }
        Ok(())
    }

    /// A number of descriptors: no process has more than the kernel's `NR_OPEN`.
    pub fn count(self) -> Parsed<u32> {
        const NR_OPEN: u32 = 1 << 20;
        number::decimal(self.word.bytes()).filter(|count| *count <= NR_OPEN).ok_or(t!("not a number up to 1048576"))
    }

    pub fn duration(self) -> Parsed<u64> {
        number::duration(self.word.bytes()).ok_or(t!("not a time such as 10s, 500ms or 2m"))
    }

    /// One in which something can be done.
    #[cfg(feature = "full")]
    pub fn time(self) -> Parsed<u64> {
        match self.duration()? {
            0 => Err(t!("leaves no time: without the option there is no end to it")),
            time => Ok(time),
        }
    }

    pub fn capability(self) -> Parsed<CapabilitySet> {
        names::capability(self.word.bytes()).ok_or(t!("no such capability (capabilities(7))"))
    }

    /// `NAME:IP`.
    #[cfg(feature = "full")]
    pub fn host(self) -> Parsed<Word<'a>> {
        let (name, _) = cut(self.word.bytes(), b':');
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
        let address = Self { word: self.word.after(name.len() + 1), ..self };
        if name.is_empty() || !name.iter().all(is_name) || address.address().is_err() {
            return Err(t!("not NAME:IP"));
        }
        Ok(self.word)
    }

    /// An IPv4 or IPv6 address, by its letters; whether it makes sense the resolver will say.
    #[cfg(feature = "full")]
    pub fn address(self) -> Parsed<Word<'a>> {
        let is_part = |byte: &u8| byte.is_ascii_hexdigit() || b".:".contains(byte);
        let address = self.word.bytes();
        let is_address = address.iter().all(is_part) && address.iter().any(|byte| b".:".contains(byte));
        if is_address { Ok(self.word) } else { Err(t!("not an IP address")) }
    }

    /// What is set, and how it was written.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub fn put(self, spec: &mut Spec<'a>, what: Set<'a>) -> Parsed<()> {
        spec.settings.push(Setting { what, asked: self.word });
        Ok(())
    }

    /// What is asked of a control group, instead of what was asked before.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub fn ask(self, spec: &mut Spec<'a>, resource: Resource<'a>) -> Parsed<()> {
        match spec.resources.iter_mut().find(|other| resource.replaces(other)) {
            Some(other) => *other = resource,
            None => spec.resources.push(resource),
        }
        Ok(())
    }

    /// `64m`; no limit is `0`, `-1` or `max`.
    #[cfg(feature = "full")]
    pub fn most(self) -> Parsed<Option<u64>> {
        number::limit(self.word.bytes()).ok_or(t!("not a size such as 64m or 1.5g, or -1"))
    }

    /// A number of the same kind, without a unit.
    #[cfg(feature = "full")]
    pub fn most_of(self) -> Parsed<Option<u64>> {
        let text = self.word.bytes();
        let is_whole = matches!(text, b"-1" | b"max") || text.iter().all(u8::is_ascii_digit);
        number::limit(text).filter(|_| is_whole).ok_or(t!("not a number, or -1"))
    }

    /// Processors, such as `0.5`, as microseconds of each period.
    #[cfg(feature = "full")]
    pub fn cpus(self) -> Parsed<Option<u64>> {
        /// The kernel takes no less.
        const LEAST: u64 = 1000;
        match number::fixed(self.word.bytes(), Resource::PERIOD) {
            _ if matches!(self.word.bytes(), b"0" | b"-1" | b"max") => Ok(None),
            Some(time) if time >= LEAST => Ok(Some(time)),
            _ => Err(t!("not a number of processors such as 0.5, and at least 0.01")),
        }
    }

    /// A number in a range, or what that is.
    #[cfg(feature = "full")]
    #[inline(never)]
    pub fn within(self, least: i32, most: i32, refused: Refused) -> Parsed<i32> {
        let (digits, sign) = match self.word.bytes() {
            [b'-', digits @ ..] => (digits, -1),
            digits => (digits, 1),
        };
        let number = number::decimal(digits).map(|number| i64::from(number) * sign);
        number.and_then(|number| number.try_into().ok()).filter(|number| (least..=most).contains(number)).ok_or(refused)
    }

    /// The kernel's own list, of which the letters are looked at.
    #[cfg(feature = "full")]
    pub fn set(self) -> Parsed<Word<'a>> {
        self.processors().map(|_| self.word)
    }

    /// `DEV:RATE`.
    #[cfg(feature = "full")]
    pub fn rate(self, spec: &mut Spec<'a>, kind: RateKind) -> Parsed<()> {
        let refused = t!("not DEVICE:RATE, such as /dev/sda:10m");
        let word = self.word.bytes();
        let colon = word.iter().rposition(|byte| *byte == b':').ok_or(refused)?;
        let (device, rate) = (copy(self.arena, &[&word[..colon]]), Self { word: self.word.after(colon + 1), ..self });
        let is_bytes = matches!(kind, RateKind::ReadBytes | RateKind::WriteBytes);
        let most = if is_bytes { rate.most() } else { rate.most_of() }.map_err(|_| refused)?;
        if !device.bytes().starts_with(b"/") {
            return Err(refused);
        }
        self.ask(spec, Resource::Rate { kind, device, most })
    }

    /// `FILE=VALUE` of a control group.
    #[cfg(feature = "full")]
    pub fn cgroup_file(self) -> Parsed<Resource<'a>> {
        let (name, value) = cut(self.word.bytes(), b'=');
        let (controller, rest) = cut(name, b'.');
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if value.unwrap_or_default().is_empty() || rest.unwrap_or_default().is_empty() || !name.iter().all(is_letter) {
            return Err(t!("not FILE=VALUE, such as memory.high=48m"));
        }
        // What moves, kills, stops and divides is aril's.
        if controller == b"cgroup" && names::position("cgroup.max.depth cgroup.max.descendants", name).is_none() {
            return Err(t!("of cgroup.* only cgroup.max.depth and cgroup.max.descendants"));
        }
        if names::position("freezer devices", controller).is_some() {
            return Err(t!("aril itself stops a container, and gives it devices"));
        }
        Ok(Resource::File { name: copy(self.arena, &[name]), value: self.word.after(name.len() + 1) })
    }

    #[cfg(feature = "full")]
    pub fn cgroups(self) -> Parsed<Cgroups> {
        match names::position("required best off", self.word.bytes()) {
            Some(0) => Ok(Cgroups::Required),
            Some(1) => Ok(Cgroups::Best),
            Some(_) => Ok(Cgroups::Off),
            None => Err(t!("not required, best or off")),
        }
    }

    /// A path in each hierarchy, from its root.
    #[cfg(feature = "full")]
    pub fn cgroup(self) -> Parsed<Word<'a>> {
        self.not_empty()?;
        if path::names(self.word.bytes()).any(|name| name == b"..") {
            return Err(t!("leads up with .."));
        }
        Ok(path::clean(self.arena, copy(self.arena, &[b"/", self.word.bytes()]).bytes()))
    }

    /// `NAME=SOFT[:HARD]`: which resource, and its limit.
    #[cfg(feature = "full")]
    pub fn ulimit(self) -> Parsed<(u32, Limit)> {
        let (name, value) = cut(self.word.bytes(), b'=');
        let resource = names::position(Setting::RESOURCES, name).ok_or(t!("no such resource (getrlimit(2))"))?;
        let (soft, hard) = cut(value.unwrap_or_default(), b':');
        let read = |text: &[u8]| match text {
            b"unlimited" | b"-1" => Some(RLIM_INFINITY),
            _ => number::size(text),
        };
        match (read(soft), read(hard.unwrap_or(soft))) {
            (Some(soft), Some(hard)) if soft <= hard => Ok((resource as u32, Limit { soft, hard })),
            _ => Err(t!("not NAME=SOFT[:HARD], each a number or unlimited, the hard one not lower")),
        }
    }

    /// `0-3,7`, as taskset(1) has it.
    #[cfg(feature = "full")]
    pub fn processors(self) -> Parsed<&'a Processors> {
        let refused = t!("not a list of processors, such as 0-3,7");
        let mut set: Processors = [0; 16];
        for range in self.list() {
            let (first, last) = cut(range, b'-');
            let first = number::decimal(first).ok_or(refused)?;
            let last = last.map_or(Some(first), number::decimal).ok_or(refused)?;
            if first > last {
                return Err(refused);
            }
            for number in first..=last {
                *set.get_mut(number as usize / 64).ok_or(t!("no kernel has that many processors"))? |=
                    1 << (number % 64);
            }
        }
        Ok(self.arena.hold(set))
    }

    #[cfg(feature = "full")]
    pub fn umask(self) -> Parsed<u32> {
        let digits = self.word.bytes();
        let mask = digits.iter().try_fold(0u32, |mask, digit| match digit {
            b'0'..=b'7' => Some(mask << 3 | u32::from(digit - b'0')).filter(|mask| *mask <= 0o777),
            _ => None,
        });
        mask.filter(|_| !digits.is_empty()).ok_or(t!("not an octal mask up to 777"))
    }

    #[cfg(feature = "full")]
    pub fn signal(self) -> Parsed<u8> {
        let signal = names::signal(self.word.bytes()).ok_or(t!("no such signal (signal(7))"))?;
        // Nobody could continue what it stops, and the init does not pass on what its own children send it.
        if matches!(u32::from(signal), k::SIGSTOP | k::SIGCHLD) { Err(t!("ends nothing")) } else { Ok(signal) }
    }

    #[cfg(feature = "full")]
    pub fn boolean(self) -> Parsed<bool> {
        Ok(names::position("false true", self.word.bytes()).ok_or(t!("not true or false"))? == 1)
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

    /// `private`, `host` or `ns:PATH`, for this kind, which may have more.
    pub fn source(self, _kind: Namespace) -> Parsed<Source<'a>> {
        const JOIN: usize = 3;
        match self.word.bytes() {
            b"private" => Ok(Source::Private),
            b"host" => Ok(Source::Host),
            [b'n', b's', b':', _, ..] => Ok(Source::Join(self.word.after(JOIN))),
            #[cfg(feature = "full")]
            _ if _kind == Namespace::User => Err(t!("not auto, identity, IN:OUT:COUNT, private, host or ns:PATH")),
            #[cfg(feature = "full")]
            _ if _kind == Namespace::Network => Err(t!("not none, private, host or ns:PATH")),
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

    /// `SRC:DST[:ro|:rw]`; in the whole build several flags with commas between them.
    pub fn volume(self) -> Parsed<Volume<'a>> {
        let refused = if cfg!(feature = "full") {
            t!("not SRC:DST[:FLAGS], which are ro, rw, rslave, rprivate, idmap and O")
        } else {
            t!("not SRC:DST[:ro]")
        };
        let mut parts = split(self.word.bytes(), b':');
        let (Some(source), Some(target)) = (parts.next(), parts.next()) else { return Err(refused) };
        if source.is_empty() {
            return Err(t!("the source is empty"));
        }
        let (source, target) = (copy(self.arena, &[source]), self.mount_point(target)?);
        let mut volume = Volume { source, target, read_only: false, follows_host: false, overlay: false, idmap: false };
        for flags in parts {
            for flag in split(flags, b',') {
                volume.set(flag).ok_or(refused)?;
            }
        }
        Ok(volume)
    }

    /// `PATH[:DST][:rwm]`, as docker-run(1) has it.
    #[cfg(feature = "full")]
    pub fn device(self) -> Parsed<Device<'a>> {
        let (source, mut rest) = cut(self.word.bytes(), b':');
        let mut target = source;
        if let Some(path @ [b'/', ..]) = rest {
            (target, rest) = cut(path, b':');
        }
        let access = rest.map_or(Some(MKNOD | READ | WRITE), access);
        let (Some(access), false) = (access, source.is_empty()) else {
            return Err(t!("not PATH[:DST][:rwm]"));
        };
        let (source, target) = (copy(self.arena, &[source]), path::clean(self.arena, target));
        if !target.bytes().starts_with(b"/dev/") {
            return Err(t!("its place is not below /dev: say PATH:/dev/NAME"));
        }
        Ok(Device { source, target, access })
    }

    /// `type=bind,src=…,dst=…,ro`, as docker-run(1) spells it.
    #[cfg(feature = "full")]
    pub fn mount(self, spec: &mut Spec<'a>) -> Parsed<()> {
        let (mut kind, mut source, mut target): (&[u8], _, _) = (b"bind", Word::default(), Word::default());
        let mut volume =
            Volume { source, target: source, read_only: false, follows_host: false, overlay: false, idmap: false };
        let mut options = Text::new(self.arena);
        let mut for_binds = false;
        for option in self.list() {
            let (key, value) = cut(option, b'=');
            let value = value.unwrap_or_default();
            match names::position("type src source dst destination target bind-propagation tmpfs-size tmpfs-mode", key)
            {
                Some(0) => kind = value,
                Some(1 | 2) => source = copy(self.arena, &[value]),
                Some(3..=5) => target = self.mount_point(value)?,
                Some(6) => {
                    for_binds = true;
                    volume.set(value).ok_or(MOUNT_OPTIONS)?;
                }
                Some(_) => drop(options.add(&option["tmpfs-".len()..]).add(b",")),
                None if value.is_empty() || value == b"true" => {
                    for_binds |= names::position("rw ro readonly", key).is_none();
                    volume.set(key).ok_or(MOUNT_OPTIONS)?;
                }
                None if is_tmpfs_option(option) => drop(options.add(option).add(b",")),
                None => return Err(MOUNT_OPTIONS),
            }
        }
        volume.overlay |= kind == b"overlay";
        let is_bind = volume.overlay || kind == b"bind";
        let kind = names::position(NewKind::NAMES, kind);
        if !is_bind && kind.is_none() {
            return Err(t!("the type is bind, overlay, tmpfs, proc, sysfs, mqueue or devpts"));
        }
        if for_binds && !is_bind {
            return Err(t!("bind-propagation= and idmap are for a bind mount"));
        }
        let options = options.word();
        if target.is_empty() || source.is_empty() == is_bind || !(options.is_empty() || kind == Some(0)) {
            return Err(t!("needs dst=, a bind mount src= too; size= and mode= are for a tmpfs"));
        }
        match kind.and_then(|kind| NewKind::ALL.get(kind)) {
            Some(kind) => {
                let attributes = Attributes::NONE.when(volume.read_only, Attributes::RDONLY);
                spec.new_mounts.push(NewMount { kind: *kind, target, options, attributes });
            }
            None => spec.volumes.push(Volume { source, target, ..volume }),
        }
        Ok(())
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
    pub fn tmpfs(self) -> Parsed<NewMount<'a>> {
        let (target, _) = cut(self.word.bytes(), b':');
        let options = self.word.after(target.len() + 1);
        #[cfg(feature = "full")]
        let (attributes, options) = Attributes::of(self.arena, options);
        #[cfg(not(feature = "full"))]
        let attributes = Attributes::NONE;
        if !split(options.bytes(), b',').all(is_tmpfs_option) {
            return Err(crate::full!(
                t!("the options are size=, mode=, nr_inodes= and nr_blocks="),
                t!("the options are size=, mode=, nr_inodes=, nr_blocks=, ro, rw, noexec and the like")
            ));
        }
        Ok(NewMount { kind: NewKind::Tmpfs, target: self.mount_point(target)?, options, attributes })
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

/// Whether a user may choose it of what tmpfs(5) takes. Nothing at all is as good.
fn is_tmpfs_option(option: &[u8]) -> bool {
    match cut(option, b'=') {
        (key, Some(value)) => names::position("size mode nr_inodes nr_blocks", key).is_some() && !value.is_empty(),
        (key, None) => key.is_empty() || cfg!(feature = "full") && matches!(key, b"ro" | b"rw"),
    }
}

/// What may be done with a device, each once, reading or writing among it. To make a node is allowed in any case.
#[cfg(feature = "full")]
fn access(letters: &[u8]) -> Option<Access> {
    let mut access = 0;
    for letter in letters {
        let one = MKNOD << b"mrw".iter().position(|known| known == letter)?;
        if access & one != 0 {
            return None;
        }
        access |= one;
    }
    Some(access).filter(|access| access & (READ | WRITE) != 0)
}

impl Volume<'_> {
    /// A flag of a volume; `None` if it is none.
    fn set(&mut self, flag: &[u8]) -> Option<()> {
        const FLAGS: &str = crate::full!("rw ro", "rw ro readonly rslave slave rprivate private idmap O");
        match names::position(FLAGS, flag)? {
            read_only @ 0..=2 => self.read_only = read_only != 0,
            7 => self.idmap = true,
            8 => self.overlay = true,
            propagation => self.follows_host = propagation < 5,
        }
        Some(())
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
        for wrong in [c"/a", c"/a:b", c":/b", c"/a:/b:rx", c"/a:/", c"/a:/.."] {
            with(wrong, |value| assert!(value.volume().is_err(), "{wrong:?}"));
        }
    }

    #[test]
    #[cfg(feature = "full")]
    fn there_is_no_half_of_a_process() {
        with(c"12", |value| assert_eq!(value.most_of(), Ok(Some(12))));
        for none in [c"-1", c"max", c"0"] {
            with(none, |value| assert_eq!(value.most_of(), Ok(None), "{none:?}"));
        }
        for wrong in [c"", c"1.5", c"0.5", c"1k", c"k1"] {
            with(wrong, |value| assert!(value.most_of().is_err(), "{wrong:?}"));
        }
    }

    #[test]
    #[cfg(feature = "full")]
    fn what_aril_needs_of_a_group_is_not_written_for_others() {
        for wrong in [c"cgroup.procs=1", c"freezer.state=FROZEN", c"devices.allow=a", c"devices.deny=a"] {
            with(wrong, |value| assert!(value.cgroup_file().is_err(), "{wrong:?}"));
        }
        with(c"memory.high=48m", |value| assert!(value.cgroup_file().is_ok()));
    }

    #[test]
    #[cfg(feature = "full")]
    fn a_device_is_a_path_perhaps_its_place_and_what_may_be_done() {
        const ALL: Access = READ | WRITE | MKNOD;
        for (text, source, target, expected) in [
            (c"/dev/fuse", c"/dev/fuse", c"/dev/fuse", ALL),
            (c"/dev/fuse:rw", c"/dev/fuse", c"/dev/fuse", READ | WRITE),
            (c"/dev/sda:/dev/xvda", c"/dev/sda", c"/dev/xvda", ALL),
            (c"/dev/sda:/dev/../dev//x/xvda:r", c"/dev/sda", c"/dev/x/xvda", READ),
            (c"node:/dev/node:wm", c"node", c"/dev/node", WRITE | MKNOD),
        ] {
            with(text, |value| {
                let Device { source: from, target: to, access } = value.device().unwrap();
                assert_eq!((from, to, access), (word(source), word(target), expected), "{text:?}");
            });
        }
        for wrong in [
            c"",
            c":/dev/x",
            c"/dev/x:",
            c"/dev/x:rx",
            c"/dev/x:rr",
            c"/dev/x:m",
            c"/dev/x:r:/dev/y",
            c"/dev/x:/dev/y:r:w",
            c"node",
            c"/srv/node",
            c"/dev",
            c"/dev/x:/dev/",
            c"/dev/x:/dev/../etc/x",
            c"/dev/x:/etc/x:rw",
            c"/dev/x:y",
        ] {
            with(wrong, |value| assert!(value.device().is_err(), "{wrong:?}"));
        }
    }

    #[test]
    fn a_tmpfs_has_the_options_that_the_kernel_knows() {
        with(c"/scratch:size=64m,mode=1777", |value| {
            assert_eq!(value.tmpfs().unwrap().options, word(c"size=64m,mode=1777"));
        });
        with(c"/scratch", |value| assert!(value.tmpfs().unwrap().options.is_empty()));
        #[cfg(feature = "full")]
        with(c"/s:rw,noexec,nosuid,size=1m,nodev", |value| {
            const NO_DEVICES_NOR_PROGRAMS: Attributes =
                Attributes::NOEXEC.and(Attributes::NOSUID).and(Attributes::NODEV);
            let NewMount { options, attributes, .. } = value.tmpfs().unwrap();
            assert_eq!((options, attributes), (word(c"rw,size=1m"), NO_DEVICES_NOR_PROGRAMS));
        });
        for wrong in [c"scratch", c"/s:uid=0", c"/s:size", c"/s:size=", c"/s:suid", c"/s:dev", c"/s:rw=1", c""] {
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
    #[cfg(feature = "full")]
    fn a_limit_of_a_process_is_read_as_docker_has_it() {
        let limit = |soft, hard| Limit { soft, hard };
        for (text, resource, expected) in [
            (c"nofile=1024", 7, limit(1024, 1024)),
            (c"nofile=1024:4096", 7, limit(1024, 4096)),
            (c"core=0:unlimited", 4, limit(0, RLIM_INFINITY)),
            (c"as=64m:-1", 9, limit(64 << 20, RLIM_INFINITY)),
            (c"rttime=1", 15, limit(1, 1)),
        ] {
            with(text, |value| assert_eq!(value.ulimit(), Ok((resource, expected))));
        }
        for wrong in [c"", c"files=1", c"nofile", c"nofile=", c"nofile=2:1", c"nofile=1:2:3", c"nofile=x"] {
            with(wrong, |value| assert!(value.ulimit().is_err(), "{wrong:?}"));
        }
        with(c"0-2,64,5", |value| {
            let set = value.processors().unwrap();
            assert_eq!((set[0], set[1], set[2]), (0b10_0111, 1, 0));
        });
        for wrong in [c"", c"1-", c"3-1", c"1,,2", c"1024", c"a"] {
            with(wrong, |value| assert!(value.processors().is_err(), "{wrong:?}"));
        }
        with(c"027", |value| assert_eq!(value.umask(), Ok(0o27)));
        for wrong in [c"", c"8", c"1000", c"x"] {
            with(wrong, |value| assert!(value.umask().is_err(), "{wrong:?}"));
        }
        for (text, expected) in [(c"-20", Some(-20)), (c"19", Some(19)), (c"20", None), (c"-21", None), (c"-", None)] {
            with(text, |value| assert_eq!(value.within(-20, 19, t!("no")).ok(), expected));
        }
    }

    #[test]
    fn a_host_name_fits_the_kernel() {
        with(c"box", |value| assert!(value.hostname().is_ok()));
        with(c"", |value| assert!(value.hostname().is_err()));
        let long = std::ffi::CString::new([b'x'; 65]).unwrap();
        with(&long, |value| assert_eq!(value.hostname(), Err(t!("the kernel takes at most 64 bytes"))));
        for wrong in [c"a b", c"a\n10.0.0.1 b", c"a\t", c"\x1b[2J", c"a\x7f"] {
            with(wrong, |value| assert_eq!(value.hostname(), Err(t!("has a space or a control character"))));
        }
        with(c"b\xc3\xbcro", |value| assert!(value.hostname().is_ok()));
    }

    #[test]
    fn a_namespace_is_private_the_hosts_or_joined() {
        with(c"ns:/proc/1/ns/net", |value| {
            assert_eq!(value.source(Namespace::Network), Ok(Source::Join(word(c"/proc/1/ns/net"))));
        });
        for wrong in [c"ns:", c"none"] {
            with(wrong, |value| assert!(value.source(Namespace::Network).is_err()));
        }
    }
}
