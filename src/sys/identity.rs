//! Who a process is: user and group ids (credentials(7)) and capabilities (capabilities(7)).

use super::{
    Errno, Result,
    errno::{check, done},
    nothing, plain,
};
use linux_raw_sys::prctl as p;

/// Effective user id.
pub fn geteuid() -> u32 {
    // SAFETY: no argument and no failure.
    (unsafe { sc::syscall!(GETEUID) }) as u32
}

/// Effective group id.
pub fn getegid() -> u32 {
    // SAFETY: no argument and no failure.
    (unsafe { sc::syscall!(GETEGID) }) as u32
}

/// setresuid(2): all three at once.
pub fn setresuid(uid: u32) -> Result<()> {
    nothing!(SETRESUID, uid, uid, uid)
}

/// setresgid(2): all three at once.
pub fn setresgid(gid: u32) -> Result<()> {
    nothing!(SETRESGID, gid, gid, gid)
}

/// setfsuid(2) and setfsgid(2): the ids by which this thread's rights to files are judged. They tell the ones before, whether
/// they succeed or not, and do whenever the ids are mapped and the thread has CAP_SETUID and CAP_SETGID.
pub fn set_file_system_ids(uid: u32, gid: u32) {
    // SAFETY: numbers alone.
    unsafe {
        sc::syscall!(SETFSGID, gid);
        sc::syscall!(SETFSUID, uid);
    }
}

/// setgroups(2).
pub fn setgroups(groups: &[u32]) -> Result<()> {
    // SAFETY: the kernel reads `len` numbers of a live slice.
    done(unsafe { sc::syscall!(SETGROUPS, groups.len(), groups.as_ptr()) })
}

/// A set of capabilities, one bit each.
pub type CapabilitySet = u64;

/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words of 32 bits each.
const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// capget(2): this process's effective set.
pub fn effective_capabilities() -> Result<CapabilitySet> {
    capget(|data| data.effective)
}

/// capget(2): this process's permitted set, in which is each that it can make effective.
pub fn permitted_capabilities() -> Result<CapabilitySet> {
    capget(|data| data.permitted)
}

fn capget(set: fn(Data) -> u32) -> Result<CapabilitySet> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 reads and writes one header and two data words, which is what is there.
    check(unsafe { sc::syscall!(CAPGET, &raw mut header, data.as_mut_ptr()) })?;
    let [low, high] = data.map(set);
    Ok(u64::from(low) | u64::from(high) << 32)
}

/// capset(2): effective and permitted become `set`, inheritable becomes empty.
pub fn set_capabilities(set: CapabilitySet) -> Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let half = |bits: u32| Data { effective: bits, permitted: bits, inheritable: 0 };
    let data = [half(set as u32), half((set >> 32) as u32)];
    // SAFETY: version 3 reads one header and two data words, which is what is there.
    done(unsafe { sc::syscall!(CAPSET, &raw mut header, data.as_ptr()) })
}

/// prctl(2) `PR_CAPBSET_DROP`; EINVAL for a capability that this kernel does not have.
pub fn drop_bounding(capability: u32) -> Result<()> {
    nothing!(PRCTL, p::PR_CAPBSET_DROP, capability, 0, 0, 0)
}

/// keyctl(2) `KEYCTL_JOIN_SESSION_KEYRING` without a name: a new, empty session keyring.
pub fn join_session_keyring() -> Result<()> {
    // SAFETY: a null name is one that the call takes; nothing else is read.
    done(unsafe { sc::syscall!(KEYCTL, libc::KEYCTL_JOIN_SESSION_KEYRING, 0) })
}

/// prctl(2) `PR_SET_NO_NEW_PRIVS`: no exec gives more than its caller had.
pub fn set_no_new_privs() -> Result<()> {
    nothing!(PRCTL, p::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

/// prctl(2) `PR_GET_NO_NEW_PRIVS`: whether no exec gives more than this process has.
pub fn has_no_new_privs() -> bool {
    plain!(PRCTL, p::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == Ok(1)
}

/// Drops all capabilities that are not in `keep` from the bounding set.
///
/// # Errors
/// EPERM without CAP_SETPCAP. The first capability that the kernel does not know ends the list.
pub fn limit_bounding(keep: CapabilitySet) -> Result<()> {
    for capability in (0..CapabilitySet::BITS).filter(|capability| keep >> capability & 1 == 0) {
        match drop_bounding(capability) {
            Err(Errno::EINVAL) => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}
