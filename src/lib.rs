//! aril: a container runner, an init and a VM's first process in one tiny file.
//!
//! Floors, lowest first. A file uses only what lies below it, and data goes one way:
//! argv -> `cli` -> `Spec`; machine -> `Host`; both -> `plan` -> `engine` -> `init` -> exit status.
#![cfg_attr(not(test), no_std)]
// `sys` alone may, and says of each use why it is sound.
#![deny(unsafe_code)]

extern crate alloc;

/// argv -> `Spec`.
pub mod cli;
/// What a container is to be.
pub mod spec;
/// Ground floor: one function per system call, and all `unsafe`.
pub mod sys;
/// Bytes and words, without the kernel.
pub mod text;
