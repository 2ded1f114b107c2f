//! The network that `ip=` asks for: a device that may come late, its address, the way out of it, and who knows names.

use super::rewrite;
use crate::engine::Carrier;
use crate::plan::NetworkStep;
use crate::sys::netlink::{self, Message, Replies, Reply};
use crate::sys::poll::{self, Watched};
use crate::sys::{At, Errno, Fd, Result, Word, file, mount, socket, word};
use crate::text::{Text, t, text};

/// A device that is up, and the socket on which the kernel is asked about it.
#[derive(Debug)]
pub struct Link {
    socket: Fd,
    device: u32,
}

/// The kernel says a page at once, or two where they are small.
const LONGEST: usize = 8192;

/// `IFF_LOWER_UP` of linux/if.h: there is a carrier.
const CARRIER: u32 = 1 << 16;
/// The loopback, and what speaks to nobody, such as dummy0.
const NOT_FIRST: u32 = (libc::IFF_LOOPBACK | libc::IFF_NOARP) as u32;

const RESOLVER: Word = word(c"/etc/resolv.conf");
const ABOVE: Word = word(c"/run/resolv.conf");

impl Carrier<'_> {
    #[inline(never)]
    pub(super) fn carry_out_network(&mut self, step: &NetworkStep) -> Result<()> {
        if let NetworkStep::Up { device, patience } = *step {
            self.machine.link = Some(self.bring_up(device, patience)?);
        }
        let link = self.machine.link.as_ref().ok_or(Errno::ENODEV);
        match *step {
            NetworkStep::Up { .. } => Ok(()),
            // What is sent before there is one is lost.
            NetworkStep::Carrier { patience } => {
                let link = link?;
                let has_carrier = |device, flags, _: &[u8]| device == link.device && flags & CARRIER != 0;
                link.ask(&Message::links(), patience, &mut { has_carrier }).map(drop)
            }
            NetworkStep::Address { address, prefix } => {
                let link = link?;
                link.have(&Message::address(link.device, address.bytes(), prefix))
            }
            NetworkStep::DefaultRoute { gateway } => {
                let link = link?;
                link.have(&Message::default_route(link.device, gateway.bytes()))
            }
            NetworkStep::Resolver { text } => {
                match file::mkdirat(At::CWD, word(c"/etc"), 0o755) {
                    Err(Errno::EEXIST | Errno::EROFS) => {}
                    result => result?,
                }
                rewrite(RESOLVER, true, text.bytes())
            }
            NetworkStep::ResolverAbove { text } => {
                rewrite(ABOVE, true, text.bytes())?;
                mount::move_mount(mount::open_tree(At::CWD, ABOVE, false)?.at(), At::CWD, RESOLVER)
            }
        }
    }

    /// The device of this name or, without one, the first, once it is there.
    fn bring_up(&mut self, device: Option<Word>, patience: u64) -> Result<Link> {
        let mut link = Link { socket: netlink::socket()?, device: 0 };
        // Before the first look, so that none comes unseen.
        netlink::listen_to_links(link.socket.at())?;
        let is_wanted = |flags, name: &[u8]| match device {
            Some(device) => name == device.bytes(),
            None => flags & NOT_FIRST == 0,
        };
        let mut others = Text::new(self.arena);
        let mut look = |_, flags, name: &[u8]| {
            others.add(b" ").add(name);
            is_wanted(flags, name)
        };
        let mut found = link.ask(&Message::links(), 0, &mut look);
        if found == Err(Errno::ETIMEDOUT) {
            self.machine.tell(t!("aril: waiting for %\n"), device.unwrap_or(word(c"a network device")));
            found = link.ask(&Message::links(), patience, &mut |_, flags, name| is_wanted(flags, name));
        }
        if found.is_err() {
            self.detail = text(self.arena, t!("it has not come; there are%: see aril.modules="), &[others.word()]);
        }
        link.device = found?;
        link.have(&Message::up(link.device))?;
        Ok(link)
    }
}

impl Link {
    /// Asks the kernel something, and listens until it is done with it, or else has told of a device that is wanted by its
    /// number, flags and name: of those that there are, and of those that come or change until the time is over (ETIMEDOUT). What
    /// has no answer but an error number is answered at once.
    fn ask(&self, message: &Message, patience: u64, is_wanted: &mut dyn FnMut(u32, u32, &[u8]) -> bool) -> Result<u32> {
        let due = poll::now() + patience;
        socket::send(self.socket.at(), message.bytes())?;
        let mut buffer = [0; LONGEST];
        loop {
            match socket::receive(self.socket.at(), &mut buffer) {
                Ok(length) => {
                    for reply in Replies(buffer.get(..length).unwrap_or_default()) {
                        match reply {
                            Reply::Link { index, flags, name } if is_wanted(index, flags, name) => return Ok(index),
                            Reply::Done(result) => return result.map(|()| self.device),
                            _ => {}
                        }
                    }
                }
                Err(Errno::EAGAIN) => {
                    let left = due.saturating_sub(poll::now());
                    if left == 0 {
                        return Err(Errno::ETIMEDOUT);
                    }
                    let mut watched = [Watched::READING];
                    watched[0].on(self.socket.at());
                    poll::poll_within(&mut watched, left)?;
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Has the kernel do something.
    fn have(&self, message: &Message) -> Result<()> {
        self.ask(message, 0, &mut |_, _, _| false).map(drop)
    }
}
