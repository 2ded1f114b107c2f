//! The container of aril as OCI runtimes want it described: the same namespaces, mounts, masks, capabilities and filter.

use crate::peers::{Case, MEMORY, PROCESSES, VOLUME};
use crate::place::Place;
use crate::secrets::{MASKED, READ_ONLY};
use serde_json::{Value, json};

const CAPABILITIES: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SYS_CHROOT",
    "MKNOD",
    "AUDIT_WRITE",
    "SETFCAP",
];
/// TIOCSTI and TIOCLINUX.
const REFUSED: [u64; 2] = [0x5412, 0x541c];

/// `config.json`; the container is still called `{id}` in it.
pub fn config(place: &Place, case: &Case) -> String {
    let mut namespaces = vec!["mount", "pid", "uts", "ipc", "cgroup"];
    if case.user {
        namespaces.push("user");
    }
    if case.network {
        namespaces.push("network");
    }
    let namespaces: Vec<Value> = namespaces.iter().map(|kind| json!({ "type": kind })).collect();
    let capabilities: Vec<String> = CAPABILITIES.iter().map(|name| format!("CAP_{name}")).collect();
    let refused = REFUSED.map(|request| {
        json!({ "names": ["ioctl"], "action": "SCMP_ACT_ERRNO",
            "args": [{ "index": 1, "value": 0xffff_ffff_u64, "valueTwo": request, "op": "SCMP_CMP_MASKED_EQ" }] })
    });
    let mut linux = json!({
        "namespaces": namespaces,
        "maskedPaths": MASKED,
        "readonlyPaths": READ_ONLY,
        "seccomp": { "defaultAction": "SCMP_ACT_ALLOW", "architectures": [architecture()], "syscalls": refused },
    });
    if case.user {
        linux["uidMappings"] = map(&place.uids);
        linux["gidMappings"] = map(&place.gids);
    }
    if place.is_root {
        linux["cgroupsPath"] = json!("/aril-bench/{id}");
    }
    if case.limits {
        linux["resources"] =
            json!({ "memory": { "limit": MEMORY, "swap": 2 * MEMORY }, "pids": { "limit": PROCESSES } });
    }
    json!({
        "ociVersion": "1.0.2",
        "hostname": "container",
        "root": { "path": place.rootfs(), "readonly": false },
        "process": {
            "terminal": case.terminal,
            "user": { "uid": 0, "gid": 0 },
            "args": case.command,
            "cwd": "/",
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=xterm"],
            "noNewPrivileges": true,
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
        },
        "mounts": mounts(place, case),
        "linux": linux,
    })
    .to_string()
}

fn mounts(place: &Place, case: &Case) -> Vec<Value> {
    let mount = |kind: &str, to: &str, from: &str, options: &[&str]| json!({ "destination": to, "type": kind, "source": from, "options": options });
    let data = ["nosuid", "nodev", "noexec"];
    let read_only = ["rbind", "ro", "nosuid", "nodev", "noexec"];
    let group = if place.is_root { &["nosuid", "noexec", "ptmxmode=0666", "mode=0620", "gid=5"][..] } else { &[] };
    let mut mounts = vec![
        mount("proc", "/proc", "proc", &data),
        mount("tmpfs", "/dev", "tmpfs", &["nosuid", "mode=0755", "size=64m"]),
        mount(
            "devpts",
            "/dev/pts",
            "devpts",
            if group.is_empty() { &["nosuid", "noexec", "newinstance"] } else { group },
        ),
        mount("tmpfs", "/dev/shm", "shm", &["nosuid", "nodev", "noexec", "mode=1777", "size=64m"]),
        mount("mqueue", "/dev/mqueue", "mqueue", &data),
    ];
    if case.network {
        mounts.push(mount("sysfs", "/sys", "sysfs", &["ro", "nosuid", "nodev", "noexec"]));
    } else {
        mounts.push(mount("bind", "/sys", "/sys", &read_only));
    }
    // Where it is not in the root file system it would be made there for good.
    if !case.network && place.has_resolver {
        let options = ["bind", "ro", "nosuid", "nodev", "noexec"];
        mounts.push(mount("bind", "/etc/resolv.conf", "/etc/resolv.conf", &options));
    }
    let volumes = (0..case.volumes).map(|number| {
        let (from, to) = (place.volume(number), format!("{VOLUME}/{number}"));
        mount("bind", &to, &from, &["rbind", "nosuid", "nodev"])
    });
    mounts.extend(volumes);
    mounts
}

/// As the kernel takes it: `INSIDE OUTSIDE COUNT` in each line.
fn map(text: &str) -> Value {
    let line = |line: &str| match line.split_whitespace().map(str::parse).collect::<Vec<_>>()[..] {
        [Ok(inside), Ok(outside), Ok(count)] => {
            let [inside, outside, count]: [u32; 3] = [inside, outside, count];
            json!({ "containerID": inside, "hostID": outside, "size": count })
        }
        _ => Value::Null,
    };
    text.lines().map(line).collect()
}

const fn architecture() -> &'static str {
    if cfg!(target_arch = "x86_64") { "SCMP_ARCH_X86_64" } else { "SCMP_ARCH_AARCH64" }
}
