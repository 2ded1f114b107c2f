//! The front door of a machine: the kernel's command line to what the machine is to become.

pub mod network;
