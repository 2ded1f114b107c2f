//! aril: a container runner, an init and a VM's first process in one tiny file.
//!
//! Floors, lowest first. A file uses only what lies below it, and data goes one way:
//! argv -> `cli` -> `Spec`; machine -> `Host`; both -> `plan` -> `engine` -> `init` -> exit status.
#![cfg_attr(not(test), no_std)]
// `sys` alone may, and says of each use why it is sound.
#![deny(unsafe_code)]

/// argv -> `Spec`.
pub mod cli;
/// Carries a plan out: the launcher's side, the container's side, the hand-over between them.
pub mod engine;
/// What this machine is.
pub mod host;
/// PID 1: reap, forward, stop, exit status.
pub mod init;
/// (Spec, Host) -> steps, in order.
pub mod plan;
/// What a container is to be.
pub mod spec;
/// Ground floor: one function per system call, and all `unsafe`.
pub mod sys;
/// Bytes and words, without the kernel.
pub mod text;
