//! The kernel's command line: parameters -> (Boot, Spec). Pure.

use super::network;
use crate::cli::values::Value;
use crate::host::presets;
use crate::spec::{Boot, Exit, Restart, Set, Spec};
use crate::sys::{Arena, List, Word};
use crate::text::sentence::Sentence;
use crate::text::{Problem, Told, copy, names, number, split, t};

/// Reads a command line, or a file with the same words. What comes later counts more.
///
/// # Errors
/// A parameter of ours with a value that is wrong.
pub fn read<'m>(arena: &'m Arena, text: &'m [u8], boot: &mut Boot<'m>, spec: &mut Spec<'m>) -> Told<'m, ()> {
    let mut result = Ok(());
    let mut command: Option<List<Word>> = None;
    for Parameter { name, value, has_dot } in Words(text) {
        if let Some(command) = &mut command {
            command.push(match value {
                Some(value) => copy(arena, &[name, b"=", value]),
                None => copy(arena, &[name]),
            });
            continue;
        }
        // Most of a line means nothing here, and is not looked up.
        match name {
            // As the kernel would give them to its first process, but for a second `--`, at which it ends.
            b"--" if value.is_none() => {
                command = Some(List::new(arena));
                continue;
            }
            [b'r' | b'i', ..] => {}
            _ if has_dot => {}
            _ => continue,
        }
        let word = copy(arena, &[value.unwrap_or_default()]);
        if let Err(refused) = set(boot, spec, name, value, Value { word, arena }) {
            let parameter = copy(arena, &[name]);
            let sentence = refused_with(arena, refused);
            let problem = Problem::refused(arena, t!("parameter %=%: %"), &[parameter, word, sentence]);
            // The first is told, and what comes after it still counts.
            result = result.and(Err(problem));
        }
    }
    if let Some(command) = command.filter(|command| !command.is_empty()) {
        spec.command = command.finish();
    }
    result
}

fn refused_with(arena: &Arena, refused: Sentence) -> Word<'_> {
    crate::text::text(arena, refused, &[])
}

/// Ours, each after `aril.`; `-` and `_` are the same, as in the kernel's.
const OURS: &str = "cmd env user workdir hostname restart ulimit stop_timeout overlay modules exit exitport exitfile exittty \
    exitvsock rescue timing";
/// Those of the kernel's that mean something here, each with one of two letters first.
const KERNELS: &str = "root rootfstype rootflags ro rw rootwait rootdelay init ip";

/// Five minutes: to wait for ever would be to fail without a word.
const LONG: u64 = 300_000_000;

#[inline(never)]
fn set<'m>(
    boot: &mut Boot<'m>,
    spec: &mut Spec<'m>,
    name: &'m [u8],
    given: Option<&'m [u8]>,
    value: Value<'m>,
) -> Result<(), Sentence> {
    let arena = value.arena;
    if let Some(ours) = name.strip_prefix(b"aril.") {
        let mut buffer = [0; 16];
        let Some(buffer) = buffer.get_mut(..ours.len()) else {
            boot.unknown.push(copy(arena, &[name]));
            return Ok(());
        };
        for (to, from) in buffer.iter_mut().zip(ours) {
            *to = if *from == b'-' { b'_' } else { *from };
        }
        match names::position(OURS, buffer) {
            Some(0) => spec.command = words_of(arena, value.word)?,
            Some(1) => {
                let entry = value.variable()?;
                if !entry.bytes().contains(&b'=') {
                    return Err(t!("not NAME=VALUE"));
                }
                spec.environment.push(entry);
            }
            Some(2) => spec.user = Some(value.not_empty()?),
            Some(3) => spec.workdir = Some(value.absolute()?),
            Some(4) => spec.hostname = Some(value.hostname()?),
            Some(5) => {
                boot.restart =
                    Restart::read(value.word.bytes()).ok_or(t!("not no, always, on-failure or on-failure:N"))?;
            }
            Some(6) => {
                let (resource, limit) = value.ulimit()?;
                value.put(spec, Set::Limit { resource, limit })?;
            }
            Some(7) => spec.stop_timeout = value.duration()?,
            Some(8) => boot.overlay = Some(value.not_empty()?),
            Some(9) => {
                for name in split(value.word.bytes(), b',').filter(|name| !name.is_empty()) {
                    boot.modules.push(copy(arena, &[name]));
                }
            }
            Some(10) => {
                const WAYS: [Exit; 5] = [Exit::PowerOff, Exit::Reboot, Exit::Halt, Exit::Panic, Exit::Shell];
                let way = names::position("poweroff reboot halt panic shell", value.word.bytes());
                boot.exit =
                    *way.and_then(|way| WAYS.get(way)).ok_or(t!("not poweroff, reboot, halt, panic or shell"))?;
            }
            // The instruction that writes to one is x86's.
            Some(11) if !cfg!(target_arch = "x86_64") => return Err(t!("this architecture has no ports")),
            Some(11) => boot.exit_port = Some(port(value.word.bytes()).ok_or(t!("not a number up to 0xffff"))?),
            Some(12) => boot.exit_file = Some(value.absolute()?),
            Some(13) => boot.exit_tty = Some(value.absolute()?),
            Some(14) => boot.exit_vsock = Some(number::decimal(value.word.bytes()).ok_or(t!("not a number"))?),
            Some(15) => boot.rescue = value.is_on(),
            Some(16) => boot.timing = value.is_on(),
            _ => boot.unknown.push(copy(arena, &[name])),
        }
        return Ok(());
    }
    match names::position(KERNELS, name) {
        Some(0) => boot.root = Some(value.not_empty()?),
        Some(1) => boot.root_types = value.word,
        Some(2) => boot.root_flags = value.word,
        Some(3) => boot.writable = false,
        Some(4) => boot.writable = true,
        Some(5 | 6) => {
            boot.patience = match given {
                None => LONG,
                Some(_) => {
                    u64::from(number::decimal(value.word.bytes()).ok_or(t!("not a number of seconds"))?) * 1_000_000
                }
            };
        }
        Some(7) => boot.init = Some(value.absolute()?),
        Some(8) => network::add(&mut boot.networks, value)?,
        // A module's, or one of something that the kernel has built in.
        _ if name.contains(&b'.') => {
            let equals: &[u8] = if given.is_some() { b"=" } else { b"" };
            boot.module_parameters.push(copy(arena, &[name, equals, value.word.bytes()]));
        }
        _ => {}
    }
    Ok(())
}

fn words_of<'m>(arena: &'m Arena, text: Word<'m>) -> Result<&'m [Word<'m>], Sentence> {
    let mut words = List::new(arena);
    presets::add_text(&mut words, text.bytes()).map_err(|_| t!("a quote has no end"))?;
    Ok(words.finish())
}

/// A number of a port, in decimal or after `0x`.
fn port(text: &[u8]) -> Option<u16> {
    let number = match text.strip_prefix(b"0x") {
        Some(digits) => number::hexadecimal(digits),
        None => number::decimal(text),
    };
    number?.try_into().ok()
}

/// A command line, cut as the kernel's `next_arg` does it (lib/cmdline.c): double quotes keep spaces, nothing escapes a quote, and
/// quotes go only where they stand around a whole word or a whole value.
#[derive(Clone, Copy)]
struct Words<'t>(&'t [u8]);

/// `isspace` of the kernel (lib/ctype.c).
const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0xa0)
}

/// One word of it.
#[derive(Clone, Copy)]
struct Parameter<'t> {
    name: &'t [u8],
    /// What follows the `=`.
    value: Option<&'t [u8]>,
    /// Whether there is one in its name, as ours have it, and those of modules.
    has_dot: bool,
}

impl<'t> Iterator for Words<'t> {
    type Item = Parameter<'t>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let mut text = loop {
            let (first, rest) = self.0.split_first()?;
            if !is_space(*first) {
                break self.0;
            }
            self.0 = rest;
        };
        let quoted = text[0] == b'"';
        if quoted {
            text = &text[1..];
        }
        // Behind the first byte that is a `=`, if it is not the first of all.
        let (mut in_quote, mut equals, mut has_dot) = (quoted, 0, false);
        let mut end = 0;
        while let Some(byte) = text.get(end) {
            end += 1;
            match *byte {
                // Nearly all of them.
                b'>'..=0x7f => {}
                b'"' => in_quote = !in_quote,
                b'=' if equals == 0 && end > 1 => equals = end,
                b'.' => has_dot |= equals == 0,
                byte if !in_quote && is_space(byte) => {
                    end -= 1;
                    break;
                }
                _ => {}
            }
        }
        let (mut word, rest) = text.split_at(end);
        self.0 = rest;
        if quoted {
            word = word.strip_suffix(b"\"").unwrap_or(word);
        }
        if equals == 0 {
            return Some(Parameter { name: word, value: None, has_dot });
        }
        let (name, value) = (&word[..equals - 1], word.get(equals..).unwrap_or_default());
        let value = match value.strip_prefix(b"\"") {
            Some(inner) => inner.strip_suffix(b"\"").unwrap_or(inner),
            None => value,
        };
        Some(Parameter { name, value: Some(value), has_dot })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::word;

    /// What a line asks for, or why it is refused.
    fn read_line<R>(line: &str, look: impl FnOnce(&Boot, &Spec) -> R) -> Result<R, String> {
        let arena = Arena::new().unwrap();
        let (mut boot, mut spec) = (Boot::new(&arena), Spec::new(&arena));
        match read(&arena, line.as_bytes(), &mut boot, &mut spec) {
            Ok(()) => Ok(look(&boot, &spec)),
            Err(problem) => Err(String::from_utf8_lossy(problem.line.bytes()).into_owned()),
        }
    }

    fn command(line: &str) -> Vec<String> {
        let text = |word: &Word| String::from_utf8_lossy(word.bytes()).into_owned();
        read_line(line, |_, spec| spec.command.iter().map(text).collect()).unwrap()
    }

    #[test]
    fn what_is_known_is_looked_up() {
        assert!(names::words(KERNELS).all(|name| matches!(name, [b'r' | b'i', ..])));
        for (word, has_dot) in
            [("a", false), ("a.b", true), ("a=b.c", false), ("a.b=c", true), ("\"a.b=c\"", true), (".", true)]
        {
            assert_eq!(Words(word.as_bytes()).next().unwrap().has_dot, has_dot, "{word}");
        }
    }

    /// Each pair is what a kernel gives its first process, but for the second `--`.
    #[test]
    fn words_are_cut_as_the_kernel_cuts_them() {
        for (line, words) in [
            ("quiet -- /probe a b", &["/probe", "a", "b"][..]),
            ("--  /probe\t\"a  b\"\n", &["/probe", "a  b"]),
            ("-- \"\" x", &["", "x"]),
            ("-- x=\"a b\" \"y=a b\"", &["x=a b", "y=a b"]),
            // A quote within a word stays, and still keeps spaces together.
            ("-- a\"b c\"d e", &["a\"b c\"d", "e"]),
            ("-- \"a b\"c", &["a b\"c"]),
            ("-- x=\" y", &["x= y"]),
            ("-- \"", &[""]),
            ("-- =a", &["=a"]),
            ("-- sh -c -- x", &["sh", "-c", "--", "x"]),
            ("a=-- b--", &[]),
            ("\"--\" x", &["x"]),
            ("foo -- ", &[]),
            ("", &[]),
        ] {
            assert_eq!(command(line), words, "{line}");
        }
    }

    #[test]
    fn every_byte_is_some_word_s() {
        for line in [&b"-- \xff\xa0\xfe"[..], b"-- \"\"\"", b"=", b"\"", b"\"=\"", b"a=\"", b"-- a=\"\""] {
            assert!(Words(line).count() < 5);
        }
        assert_eq!(Words(b"a\xa0b").count(), 2);
    }

    #[test]
    fn a_command_in_a_parameter_has_single_quotes() {
        assert_eq!(command("aril.cmd=\"sh -c 'a  b' c\""), ["sh", "-c", "a  b", "c"]);
        assert_eq!(command("aril.cmd=a -- b"), ["b"]);
        assert!(read_line("aril.cmd=\"a 'b\"", |_, _| ()).unwrap_err().contains("quote"));
    }

    #[test]
    fn parameters_of_ours_are_read() {
        let line = "aril.env=A=b=c aril.user=1:2 aril.workdir=/w aril.hostname=h aril.restart=on-failure:3 aril.ulimit=nofile=9 \
            aril.stop-timeout=2s aril.overlay=tmpfs aril.modules=a,,b aril.modules=c aril.exit=reboot \
            aril.exitfile=/f aril.exittty=/dev/x aril.exitvsock=7 aril.rescue aril.timing aril.what=1 aril.\
            quite_a_long_name_that_nobody_knows";
        read_line(line, |boot, spec| {
            assert_eq!(*spec.environment, [word(c"A=b=c")]);
            assert_eq!((spec.user, spec.workdir), (Some(word(c"1:2")), Some(word(c"/w"))));
            assert_eq!((spec.hostname, spec.stop_timeout), (Some(word(c"h")), 2_000_000));
            assert_eq!((boot.restart, boot.exit), (Restart::OnFailure(3), Exit::Reboot));
            assert_eq!(spec.settings.len(), 1);
            assert_eq!(boot.overlay, Some(word(c"tmpfs")));
            assert_eq!(*boot.modules, [word(c"a"), word(c"b"), word(c"c")]);
            assert_eq!((boot.exit_file, boot.exit_tty), (Some(word(c"/f")), Some(word(c"/dev/x"))));
            assert_eq!((boot.exit_vsock, boot.rescue, boot.timing), (Some(7), true, true));
            assert_eq!(boot.unknown.len(), 2);
        })
        .unwrap();
    }

    #[test]
    fn parameters_of_the_kernel_s_are_read() {
        let line = "root=/dev/a root=UUID=b rootfstype=ext4,xfs rootflags=\"x, y\" rw rootwait=7 init=/i ro2 xroot=z";
        read_line(line, |boot, _| {
            assert_eq!((boot.root, boot.root_types), (Some(word(c"UUID=b")), word(c"ext4,xfs")));
            assert_eq!((boot.root_flags, boot.writable), (word(c"x, y"), true));
            assert_eq!((boot.patience, boot.init), (7_000_000, Some(word(c"/i"))));
        })
        .unwrap();
        assert_eq!(read_line("rw ro rootwait", |boot, _| (boot.writable, boot.patience)), Ok((false, LONG)));
        assert_eq!(read_line("rootdelay=3", |boot, _| boot.patience), Ok(3_000_000));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for wrong in [
            "aril.env=A",
            "aril.env==b",
            "aril.user=",
            "aril.workdir=w",
            "aril.hostname=",
            "aril.restart=maybe",
            "aril.ulimit=x",
            "aril.stop_timeout=x",
            "aril.overlay=",
            "aril.exit=off",
            "aril.exitport=0x",
            "aril.exitport=0x10000",
            "aril.exitport=65536",
            "aril.exitfile=f",
            "aril.exittty=t",
            "aril.exitvsock=x",
            "root=",
            "rootwait=x",
            "init=x",
        ] {
            let said = read_line(wrong, |_, _| ()).unwrap_err();
            assert!(said.starts_with(&format!("parameter {wrong}")), "{wrong}: {said}");
        }
    }

    #[test]
    fn the_exit_port_is_of_x86() {
        let read = read_line("aril.exitport=0xf4", |boot, _| boot.exit_port);
        if cfg!(target_arch = "x86_64") {
            assert_eq!(read, Ok(Some(0xf4)));
        } else {
            assert_eq!(read, Err("parameter aril.exitport=0xf4: this architecture has no ports".into()));
        }
    }

    #[test]
    fn a_port_is_decimal_or_hexadecimal() {
        for (text, number) in
            [("244", Some(244)), ("0xF4", Some(244)), ("0xffff", Some(65535)), ("0x0000000f4", None), ("f4", None)]
        {
            assert_eq!(port(text.as_bytes()), number, "{text}");
        }
    }
}
