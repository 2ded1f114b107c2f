//! What one would take instead, with the options that make each do the same work: one table, and what fills it in.

use crate::measure::{FLOOR, NAIVE_FLOOR, Program};
use crate::oci;
use crate::place::Place;
use std::path::Path;
use std::process::Command;

/// What is asked of a container.
#[derive(Debug, Clone)]
pub struct Case {
    pub user: bool,
    pub network: bool,
    pub limits: bool,
    pub volumes: usize,
    pub terminal: bool,
    pub command: Vec<String>,
}

impl Case {
    /// The default isolation: new user, mount, pid, uts, ipc and cgroup namespaces.
    pub fn of(command: &[&str]) -> Self {
        let command = command.iter().map(ToString::to_string).collect();
        Self { user: true, network: false, limits: false, volumes: 0, terminal: false, command }
    }
}

/// The limits that are asked for.
pub const MEMORY: u64 = 64 << 20;
pub const PROCESSES: u64 = 64;
/// Where volumes lie inside.
pub const VOLUME: &str = "/mnt/volumes";

/// A program that makes containers. Where it has no words for something, it is left out of what is measured with that.
pub struct Peer {
    pub name: &'static str,
    /// Debian's package.
    pub package: Option<&'static str>,
    /// What prints its version in the first line.
    pub version: &'static str,
    launch: &'static str,
    /// With and without a user namespace.
    user: [Option<&'static str>; 2],
    /// With and without a network namespace.
    network: [Option<&'static str>; 2],
    /// With and without limits.
    limits: [Option<&'static str>; 2],
    volume: Option<&'static str>,
    /// The last words before the command.
    rootfs: &'static str,
    /// Has a description of the container instead, which comes from `oci`.
    is_oci: bool,
    /// Whether many can run in one directory.
    pub shares_rootfs: bool,
    /// What it does differently all the same.
    pub differs: &'static str,
}

const NONE: Option<&str> = Some("");

/// What is left to the defaults of the others.
const PEER: Peer = Peer {
    name: "",
    package: None,
    version: "",
    launch: "",
    user: [NONE, NONE],
    network: [NONE, NONE],
    limits: [None, NONE],
    volume: None,
    rootfs: "{rootfs}",
    is_oci: false,
    shares_rootfs: true,
    differs: "",
};

/// What both rows of it have.
const ARIL: Peer = Peer {
    launch: "{aril} run",
    network: [Some("--network none"), NONE],
    limits: [Some("-m 64m --pids-limit 64"), NONE],
    volume: Some("-v {source}:{point}"),
    ..PEER
};

pub const PEERS: [Peer; 12] = [
    Peer {
        name: "aril",
        version: "{aril} --version",
        user: [NONE, Some("--userns host")],
        differs: "as root: an unused range of ids, and an idmapped root file system",
        ..ARIL
    },
    Peer { name: "aril identity", user: [Some("--userns identity"), None], differs: "the floor's map of ids", ..ARIL },
    Peer {
        name: FLOOR,
        launch: "{floor}",
        limits: [NONE, NONE],
        volume: NONE,
        differs: "a bare static program that makes the kernel calls alone, and looks before it hides what may be missing",
        ..PEER
    },
    Peer {
        name: NAIVE_FLOOR,
        launch: "{floor} naive",
        limits: [NONE, NONE],
        volume: NONE,
        differs: "the floor that does not look, and so makes mounts that it cannot use; measured in `start` alone",
        ..PEER
    },
    Peer {
        name: "unshare",
        package: Some("util-linux"),
        version: "unshare --version",
        launch: "unshare --mount --pid --fork --kill-child --uts --ipc --cgroup --mount-proc",
        user: [Some("--user --map-root-user"), NONE],
        network: [Some("--net"), NONE],
        rootfs: "--root {rootfs}",
        differs: "chroot; of the mounts only /proc; no init, filter, host name, loopback interface nor masks",
        ..PEER
    },
    Peer {
        name: "bwrap",
        package: Some("bubblewrap"),
        version: "bwrap --version",
        launch: "bwrap --unshare-pid --unshare-uts --unshare-ipc --unshare-cgroup --hostname container --die-with-parent \
            --new-session --clearenv --setenv HOME /root --bind {rootfs} / --proc /proc --dev /dev --mqueue /dev/mqueue \
            --ro-bind /sys /sys",
        user: [Some("--unshare-user --uid 0 --gid 0"), NONE],
        network: [Some("--unshare-net"), Some("{resolver_of_bwrap}")],
        volume: Some("--bind {source} {point}"),
        rootfs: "",
        differs: "no masks and no filter; with --dev and a user namespace a second one inside; it waits for nobody inside, so that \
            their processor time, switches and faults are not counted",
        ..PEER
    },
    Peer {
        name: "nspawn",
        package: Some("systemd-container"),
        version: "systemd-nspawn --version",
        launch: "systemd-nspawn --quiet --register=no --keep-unit --as-pid2 --machine=aril-bench --hostname=container \
            --resolv-conf={resolver_of_nspawn} --timezone=off --link-journal=no --pipe",
        user: [Some("--private-users=0:65536"), Some("--private-users=no")],
        network: [Some("--private-network"), NONE],
        volume: Some("--bind={source}:{point}"),
        rootfs: "--directory={rootfs}",
        shares_rootfs: false,
        differs: "more mounts, a filter of hundreds of calls; its range of ids is that of the host's first ones",
        ..PEER
    },
    // Not in Debian 12, as minijail and youki: their words were tried with other versions, or not at all.
    Peer {
        name: "nsjail",
        version: "nsjail --help",
        launch: "nsjail -Mo --really_quiet --rw --disable_rlimits --time_limit 0 --hostname container -R /dev/null -R /dev/zero \
            -R /dev/full -R /dev/random -R /dev/urandom -R /sys",
        user: [Some("-u 0 -g 0"), Some("--disable_clone_newuser -u 0 -g 0")],
        network: [NONE, Some("-N")],
        limits: [Some("--cgroup_mem_max 67108864 --cgroup_pids_max 64"), NONE],
        volume: Some("-B {source}:{point}"),
        rootfs: "--chroot {rootfs} --",
        differs: "no init, masks nor terminals; drops all capabilities",
        ..PEER
    },
    Peer {
        name: "minijail0",
        version: "minijail0 -h",
        launch: "minijail0 -T static -v -p -l -N --uts=container -d -b /sys,/sys",
        user: [Some("-U -m -M"), NONE],
        network: [Some("-e"), NONE],
        volume: Some("-b {source},{point},1"),
        rootfs: "-P {rootfs}",
        differs: "no masks and no filter; all capabilities",
        ..PEER
    },
    Peer {
        name: "crun",
        package: Some("crun"),
        version: "crun --version",
        launch: "crun --root {state}",
        limits: [
            Some("--cgroup-manager=cgroupfs run --bundle {bundle}"),
            Some("--cgroup-manager=disabled run --bundle {bundle}"),
        ],
        volume: NONE,
        rootfs: "{id}",
        is_oci: true,
        differs: "no init; a state on the disk",
        ..PEER
    },
    Peer {
        name: "runc",
        package: Some("runc"),
        version: "runc --version",
        launch: "runc --root {state} run --bundle {bundle}",
        limits: [NONE, NONE],
        volume: NONE,
        rootfs: "{id}",
        is_oci: true,
        differs: "no init; a state on the disk; control groups in any case",
        ..PEER
    },
    Peer {
        name: "youki",
        version: "youki --version",
        launch: "youki --root {state} run --bundle {bundle}",
        limits: [NONE, NONE],
        volume: NONE,
        rootfs: "{id}",
        is_oci: true,
        differs: "no init; a state on the disk; control groups in any case",
        ..PEER
    },
];

pub fn peer(name: &str) -> Option<&'static Peer> {
    PEERS.iter().find(|peer| peer.name == name)
}

impl Peer {
    /// Its command line for this, if it has one.
    pub fn program(&self, place: &Place, case: &Case) -> Option<Program> {
        if self.name == "aril identity" && !place.is_root {
            return None;
        }
        let choose = |[with, without]: [Option<&'static str>; 2], is_asked| if is_asked { with } else { without };
        let options =
            [choose(self.user, case.user)?, choose(self.network, case.network)?, choose(self.limits, case.limits)?];
        let volume = if case.volumes > 0 { self.volume? } else { "" };
        let fill = |text: &str| -> Vec<String> {
            let text = RESOLVERS.iter().fold(text.to_string(), |text, (slot, [without, with])| {
                text.replace(slot, if place.has_resolver { with } else { without })
            });
            text.split_whitespace().map(|word| filled(word, place)).collect()
        };
        let mut words = fill(self.launch);
        if [FLOOR, NAIVE_FLOOR].contains(&self.name) {
            words.extend(floor(place, case));
        } else {
            words.extend(options.into_iter().flat_map(fill));
            for number in 0..case.volumes {
                let (source, point) = (place.volume(number), format!("{VOLUME}/{number}"));
                let word = |word: &str| word.replace("{source}", &source).replace("{point}", &point);
                words.extend(volume.split_whitespace().map(word));
            }
            words.extend(fill(self.rootfs));
        }
        if !self.is_oci {
            words.extend(case.command.iter().cloned());
        }
        let bundle = self.is_oci.then(|| (place.folder.join("bundles").join(self.name), oci::config(place, case)));
        Some(Program { name: self.name.into(), words, bundle })
    }

    /// `None` for what is only another way to call one of the others, `Some(None)` where it is not there.
    pub fn version(&self, place: &Place) -> Option<Option<String>> {
        version(self.version, place)
    }
}

/// The first line of what a program says of itself.
fn version(words: &str, place: &Place) -> Option<Option<String>> {
    let words: Vec<String> = words.split_whitespace().map(|word| filled(word, place)).collect();
    let (program, words) = words.split_first()?;
    // It is not there.
    let Ok(output) = Command::new(program).args(words).output() else { return Some(None) };
    // dumb-init says it on standard error.
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Some(String::from_utf8_lossy(&text).lines().next().map(String::from))
}

fn filled(word: &str, place: &Place) -> String {
    const IN_PLACE: [(&str, &str); 6] = [
        ("{aril}", "aril"),
        ("{aril-init}", "aril-init"),
        ("{floor}", "floor"),
        ("{init-floor}", "init-floor"),
        ("{rootfs}", "rootfs"),
        ("{state}", "state"),
    ];
    IN_PLACE.iter().fold(word.to_string(), |word, (slot, name)| word.replace(slot, &place.path(name)))
}

/// Without and with `/etc/resolv.conf` in the root file system: the others would make it there for good.
const RESOLVERS: [(&str, [&str; 2]); 2] = [
    ("{resolver_of_bwrap}", ["", "--ro-bind /etc/resolv.conf /etc/resolv.conf"]),
    ("{resolver_of_nspawn}", ["off", "bind-host"]),
];

fn floor(place: &Place, case: &Case) -> Vec<String> {
    let resolver = if place.has_resolver { "there" } else { "make" };
    let groups = if place.is_root { "allow" } else { "deny" };
    let maps = if case.user { [place.uids.as_str(), &place.gids] } else { [""; 2] };
    let network = if case.network { "none" } else { "host" };
    let mut words: Vec<String> =
        [&place.rootfs(), resolver, groups, maps[0], maps[1], network].map(String::from).into();
    for number in 0..case.volumes {
        words.extend(["volume".into(), place.volume(number), format!("{VOLUME}/{number}")]);
    }
    if case.limits {
        words.extend(floor_limits());
    }
    words.push("--".into());
    words
}

/// The groups that aril makes, in the one that its first run made.
fn floor_limits() -> Vec<String> {
    let path = |hierarchy: &str| format!("/sys/fs/cgroup{hierarchy}/aril/floor-{}", std::process::id());
    let memory = MEMORY.to_string();
    let processes = PROCESSES.to_string();
    let group = |hierarchy: &str, values: &[(&str, &str)]| {
        let values = values.iter().flat_map(|(name, value)| [name.to_string(), value.to_string()]);
        ["group".to_string(), path(hierarchy)].into_iter().chain(values).collect::<Vec<_>>()
    };
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        return group("", &[("memory.max", &memory), ("memory.swap.max", &memory), ("pids.max", &processes)]);
    }
    let both = (2 * MEMORY).to_string();
    let mut values = vec![("memory.limit_in_bytes", memory.as_str())];
    if Path::new("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists() {
        values.push(("memory.memsw.limit_in_bytes", &both));
    }
    [group("/memory", &values), group("/pids", &[("pids.max", &processes)])].concat()
}

/// All that have a command line for this, but the naive floor.
pub fn programs(place: &Place, case: &Case) -> Vec<Program> {
    let mut programs = with_naive_floor(place, case);
    programs.retain(|program| program.name != NAIVE_FLOOR);
    programs
}

pub fn with_naive_floor(place: &Place, case: &Case) -> Vec<Program> {
    PEERS.iter().filter_map(|peer| peer.program(place, case)).collect()
}

/// An init, before the command.
pub struct Init {
    pub name: &'static str,
    pub package: Option<&'static str>,
    pub version: &'static str,
    words: &'static str,
}

/// tini is told to be a subreaper, as aril is by itself: where it is not the first process it would complain at length.
pub const INITS: [Init; 8] = [
    Init { name: "no init", package: None, version: "", words: "" },
    Init { name: FLOOR, package: None, version: "", words: "{init-floor} --" },
    Init { name: "aril-init", package: None, version: "{aril-init} --version", words: "{aril-init} --" },
    Init { name: "aril init", package: None, version: "", words: "{aril} init --" },
    Init { name: "tini", package: Some("tini"), version: "tini --version", words: "tini -s --" },
    Init { name: "tini-static", package: Some("tini"), version: "tini-static --version", words: "tini-static -s --" },
    Init { name: "dumb-init", package: Some("dumb-init"), version: "dumb-init --version", words: "dumb-init --" },
    Init { name: "catatonit", package: Some("catatonit"), version: "catatonit --version", words: "catatonit --" },
];

impl Init {
    /// Its command line, which begins with these words and ends with the command.
    pub fn program(&self, place: &Place, before: &[&str], command: &[&str]) -> Program {
        let own = self.words.split_whitespace().map(|word| filled(word, place));
        let words = before.iter().map(ToString::to_string).chain(own);
        let words = words.chain(command.iter().map(ToString::to_string)).collect();
        Program { name: self.name.into(), words, bundle: None }
    }

    pub fn version(&self, place: &Place) -> Option<Option<String>> {
        version(self.version, place)
    }

    /// The file that it is, if it is one.
    pub fn file(&self, place: &Place) -> Option<String> {
        Some(filled(self.words.split_whitespace().next()?, place))
    }
}
