//! argv -> Spec.

use super::{arena, is_clean, is_harmless, is_told, twice, words};
use aril::cli::{Request, parse};
use aril::spec::{IdMap, Overlay, Resource, Set, Source, Spec};
use aril::sys::Word;
use aril::text::names::{ALL_CAPABILITIES, is_name};
use aril::visit::Visit;
use std::str;

/// The words after the program's name.
pub fn check(bytes: &[u8]) {
    let owned = words(bytes);
    let words: Vec<Word> = [c"aril"].into_iter().chain(owned.iter().map(|word| &**word)).map(Word::new).collect();
    let said = twice(|arena| format!("{:?}", parse(arena, &words)));
    let arena = arena();
    match parse(&arena, &words) {
        Ok(Request::Run(spec)) => {
            is_sound(&spec, &words);
            assert!(spec.name.is_none_or(|name| is_name(name.bytes())));
            // What `explain` explains is what `run` does, and a later `run` is the name of a directory.
            let explained: Vec<Word> =
                [words[0], Word::new(c"explain")].into_iter().chain(words[1..].to_vec()).collect();
            let explained = format!("{:?}", parse(&arena, &explained));
            assert_eq!(explained.replacen("Explain(", "Run(", 1), said);
        }
        Ok(Request::Explain(spec)) => is_sound(&spec, &words),
        Ok(Request::Enter(spec)) => {
            is_sound(&spec, &words);
            let name = spec.name.expect("exec has a name");
            assert!(words.contains(&name));
            assert!(spec.volumes.is_empty() && spec.devices.is_empty() && spec.new_mounts.is_empty());
            assert!(spec.resources.is_empty() && spec.capabilities == Spec::new(&arena).capabilities);
        }
        Ok(Request::ExplainCall(spec, name)) => {
            assert!(words.last() == Some(&name) && spec.rootfs.is_empty());
        }
        Ok(Request::Visit(visit)) => is_visit(visit),
        Ok(Request::Check { rootfs, .. }) => assert!(!rootfs.bytes().starts_with(b"-")),
        Ok(Request::ExplainBoot(line)) => assert_eq!(words.get(3), Some(&line)),
        Ok(Request::Boot | Request::Overview | Request::RunHelp | Request::Version) => {}
        Err(problem) => {
            is_told(problem);
            is_harmless(said.as_bytes());
        }
    }
}

fn is_visit(visit: Visit) {
    match visit {
        Visit::Kill { signal, .. } => assert!((1..=64).contains(&signal)),
        Visit::Update { resources, .. } => {
            assert!(!resources.is_empty());
            resources.iter().for_each(is_resource);
        }
        _ => {}
    }
}

fn is_sound(spec: &Spec, words: &[Word]) {
    let shell = [Word::new(c"/bin/sh")];
    assert!(words.ends_with(spec.command) || *spec.command == shell, "the command is the end of the line");
    assert!(!spec.command.is_empty());
    for volume in spec.volumes.iter() {
        is_target(volume.target);
        assert!(!volume.source.is_empty());
    }
    for new in spec.new_mounts.iter() {
        is_target(new.target);
        let known = |option: &[u8]| {
            let name = option.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.is_empty() || [&b"size"[..], b"mode", b"nr_inodes", b"nr_blocks"].contains(&name)
        };
        assert!(new.options.bytes().split(|byte| *byte == b',').all(known), "no option but those that are allowed");
    }
    for device in spec.devices.iter() {
        is_clean(device.target.bytes());
        assert!(device.target.bytes().len() > 5 && device.target.bytes().starts_with(b"/dev/"));
        assert!(device.access & !7 == 0 && device.access != 0 && !device.source.is_empty());
    }
    assert_eq!(spec.capabilities & !ALL_CAPABILITIES, 0);
    assert!(spec.hostname.is_none_or(|name| (1..=64).contains(&name.bytes().len())));
    assert!(spec.user.is_none_or(|user| !user.is_empty()));
    assert!(spec.workdir.is_none_or(|directory| directory.bytes().starts_with(b"/")));
    if !matches!(spec.overlay, Overlay::None | Overlay::Memory) {
        assert!(spec.kept().is_some_and(|directory| !directory.is_empty()));
    }
    for variable in spec.environment.iter() {
        assert!(!matches!(variable.bytes(), [] | [b'=', ..]));
    }
    assert!(spec.preserve_fds <= 1 << 20);
    assert!((1..=64).contains(&spec.stop_signal));
    for source in spec.namespaces {
        assert!(!matches!(source, Source::Join(path) if path.is_empty()));
    }
    for map in [&spec.uids, &spec.gids] {
        if let IdMap::Ranges(ranges) = map {
            assert!(!ranges.is_empty());
            for range in ranges.iter() {
                let ends = [range.inside.checked_add(range.count), range.outside.checked_add(range.count)];
                assert!(range.count > 0 && ends.iter().all(Option::is_some));
            }
        }
    }
    for setting in spec.settings.iter() {
        match setting.what {
            Set::HardLimit { resource, .. } => assert!(resource < 16),
            Set::Limit { resource, limit } => assert!(resource < 16 && limit.soft <= limit.hard),
            Set::Nice(nice) => assert!((-20..=19).contains(&nice)),
            Set::Umask(mask) => assert!(mask <= 0o777),
            Set::Affinity(set) => assert!(set.iter().any(|word| *word != 0)),
            Set::OomScore => {
                let score: i32 = str::from_utf8(setting.asked.bytes()).unwrap().parse().unwrap();
                assert!((-1000..=1000).contains(&score));
            }
            Set::Domainname => assert!(!setting.asked.is_empty() && setting.asked.bytes().len() <= 64),
        }
    }
    spec.resources.iter().for_each(is_resource);
    for (at, one) in spec.resources.iter().enumerate() {
        assert!(spec.resources[..at].iter().all(|other| !one.replaces(other)), "each is asked for once");
    }
    if let Some(parent) = spec.cgroup_parent {
        is_clean(parent.bytes());
    }
    if let [Some(Some(memory)), Some(Some(both))] = spec.memory() {
        assert!(memory <= both);
    }
    for host in spec.hosts.iter().chain(spec.name_servers.iter()) {
        // They become lines of files.
        assert!(host.bytes().iter().all(u8::is_ascii_graphic));
    }
}

fn is_target(path: Word) {
    is_clean(path.bytes());
    assert_ne!(path.bytes(), b"/");
}

fn is_resource(resource: &Resource) {
    match resource {
        Resource::Memory(most)
        | Resource::MemoryReservation(most)
        | Resource::MemorySwap(most)
        | Resource::Pids(most) => {
            assert_ne!(*most, Some(0), "nothing at all is said otherwise");
        }
        Resource::Cpus(most) => assert!(most.is_none_or(|time| time >= 1000)),
        Resource::CpuShares(shares) => assert!((2..=262_144).contains(shares)),
        Resource::BlkioWeight(weight) => assert!((10..=1000).contains(weight)),
        Resource::CpusetCpus(list) | Resource::CpusetMems(list) => {
            assert!(!list.is_empty() && list.bytes().iter().all(|byte| byte.is_ascii_digit() || b"-,".contains(byte)));
        }
        Resource::Rate { device, .. } => assert!(device.bytes().starts_with(b"/")),
        // It is a name in one directory, and what aril itself has to say stays its own.
        Resource::File { name, value } => {
            let name = name.bytes();
            assert!(!value.is_empty() && !name.contains(&b'/') && !name.starts_with(b".") && name.contains(&b'.'));
            for own in [
                "cgroup.procs",
                "cgroup.kill",
                "cgroup.freeze",
                "cgroup.subtree_control",
                "devices.allow",
                "freezer.state",
            ] {
                assert_ne!(name, own.as_bytes());
            }
        }
    }
    assert!(!resource.controller().is_empty());
}
