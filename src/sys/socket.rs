//! A connected pair of sockets, and the loopback interface (socketpair(2), netdevice(7)).

use super::{
    At, Fd, Result,
    errno::{check, done},
    number, plain,
};
use linux_raw_sys::{ioctl, net};

/// A connected pair of `SOCK_SEQPACKET` sockets: messages keep their bounds, and the death of one end is seen.
pub fn pair() -> Result<[Fd; 2]> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    let mut fds = [0i32; 2];
    // SAFETY: the kernel writes two descriptors.
    check(unsafe { sc::syscall!(SOCKETPAIR, net::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    Ok(fds.map(|fd| Fd::new(fd as usize)))
}

/// send(2) of one message; EPIPE, and no signal, when the other end is gone.
pub fn send(socket: At, message: &[u8]) -> Result<()> {
    let flags = net::MSG_NOSIGNAL;
    // SAFETY: the kernel reads `len` bytes of a live slice.
    done(unsafe { sc::syscall!(SENDTO, number(socket.number()), message.as_ptr(), message.len(), flags, 0, 0) })
}

/// recv(2) of one message: how long it is, 0 when the other end is gone.
pub fn receive(socket: At, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes.
    check(unsafe { sc::syscall!(RECVFROM, number(socket.number()), buffer.as_mut_ptr(), buffer.len(), 0, 0, 0) })
}

/// Any datagram socket, as netdevice(7) wants one for its ioctls.
pub fn datagram() -> Result<Fd> {
    plain!(SOCKET, net::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0).map(Fd::new)
}

/// The part of `struct ifreq` (netdevice(7)) that flags need; the kernel copies 40 bytes.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

/// ioctl(2) `SIOCSIFFLAGS` on `lo`: up.
pub fn loopback_up(socket: At) -> Result<()> {
    let mut name = [0; 16];
    name[..2].copy_from_slice(b"lo");
    let request = Request { name, flags: (libc::IFF_UP | libc::IFF_RUNNING) as i16, rest: [0; 22] };
    // SAFETY: the kernel reads one ifreq of 40 bytes, the size of `Request`.
    done(unsafe { sc::syscall!(IOCTL, number(socket.number()), ioctl::SIOCSIFFLAGS, &raw const request) })
}
