//! What a container uses, as its control groups tell it (cgroups(7)): the same figures from version 1 and version 2. What a
//! kernel or a layout does not tell is not known.

use super::rootfs::read_whole;
use crate::sys::file::{self, Open};
use crate::sys::{Arena, At, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{Text, copy, cut, number, split, t, text};

/// One figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// Bytes that are used now.
    Memory,
    /// Processes and threads that there are now.
    Pids,
    /// Microseconds of processor time.
    User,
    System,
    MemoryPeak,
    MemoryLimit,
    /// How often it was all used, and something had to go.
    MemoryReached,
    OomKills,
    /// How often, and for how many microseconds, all had to wait for a processor's next period.
    Throttled,
    ThrottledTime,
    PidsPeak,
    PidsLimit,
    PidsRefused,
    /// Bytes from and to disks.
    Read,
    Written,
    /// Microseconds for which something waited for each (Documentation/accounting/psi.rst of the kernel, `some`).
    ProcessorPressure,
    MemoryPressure,
    DiskPressure,
}

/// For each, in the order of the enum, its name for programs and where it stands: a file, the word before it (`-`: the file has
/// nothing else), and what it is divided by; of several the largest counts. What has a dot in its name is a part of
/// the object after it.
const TABLE: Sentence = t!("\
memory memory.current - 1 memory.usage_in_bytes - 1
pids pids.current - 1
user_us cpu.stat user_usec 1 cpuacct.usage_user - 1000
system_us cpu.stat system_usec 1 cpuacct.usage_sys - 1000
memory_peak memory.peak - 1 memory.max_usage_in_bytes - 1
memory_limit memory.max - 1 memory.limit_in_bytes - 1
memory_reached memory.events max 1 memory.failcnt - 1
oom_kills memory.events oom_kill 1 memory.oom_control oom_kill 1
throttled cpu.stat nr_throttled 1
throttled_us cpu.stat throttled_usec 1 cpu.stat throttled_time 1000
pids_peak pids.peak - 1
pids_limit pids.max - 1
pids_refused pids.events max 1
read_bytes io.stat rbytes 1 blkio.throttle.io_service_bytes_recursive Read 1
written_bytes io.stat wbytes 1 blkio.throttle.io_service_bytes_recursive Write 1
cpu.pressure cpu.pressure total 1
memory.pressure memory.pressure total 1
io.pressure io.pressure total 1");

const COUNT: usize = Figure::DiskPressure as usize + 1;

/// All of them, as far as they are known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Figures([Option<u64>; COUNT]);

impl Figures {
    /// Reads them from a container's groups.
    pub fn read(arena: &Arena, groups: &[At]) -> Self {
        let mut all = Self::default();
        for (row, slot) in split(table(arena), b'\n').zip(&mut all.0) {
            let mut words = split(row, b' ').skip(1);
            while let (Some(file), Some(key), Some(unit)) = (words.next(), words.next(), words.next()) {
                let unit = u64::from(number::decimal(unit).unwrap_or(1));
                for group in groups {
                    let Some(said) = whole(arena, *group, file) else { continue };
                    // What has done nothing yet with any disk has no line for it.
                    let none = (file == b"io.stat" || file.starts_with(b"blkio")).then_some(0);
                    // Of a group and one in it, or of both versions, who has counted more has counted all.
                    *slot = (*slot).max(find(said, key).or(none).map(|number| number / unit));
                }
            }
        }
        all
    }

    pub fn get(&self, figure: Figure) -> Option<u64> {
        self.0[figure as usize]
    }

    /// What is known from elsewhere, if the groups do not tell.
    pub fn or(&mut self, figure: Figure, number: u64) {
        self.0[figure as usize].get_or_insert(number);
    }

    fn is_above_zero(&self, figure: Figure) -> bool {
        self.get(figure).is_some_and(|number| number > 0)
    }

    /// Whether the OOM killer came because of a limit: it comes for the whole machine's sake too.
    pub fn is_out_of_memory(&self) -> bool {
        let is_limited = self.get(Figure::MemoryLimit).is_some() && self.is_above_zero(Figure::MemoryReached);
        is_limited && self.is_above_zero(Figure::OomKills)
    }

    /// How a person is told so.
    pub fn out_of_memory<'m>(&self, arena: &'m Arena) -> Word<'m> {
        let [limit, peak] = [Figure::MemoryLimit, Figure::MemoryPeak].map(|figure| {
            let mut size = Text::new(arena);
            size.size(self.get(figure).unwrap_or_default());
            size.word()
        });
        match self.get(Figure::MemoryPeak) {
            Some(_) => text(arena, t!("out of memory (limit %, peak %)"), &[limit, peak]),
            None => text(arena, t!("out of memory (limit %)"), &[limit]),
        }
    }

    /// Adds them to an object of JSON that is not empty: all, or those of a container that has ended.
    #[inline(never)]
    pub fn write(&self, text: &mut Text, has_ended: bool) {
        let first = if has_ended { Figure::User } else { Figure::Memory } as usize;
        let mut is_inside = false;
        for (row, number) in split(table(text.arena()), b'\n').zip(self.0).skip(first) {
            let (part, of) = cut(cut(row, b' ').0, b'.');
            match of {
                Some(object) if !is_inside => drop(text.add(b",\"").add(object).add(b"\":{\"")),
                _ => drop(text.add(b",\"")),
            }
            is_inside = of.is_some();
            text.add(part).add(b"\":").number_or_null(number);
        }
        text.add(b"},\"limit_hit\":[");
        let hits = [
            ("memory", self.is_above_zero(Figure::MemoryReached) || self.is_above_zero(Figure::OomKills)),
            ("pids", self.is_above_zero(Figure::PidsRefused)),
            ("cpu", self.is_above_zero(Figure::Throttled)),
        ];
        let mut separator: &[u8] = b"";
        for (name, _) in hits.into_iter().filter(|(_, is_hit)| *is_hit) {
            text.add(separator).json(name.as_bytes());
            separator = b",";
        }
        text.add(b"]");
    }
}

fn table(arena: &Arena) -> &[u8] {
    text(arena, TABLE, &[]).bytes()
}

/// A file of a group; `None` if there is none, or if what it tells is switched off.
fn whole<'m>(arena: &'m Arena, group: At, file: &[u8]) -> Option<&'m [u8]> {
    let file = file::openat(group, copy(arena, &[file]), Open::READ);
    file.and_then(|file| read_whole(arena, file.at())).ok()
}

/// What stands behind a word, or after its `=`; the sum where it stands more than once.
#[inline(never)]
pub fn find(said: &[u8], key: &[u8]) -> Option<u64> {
    let (mut rest, mut sum) = (said, None);
    // Of a file with nothing but a number that is the value.
    let mut is_value = key == b"-";
    while !rest.is_empty() {
        let length = rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let (word, after) = rest.split_at(length);
        rest = after.get(1..).unwrap_or_default();
        let (name, value) = cut(word, b'=');
        // That all waited is a part of the time for which some did.
        if name == b"full" {
            break;
        }
        let value = if is_value { Some(word) } else { value.filter(|_| name == key) };
        if let Some(number) = value.and_then(count) {
            sum = Some(number.saturating_add(sum.unwrap_or(0)));
        }
        is_value = value.is_none() && name == key;
    }
    sum
}

/// A number; `max`, and what version 1 has for it, is none.
fn count(word: &[u8]) -> Option<u64> {
    const NO_LIMIT: u64 = 1 << 62;
    number::size(word).filter(|number| *number < NO_LIMIT && word.iter().all(u8::is_ascii_digit))
}

/// The file that pauses a group: of version 2, and of the freezer of version 1.
pub const FREEZE: [Word<'static>; 2] = [word(c"cgroup.freeze"), word(c"freezer.state")];

/// Whether all in one of these groups is paused, or about to be.
pub fn is_paused(arena: &Arena, groups: &[At]) -> bool {
    let is_asked = |group: &At, file: Word| {
        whole(arena, *group, file.bytes()).is_some_and(|said| matches!(said, [b'1' | b'F', ..]))
    };
    groups.iter().any(|group| FREEZE.iter().any(|file| is_asked(group, *file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_its_row() {
        let arena = Arena::new().unwrap();
        let rows: Vec<Vec<&[u8]>> = split(table(&arena), b'\n').map(|row| split(row, b' ').collect()).collect();
        assert_eq!(rows.len(), COUNT);
        for row in &rows {
            assert!(row.len() > 1 && row[1..].len() % 3 == 0, "{}", row.concat().escape_ascii());
            for source in row[1..].chunks(3) {
                assert!(number::decimal(source[2]).is_some_and(|unit| unit > 0), "{}", row.concat().escape_ascii());
            }
        }
        for (figure, name) in [
            (Figure::Memory, "memory"),
            (Figure::OomKills, "oom_kills"),
            (Figure::PidsRefused, "pids_refused"),
            (Figure::DiskPressure, "io.pressure"),
        ] {
            assert_eq!(rows[figure as usize][0], name.as_bytes());
        }
    }

    #[test]
    fn a_number_is_found_behind_its_word() {
        const IO: &str = "8:16 rbytes=4096 wbytes=1 rios=1 wios=1 dbytes=0\n8:0 rbytes=1 wbytes=0\n254:0 \n";
        const OLD_IO: &str = "8:0 Read 4096\n8:0 Write 7\n8:0 Total 9\n8:16 Read 1\nTotal 4104\n";
        const STALLS: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=123\nfull avg10=0.00 total=99\n";
        for (said, key, expected) in [
            ("67108864\n", "-", Some(67_108_864)),
            ("0\n", "-", Some(0)),
            ("max\n", "-", None),
            ("", "-", None),
            ("\n", "-", None),
            ("-1\n", "-", None),
            ("12k\n", "-", None),
            ("9223372036854771712\n", "-", None),
            ("99999999999999999999999\n", "-", None),
            ("low 0\nhigh 0\nmax 5\noom 1\noom_kill 2\noom_group_kill 0\n", "oom_kill", Some(2)),
            ("low 0\nhigh 0\nmax 5\noom 1\noom_kill 2\noom_group_kill 0\n", "max", Some(5)),
            ("low 0\nhigh 0\nmax 5\noom 1\n", "oom_kill", None),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill", Some(3)),
            ("max", "max", None),
            ("max max\n", "max", None),
            ("user_usec 7", "user_usec", Some(7)),
            (IO, "rbytes", Some(4097)),
            (IO, "wbytes", Some(1)),
            ("", "rbytes", None),
            (OLD_IO, "Read", Some(4097)),
            (OLD_IO, "Write", Some(7)),
            ("Total 0\n", "Read", None),
            (STALLS, "total", Some(123)),
            ("full total=9\n", "total", None),
            ("a 4611686018427387903\na 4611686018427387903\na 1", "a", Some((1 << 63) - 1)),
        ] {
            assert_eq!(find(said.as_bytes(), key.as_bytes()), expected, "{key} in {said}");
        }
    }

    /// A directory with these files, as a group.
    fn group(name: &str, files: &[(&str, &str)]) -> (std::path::PathBuf, crate::sys::Fd) {
        let folder = std::env::temp_dir().join(format!("aril-figures-{name}-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let path = std::ffi::CString::new(folder.to_str().unwrap()).unwrap();
        let opened = file::openat(At::CWD, Word::new(&path), Open::DIRECTORY).unwrap();
        (folder, opened)
    }

    fn written(figures: &Figures, has_ended: bool) -> String {
        let arena = Arena::new().unwrap();
        let mut text = Text::new(&arena);
        text.add(b"{\"name\":null");
        figures.write(&mut text, has_ended);
        String::from_utf8(text.add(b"}").bytes().to_vec()).unwrap()
    }

    #[test]
    fn both_versions_tell_the_same() {
        let arena = Arena::new().unwrap();
        let (new, of_new) = group(
            "new",
            &[
                ("cpu.stat", "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_throttled 2\nthrottled_usec 9\n"),
                ("memory.peak", "4096\n"),
                ("memory.max", "8192\n"),
                ("memory.current", "1\n"),
                ("memory.events", "low 0\nhigh 0\nmax 1\noom 1\noom_kill 1\n"),
                ("pids.max", "max\n"),
                ("pids.peak", "3\n"),
                ("pids.current", "2\n"),
                ("pids.events", "max 0\n"),
                ("io.stat", ""),
                ("cpu.pressure", "some avg10=0.00 total=5\nfull total=4\n"),
            ],
        );
        let (cpu, of_cpu) = group("cpu", &[("cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 9000\n")]);
        let (rest, of_rest) = group(
            "rest",
            &[
                ("cpuacct.usage_user", "10000\n"),
                ("cpuacct.usage_sys", "20999\n"),
                ("memory.max_usage_in_bytes", "4096\n"),
                ("memory.limit_in_bytes", "8192\n"),
                ("memory.usage_in_bytes", "1\n"),
                ("memory.failcnt", "1\n"),
                ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
                ("pids.max", "max\n"),
                ("pids.peak", "3\n"),
                ("pids.current", "2\n"),
                ("pids.events", "max 0\n"),
                ("blkio.throttle.io_service_bytes_recursive", "Total 0\n"),
            ],
        );
        let figures = Figures::read(&arena, &[of_new.at()]);
        let mut old = Figures::read(&arena, &[of_cpu.at(), of_rest.at()]);
        assert_eq!(
            written(&figures, false),
            "{\"name\":null,\"memory\":1,\"pids\":2,\"user_us\":10,\"system_us\":20,\"memory_peak\":4096,\
            \"memory_limit\":8192,\"memory_reached\":1,\"oom_kills\":1,\"throttled\":2,\"throttled_us\":9,\"pids_peak\":3,\
            \"pids_limit\":null,\"pids_refused\":0,\"read_bytes\":0,\"written_bytes\":0,\
            \"pressure\":{\"cpu\":5,\"memory\":null,\"io\":null},\"limit_hit\":[\"memory\",\"cpu\"]}"
        );
        old.or(Figure::ProcessorPressure, 5);
        old.or(Figure::User, 77);
        assert_eq!(old, figures);
        assert!(written(&old, true).starts_with("{\"name\":null,\"user_us\":10,"));
        assert!(figures.is_out_of_memory());
        assert_eq!(figures.out_of_memory(&arena), word(c"out of memory (limit 8 KiB, peak 4 KiB)"));
        let none = Figures::read(&arena, &[]);
        assert!(
            written(&none, true).ends_with("\"pressure\":{\"cpu\":null,\"memory\":null,\"io\":null},\"limit_hit\":[]}")
        );
        for folder in [new, cpu, rest] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
