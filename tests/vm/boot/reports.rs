//! The command's exit status on its way to the host, and a host that does not listen.

use super::archive::Archive;
use super::vm::{Boot, Image};
use std::fs;

super::tests! {
    every_way_tells_the_same_and_the_port_comes_last,
}

fn every_way_tells_the_same_and_the_port_comes_last() {
    let ended =
        Boot::of("aril.exittty=/dev/ttyS1 aril.exitfile=/status aril.exitvsock=1024 -- /bin/busybox sh -c 'exit 42'")
            .second_port()
            .run();
    eprintln!("{ended}");
    ended.exited(42);
    assert_eq!(ended.second, "42\n");
}
