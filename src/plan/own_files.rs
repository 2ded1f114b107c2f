//! Files that a container has of its own, whatever the image has: `/etc/hosts`, and with `--dns` `/etc/resolv.conf`.

use crate::host::Host;
use crate::spec::{HOSTS, RESOLVER, Spec};
use crate::sys::{Arena, List, Word};
use crate::text::{Text, cut};

/// A file that is written beside what hides others, and mounted at its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnFile<'p> {
    /// Absolute inside the container.
    pub path: Word<'p>,
    pub text: Word<'p>,
}

/// Those that a Spec asks for.
pub fn own_files<'p>(arena: &'p Arena, spec: &Spec<'p>, host: &Host) -> &'p [OwnFile<'p>] {
    let mut files = List::new(arena);
    if spec.has_own_hosts() {
        files.push(OwnFile { path: HOSTS, text: hosts(arena, spec, host) });
    }
    if !spec.name_servers.is_empty() {
        files.push(OwnFile { path: RESOLVER, text: resolver(arena, spec) });
    }
    files.finish()
}

/// What was asked for counts first, then the container's own name. With the host's network its names are meant too.
fn hosts<'p>(arena: &'p Arena, spec: &Spec, host: &Host) -> Word<'p> {
    let mut text = Text::new(arena);
    for asked in spec.hosts.iter() {
        let (name, _) = cut(asked.bytes(), b':');
        text.add(asked.after(name.len() + 1).bytes()).add(b" ").add(name).add(b"\n");
    }
    if let Some(name) = spec.own_hostname() {
        text.add(b"127.0.1.1 ").add(name.bytes()).add(b"\n");
    }
    let own: &[u8] = b"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
    text.add(if host.names.is_empty() { own } else { host.names });
    text.word()
}

/// resolv.conf(5).
fn resolver<'p>(arena: &'p Arena, spec: &Spec) -> Word<'p> {
    let mut text = Text::new(arena);
    for address in spec.name_servers.iter() {
        text.add(b"nameserver ").add(address.bytes()).add(b"\n");
    }
    text.word()
}
