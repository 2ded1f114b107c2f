//! Compiles a container engine's profile of system calls, which is JSON, to a program for `aril run --security-opt
//! seccomp=/FILE`; and tests that it means the same.

mod profile;

use libtest_mimic::{Arguments, Failed, Trial};
use profile::{Architecture, For};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

const HELP: &str = "\
cargo test --release --test seccomp -- --compile PROFILE.json FILE [OPTIONS]
    --cap-add NAME, --cap-drop NAME   as of the run that it is for: engines' profiles open calls by capabilities
    --arch x86_64|aarch64             (default: this machine's)
    --kernel MAJOR.MINOR              the oldest that it is for (default: this machine's)
Without --compile it tests itself; see cargo test --test seccomp -- --help.
";

/// What `--compile` is told.
fn compile(words: &[String]) -> Result<(), String> {
    let [profile, file, options @ ..] = words else { return Err("--compile takes PROFILE.json and FILE".into()) };
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut whom = For {
        architecture: Architecture::named(env::consts::ARCH).unwrap_or(Architecture::X86_64),
        capabilities: aril::spec::USUAL_CAPABILITIES,
        kernel: profile::version(&release).unwrap_or_default(),
    };
    for option in options.chunks(2) {
        let [name, value] = option else { return Err(format!("{} takes a value", option[0])) };
        let capability = || {
            let set = aril::text::names::capability(value.as_bytes());
            set.ok_or(format!("no such capability: {value}"))
        };
        match name.as_str() {
            "--cap-add" => whom.capabilities |= capability()?,
            "--cap-drop" => whom.capabilities &= !capability()?,
            "--arch" => {
                whom.architecture = Architecture::named(value).ok_or(format!("not x86_64 or aarch64: {value}"))?
            }
            "--kernel" => whom.kernel = profile::version(value)?,
            _ => return Err(format!("unknown option {name}")),
        }
    }
    let json = fs::read_to_string(profile).map_err(|error| format!("{profile}: {error}"))?;
    let program = profile::program(&json, &whom).map_err(|why| format!("{profile}: {why}"))?;
    fs::write(file, program).map_err(|error| format!("{file}: {error}"))
}

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
const ENOSYS: u32 = ERRNO | 38;

/// What the kernel would answer.
fn run(program: &[u8], architecture: u32, number: u32, arguments: &[u64]) -> u32 {
    let mut data = [0u8; 64];
    data[..4].copy_from_slice(&number.to_le_bytes());
    data[4..8].copy_from_slice(&architecture.to_le_bytes());
    for (place, argument) in arguments.iter().enumerate() {
        data[16 + 8 * place..][..8].copy_from_slice(&argument.to_le_bytes());
    }
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let (mut at, mut value) = (0, 0);
    loop {
        let instruction = &program[8 * at..][..8];
        let operand = word(&instruction[4..]);
        let skip = |holds| usize::from(if holds { instruction[2] } else { instruction[3] });
        at += 1;
        match u16::from_le_bytes([instruction[0], instruction[1]]) {
            0x20 => value = word(&data[operand as usize..][..4]),
            0x05 => at += operand as usize,
            0x15 => at += skip(value == operand),
            0x25 => at += skip(value > operand),
            0x35 => at += skip(value >= operand),
            0x54 => value &= operand,
            0x06 => return operand,
            code => panic!("code {code:x}"),
        }
    }
}

/// A profile with each comparison, condition and action.
const PROFILE: &str = r#"{
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5, "archMap": [{"architecture": "SCMP_ARCH_X86_64"}],
    "syscalls": [
        {"names": ["read", "write", "no_such_call"], "action": "SCMP_ACT_ALLOW"},
        {"name": "getpid", "action": "SCMP_ACT_KILL_PROCESS"},
        {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7},
        {"names": ["lseek"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 4294967301, "op": "SCMP_CMP_EQ"}]},
        {"names": ["fsync"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 4294967301, "op": "SCMP_CMP_NE"}]},
        {"names": ["fchdir"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 4294967301, "op": "SCMP_CMP_GT"}]},
        {"names": ["fdatasync"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 4294967301, "op": "SCMP_CMP_GE"}]},
        {"names": ["fchmod"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 4294967301, "op": "SCMP_CMP_LT"}]},
        {"names": ["fchown"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 4294967301, "op": "SCMP_CMP_LE"}]},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
         "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
        {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22,
         "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 9, "op": "SCMP_CMP_EQ"}]},
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}]},
        {"names": ["dup"], "action": "SCMP_ACT_ALLOW",
         "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["umount2"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["sync"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.1"}},
        {"names": ["lseek"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "4.8"}}
    ]
}"#;

fn every_part_of_a_profile_means_what_it_does_to_engines() -> Result<(), Failed> {
    const BEYOND: u64 = 1 << 32;
    const REFUSED: u32 = ERRNO | 5;
    for (architecture, audit, column) in
        [(Architecture::X86_64, 0xc000_003e, 0), (Architecture::Aarch64, 0xc000_00b7, 1)]
    {
        let compiled = |capabilities, kernel| {
            let whom = For { architecture, capabilities, kernel };
            profile::program(PROFILE, &whom).map_err(Failed::from)
        };
        let (usual, more) = (compiled(0, (6, 0))?, compiled(1 << 21, (6, 1))?);
        let number = |name| {
            let numbers = [
                ("read", [0, 63]),
                ("getpid", [39, 172]),
                ("getppid", [110, 173]),
                ("lseek", [8, 62]),
                ("fsync", [74, 82]),
                ("fchdir", [81, 50]),
                ("fdatasync", [75, 83]),
                ("fchmod", [91, 52]),
                ("fchown", [93, 55]),
                ("clone", [56, 220]),
                ("socket", [41, 198]),
                ("dup", [32, 23]),
                ("mount", [165, 40]),
                ("umount2", [166, 39]),
                ("sync", [162, 81]),
                ("ptrace", [101, 117]),
                ("bpf", [321, 280]),
                ("new", [600, 600]),
            ];
            numbers.iter().find(|(known, _)| *known == name).expect("a name").1[column]
        };
        let is_arm = column == 1;
        let either = |is_allowed| if is_allowed { ALLOW } else { REFUSED };
        for (name, arguments, answers) in [
            ("read", &[][..], [ALLOW; 2]),
            ("bpf", &[], [REFUSED; 2]),
            ("new", &[], [ENOSYS; 2]),
            ("getpid", &[], [0x8000_0000; 2]),
            ("getppid", &[], [ERRNO | 7; 2]),
            ("lseek", &[0, 5], [REFUSED; 2]),
            ("lseek", &[0, BEYOND | 5], [ALLOW; 2]),
            ("clone", &[17], [ALLOW; 2]),
            ("clone", &[0x1000_0011], [REFUSED; 2]),
            ("clone", &[BEYOND | 17], [ALLOW; 2]),
            ("socket", &[2, 0, 9], [REFUSED; 2]),
            ("socket", &[16, 0, 9], [ERRNO | 22; 2]),
            ("socket", &[16, 0, 8], [ALLOW; 2]),
            ("dup", &[1], [ALLOW; 2]),
            ("dup", &[2], [ALLOW; 2]),
            ("dup", &[3], [REFUSED; 2]),
            ("mount", &[], [REFUSED, ALLOW]),
            ("umount2", &[], [ALLOW, REFUSED]),
            ("sync", &[], [either(is_arm); 2]),
            ("ptrace", &[], [REFUSED, ALLOW]),
        ] {
            let found = [&usual, &more].map(|program| run(program, audit, number(name), arguments));
            if found != answers {
                return Err(format!("{name} {arguments:x?} on {audit:x}: {found:x?} and not {answers:x?}").into());
            }
        }
        for value in
            [0, 4, 5, 6, u64::MAX >> 32, BEYOND, BEYOND | 4, BEYOND | 5, BEYOND | 6, (2 * BEYOND) | 4, u64::MAX]
        {
            let than = BEYOND | 5;
            for (name, holds) in [
                ("lseek", value == than),
                ("fsync", value != than),
                ("fchdir", value > than),
                ("fdatasync", value >= than),
                ("fchmod", value < than),
                ("fchown", value <= than),
            ] {
                let arguments = if name == "lseek" { [0, value] } else { [value, 0] };
                let found = run(&usual, audit, number(name), &arguments);
                if found != either(holds) {
                    return Err(format!("{name} of {value:x}: {found:x}").into());
                }
            }
        }
        // Other tables.
        if run(&usual, 0x4000_0003, 3, &[]) != ENOSYS {
            return Err("i386 is there".into());
        }
    }
    Ok(())
}

fn what_cannot_be_compiled_is_named() -> Result<(), Failed> {
    let whom = For { architecture: Architecture::X86_64, capabilities: 0, kernel: (6, 1) };
    for (json, why) in [
        ("[]", "invalid length"),
        (r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#, "SCMP_ACT_NOTIFY"),
        (r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "x"}]}"#, "x"),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_LOG",
             "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
            "argument 6",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_LOG",
             "includes": {"caps": ["CAP_ROOT"]}}]}"#,
            "CAP_ROOT",
        ),
    ] {
        match profile::program(json, &whom) {
            Err(told) if told.contains(why) => {}
            other => return Err(format!("{json}: {other:?}").into()),
        }
    }
    Ok(())
}

/// Where an engine is installed.
fn podman_s_own_profile_compiles() -> Result<(), Failed> {
    const PATH: &str = "/usr/share/containers/seccomp.json";
    if !Path::new(PATH).exists() {
        println!("skipped podman_s_own_profile_compiles: there is no {PATH}");
        return Ok(());
    }
    let json = fs::read_to_string(PATH)?;
    for (architecture, audit, [read, bpf]) in
        [(Architecture::X86_64, 0xc000_003e, [0, 321]), (Architecture::Aarch64, 0xc000_00b7, [63, 280])]
    {
        for (capabilities, answer) in [(0, ERRNO | 1), (1 << 21, ALLOW)] {
            let whom = For { architecture, capabilities, kernel: (6, 1) };
            let program = profile::program(&json, &whom)?;
            assert_eq!([read, bpf, 999].map(|call| run(&program, audit, call, &[])), [ALLOW, answer, ENOSYS]);
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [first, rest @ ..] = &words[..] {
        if first == "--compile" {
            return match compile(rest) {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    eprint!("seccomp: {why}\n{HELP}");
                    ExitCode::FAILURE
                }
            };
        }
    }
    let trials = vec![
        Trial::test(
            "every part of a profile means what it does to engines",
            every_part_of_a_profile_means_what_it_does_to_engines,
        ),
        Trial::test("what cannot be compiled is named", what_cannot_be_compiled_is_named),
        Trial::test("podman's own profile compiles", podman_s_own_profile_compiles),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
