//! A connected pair of sockets, and the loopback interface (socketpair(2), netdevice(7)).

use super::{
    At, Fd, Result, descriptor,
    errno::{check, done},
    number,
    process::Pid,
};
use core::mem::size_of;
use core::ptr::null_mut;
#[cfg(feature = "boot")]
use linux_raw_sys::netlink;
use linux_raw_sys::{general as k, ioctl, net};

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

/// The control part of a message that carries one descriptor (unix(7), `SCM_RIGHTS`; cmsg(3)).
#[repr(C)]
struct Control {
    header: net::cmsghdr,
    fd: i32,
    padding: i32,
}

impl Control {
    /// `CMSG_LEN` of one descriptor.
    const LENGTH: usize = size_of::<net::cmsghdr>() + size_of::<i32>();

    const fn of(fd: i32) -> Self {
        let (level, kind) = (libc::SOL_SOCKET, net::SCM_RIGHTS as i32);
        let header = net::cmsghdr { cmsg_len: Self::LENGTH, cmsg_level: level, cmsg_type: kind };
        Self { header, fd, padding: 0 }
    }
}

/// What sendmsg(2) and recvmsg(2) take. The vector, and a control part of this size, have to outlive the call.
fn message(vector: &mut k::iovec, control: *mut u8, size: usize) -> net::msghdr {
    net::msghdr {
        msg_name: null_mut(),
        msg_namelen: 0,
        msg_iov: (&raw mut *vector).cast(),
        msg_iovlen: 1,
        msg_control: control.cast(),
        msg_controllen: size,
        msg_flags: 0,
    }
}

/// sendmsg(2) of one message with a descriptor, of which the receiver gets a copy of its own.
pub fn send_fd(socket: At, bytes: &[u8], fd: At) -> Result<()> {
    let mut vector = k::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() as u64 };
    let mut control = Control::of(fd.number());
    let message = message(&mut vector, (&raw mut control).cast(), size_of::<Control>());
    // SAFETY: the message names a vector of a live slice and a control part of its size; nothing of them is written.
    done(unsafe { sc::syscall!(SENDMSG, number(socket.number()), &raw const message, net::MSG_NOSIGNAL) })
}

/// A message that came.
#[derive(Debug)]
pub struct Received {
    /// How long it is, 0 when the other end is gone.
    pub length: usize,
    /// A descriptor, if one came.
    pub fd: Option<Fd>,
    /// Who sent it, as a number in this process's pid namespace, where that was asked for.
    pub sender: Option<Pid>,
}

/// recvmsg(2) of one message with what came along.
pub fn receive_fd(socket: At, buffer: &mut [u8]) -> Result<Received> {
    // Credentials (`CMSG_SPACE` of 12 bytes) and then a descriptor (of 4), as the kernel puts them.
    let mut control = [0u64; 7];
    let mut vector = k::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() as u64 };
    let mut message = message(&mut vector, control.as_mut_ptr().cast(), size_of_val(&control));
    // SAFETY: the kernel writes at most the buffer's length into it and at most the control part's size into that.
    let length =
        check(unsafe { sc::syscall!(RECVMSG, number(socket.number()), &raw mut message, net::MSG_CMSG_CLOEXEC) })?;
    let mut received = Received { length, fd: None, sender: None };
    // Each is its length, level and kind, and what it brings, of which the first half is what is wanted (little-endian).
    let mut rest = control.get(..message.msg_controllen / size_of::<u64>()).unwrap_or_default();
    while let [size, kind, value, ..] = *rest {
        match (kind >> 32) as u32 {
            net::SCM_RIGHTS => received.fd = Some(Fd::new(value as u32 as usize)),
            _ => received.sender = Some(Pid(value as i32)),
        }
        rest = rest.get((size as usize).div_ceil(size_of::<u64>())..).unwrap_or_default();
    }
    Ok(received)
}

/// setsockopt(2) `SO_PASSCRED`: from now on each message brings who sent it (unix(7), `SCM_CREDENTIALS`), in the words of the
/// kernel, which knows the numbers of every pid namespace.
#[cfg(feature = "full")]
pub fn ask_for_senders(socket: At) -> Result<()> {
    let on = 1i32;
    // SAFETY: the kernel reads one int.
    done(unsafe {
        let (level, option) = (libc::SOL_SOCKET, libc::SO_PASSCRED);
        sc::syscall!(SETSOCKOPT, number(socket.number()), level, option, &raw const on, size_of::<i32>())
    })
}

/// A socket on which the kernel tells of each device that comes, changes or goes (netlink(7), `NETLINK_KOBJECT_UEVENT`); reading
/// it does not wait.
#[cfg(feature = "boot")]
pub fn device_events() -> Result<Fd> {
    /// What comes from the kernel itself, not from udev.
    const KERNEL: u32 = 1;
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let socket = descriptor!(SOCKET, net::AF_NETLINK, kind, netlink::NETLINK_KOBJECT_UEVENT)?;
    let address = netlink::sockaddr_nl { nl_family: net::AF_NETLINK as u16, nl_pad: 0, nl_pid: 0, nl_groups: KERNEL };
    // SAFETY: the kernel reads one address, of its own size.
    done(unsafe { sc::syscall!(BIND, number(socket.at().number()), &raw const address, size_of_val(&address)) })?;
    Ok(socket)
}

/// Any datagram socket, as netdevice(7) wants one for its ioctls.
pub fn datagram() -> Result<Fd> {
    descriptor!(SOCKET, net::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0)
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

/// socket(2) `AF_VSOCK`: a stream between a virtual machine and its host (vsock(7)).
#[cfg(feature = "boot")]
pub fn vsock() -> Result<Fd> {
    descriptor!(SOCKET, net::AF_VSOCK, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0)
}

/// connect(2) to a port of the host. The kernel itself waits for at most two seconds.
#[cfg(feature = "boot")]
pub fn connect_to_host(socket: At, port: u32) -> Result<()> {
    let address = libc::sockaddr_vm {
        svm_family: net::AF_VSOCK as u16,
        svm_reserved1: 0,
        svm_port: port,
        svm_cid: libc::VMADDR_CID_HOST,
        svm_zero: [0; 4],
    };
    let size = size_of::<libc::sockaddr_vm>();
    // SAFETY: the kernel reads one address of this size.
    done(unsafe { sc::syscall!(CONNECT, number(socket.number()), &raw const address, size) })
}

/// shutdown(2) `SHUT_WR`: the other end reads to the end.
#[cfg(feature = "boot")]
pub fn end_writing(socket: At) -> Result<()> {
    super::nothing!(SHUTDOWN, socket.number(), libc::SHUT_WR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file;

    #[test]
    fn a_descriptor_arrives_with_its_message_and_alone_it_does_not() {
        let [ours, theirs] = pair().unwrap();
        let null = file::openat(At::CWD, crate::sys::word(c"/dev/null"), file::Open::READ).unwrap();
        send_fd(ours.at(), b"T1", null.at()).unwrap();
        send(ours.at(), b"G").unwrap();
        let mut buffer = [0; 8];
        let Received { length, fd, sender } = receive_fd(theirs.at(), &mut buffer).unwrap();
        assert_eq!((&buffer[..length], sender), (&b"T1"[..], None));
        let same = |fd: At| file::fstat(fd).unwrap().identity;
        assert_eq!(same(fd.expect("it came").at()), same(null.at()));
        let mut alone = |length| {
            let received = receive_fd(theirs.at(), &mut buffer).unwrap();
            assert!(received.length == length && received.fd.is_none() && received.sender.is_none());
        };
        alone(1);
        drop(ours);
        alone(0);
    }

    #[cfg(feature = "full")]
    #[test]
    fn the_kernel_says_who_has_sent_a_message_with_a_descriptor_or_without() {
        let [ours, theirs] = pair().unwrap();
        ask_for_senders(theirs.at()).unwrap();
        send_fd(ours.at(), b"M", At::STDIN).unwrap();
        send(ours.at(), b"P").unwrap();
        for has_fd in [true, false] {
            let received = receive_fd(theirs.at(), &mut [0; 8]).unwrap();
            assert_eq!((received.length, received.fd.is_some()), (1, has_fd));
            assert_eq!(received.sender, Some(crate::sys::process::getpid()));
        }
    }
}
