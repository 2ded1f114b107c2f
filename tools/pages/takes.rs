//! What an option takes, as far as a shell can complete it. Each option has to say it: one that is new does not compile here
//! until it does.

use aril::cli::options::Opt;
use aril::spec::{Namespace, NewKind, Setting};
use aril::text::names::{CAPABILITIES, SIGNALS};

/// What may stand there.
#[derive(Clone, PartialEq, Eq)]
pub enum Takes {
    /// No value, or one that nobody but the caller knows.
    Nothing,
    /// One of these words. After one that ends in `=`, `:` or `,` more follows.
    One(Vec<String>),
    /// Several of them, with commas.
    Several(Vec<String>),
    /// A file or a directory.
    Path,
    /// The same, and more of the word follows.
    Source,
    Directory,
    /// The name of a variable of the caller's.
    Variable,
}

fn one(words: &str) -> Takes {
    Takes::One(words.split(' ').map(ToString::to_string).collect())
}

fn several(words: &str) -> Takes {
    Takes::Several(words.split(' ').map(ToString::to_string).collect())
}

/// The words of one text with something behind each.
fn each(words: &str, end: &str) -> Vec<String> {
    words.split(' ').map(|word| format!("{word}{end}")).collect()
}

/// Names as `kill -l` has them.
pub fn signals() -> Vec<String> {
    SIGNALS.split(' ').map(str::to_uppercase).collect()
}

fn namespaces() -> Vec<String> {
    let names = Namespace::ALL.iter().map(|row| String::from_utf8_lossy(row.1.bytes()).into_owned());
    names.chain(["all", "none"].map(ToString::to_string)).collect()
}

/// An option of `run`.
pub fn of_run(option: Opt) -> Takes {
    use Opt as O;
    use Takes::{Directory, Nothing, One, Path, Several, Source, Variable};
    match option {
        O::ReadOnly | O::NoInit | O::Rm | O::Interactive | O::Tty | O::Init | O::Trace | O::Verbose | O::Help => {
            Nothing
        }
        O::Detach | O::NoTty | O::Denied => Nothing,
        O::Tmpfs | O::Hostname | O::User | O::StopTimeout | O::PreserveFds | O::AddHost | O::Dns | O::StatusFd => {
            Nothing
        }
        O::ArgsFd | O::Name | O::OomScoreAdj | O::Nice | O::CpuAffinity | O::Umask | O::Domainname => Nothing,
        O::GroupAdd | O::Timeout | O::Memory | O::MemoryReservation | O::MemorySwap | O::PidsLimit | O::Cpus => Nothing,
        O::CpuShares | O::CpusetCpus | O::CpusetMems | O::BlkioWeight | O::Cgroup | O::CgroupParent => Nothing,
        O::Pidfile | O::Stats | O::Log | O::EnvFile => Path,
        O::Volume | O::Device => Source,
        O::DeviceReadBps | O::DeviceWriteBps | O::DeviceReadIops | O::DeviceWriteIops => Source,
        O::Overlay | O::Workdir => Directory,
        O::Env => Variable,
        O::Mount => One(each(&format!("bind overlay {}", NewKind::NAMES), ",")
            .iter()
            .map(|kind| format!("type={kind}"))
            .collect()),
        O::FileSystems => several("proc sys dev none"),
        O::ChangeRoot => one("pivot_root chroot none"),
        O::UidMap | O::GidMap => one("none"),
        O::Network => one("host none private ns:"),
        O::Userns => one("auto identity host private ns:"),
        O::Mntns | O::Pid | O::Uts | O::Ipc | O::Cgroupns | O::Time => one("private host ns:"),
        O::Namespaces => Several(namespaces()),
        O::CapAdd | O::CapDrop => one(&format!("all {CAPABILITIES}")),
        O::Ulimit => One(each(Setting::RESOURCES, "=")),
        // Those that end nothing are refused.
        O::StopSignal => One(signals().into_iter().filter(|name| name != "STOP" && name != "CHLD").collect()),
        O::SigProxy => one("false true"),
        O::Cgroups => one("required best off"),
        O::Sandbox => one("landlock"),
        O::SecurityOpt => one("landlock=off seccomp=unconfined seccomp=/"),
    }
}

/// An option of the init, by what its value is called.
pub fn of_init(value: &str) -> Takes {
    match value {
        "" | "N" | "A:B" | "TIME" => Takes::Nothing,
        "SIG" => Takes::One(signals()),
        "FILE" => Takes::Path,
        "WHEN" => one("no always on-failure on-failure:"),
        other => panic!("say in tools/pages/takes.rs what {other} is"),
    }
}
