//! The kernel's command line.

use super::{arena, is_harmless, is_told, line, twice, word};
use aril::boot::{explain, parameters::read};
use aril::spec::{Boot, Set, Spec};
use aril::sys::Arena;
use aril::text::Text;
use std::str;

pub fn check(bytes: &[u8]) {
    let text = line(bytes);
    let said = twice(|arena| state(arena, &[text]));
    let arena = arena();
    let (mut boot, mut spec) = (Boot::new(&arena), Spec::new(&arena));
    match read(&arena, text, &mut boot, &mut spec) {
        Ok(()) => {
            let mut plan = Text::new(&arena);
            // What can be asked for can be explained, unless the plan itself refuses it.
            if let Err(problem) = explain(&arena, &mut plan, word(&arena, text)) {
                is_told(problem);
            }
            plan.bytes().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(is_harmless);
        }
        Err(problem) => is_told(problem),
    }
    // What comes before a parameter that is wrong counts, and what comes after it.
    is_sound(&boot, &spec);
    is_cut_as_by_the_kernel(text);
    // A file, and then the line: as if they were one, where no quote and no `--` takes the rest.
    let (first, second) = text.split_at(text.iter().position(|byte| *byte == b' ').unwrap_or(0));
    let is_plain = |text: &[u8]| !text.contains(&b'"') && !text.windows(2).any(|pair| pair == b"--");
    if is_plain(text) {
        assert_eq!(state(&arena, &[first, second]), said);
    }
}

/// What all these texts ask for, one after the other.
fn state(arena: &Arena, texts: &[&[u8]]) -> String {
    let (mut boot, mut spec) = (Boot::new(arena), Spec::new(arena));
    let mut result = Ok(());
    for text in texts {
        result = result.and(read(arena, text, &mut boot, &mut spec));
    }
    format!("{boot:?} {spec:?} {result:?}")
}

fn is_sound(boot: &Boot, spec: &Spec) {
    for variable in spec.environment.iter() {
        assert!(variable.bytes().iter().skip(1).any(|byte| *byte == b'=') && variable.bytes()[0] != b'=');
    }
    for path in [boot.init, boot.exit_file, boot.exit_tty, spec.workdir].into_iter().flatten() {
        assert!(path.bytes().starts_with(b"/"));
    }
    assert!(spec.hostname.is_none_or(|name| (1..=64).contains(&name.bytes().len())));
    assert!(boot.root.is_none_or(|root| !root.is_empty()) && boot.overlay.is_none_or(|overlay| !overlay.is_empty()));
    assert!(boot.modules.iter().all(|name| !name.is_empty() && !name.bytes().contains(&b',')));
    assert!(boot.module_parameters.iter().all(|parameter| parameter.bytes().contains(&b'.')));
    assert!(boot.unknown.iter().all(|name| name.bytes().starts_with(b"aril.")));
    for network in boot.networks.iter() {
        let Some(address) = network.address else { continue };
        assert!(network.prefix <= address.bits() && address.bytes().len() == usize::from(address.bits()) / 8);
        let read: Option<std::net::IpAddr> =
            str::from_utf8(address.written.bytes()).ok().and_then(|text| text.parse().ok());
        // Our own reader allows zeros before a number of IPv4, and no address within one of IPv6.
        if let Some(read) = read {
            let bytes: Vec<u8> = match read {
                std::net::IpAddr::V4(four) => four.octets().to_vec(),
                std::net::IpAddr::V6(six) => six.octets().to_vec(),
            };
            assert_eq!(address.bytes(), bytes, "{address:?}");
        } else {
            assert!(!address.is_v6, "only what std takes too: {address:?}");
        }
        assert!(network.gateway.is_none_or(|gateway| gateway.is_v6 == address.is_v6));
    }
    for setting in spec.settings.iter() {
        assert!(matches!(setting.what, Set::Limit { resource: 0..16, limit } if limit.soft <= limit.hard));
    }
}

/// The words behind `--` are those that the kernel would give its first process: `next_arg` of lib/cmdline.c, line by line.
fn is_cut_as_by_the_kernel(text: &[u8]) {
    let arena = arena();
    let text = [b"-- ", text].concat();
    let (mut boot, mut spec) = (Boot::new(&arena), Spec::new(&arena));
    assert!(read(&arena, &text, &mut boot, &mut spec).is_ok(), "nothing behind it is a parameter");
    let words: Vec<&[u8]> = spec.command.iter().map(|word| word.bytes()).collect();
    let mut expected = Vec::new();
    let mut rest = skip_spaces(&text);
    while !rest.is_empty() {
        let (parameter, value, after) = next_arg(rest);
        expected.push(match value {
            Some(value) => [&parameter, &b"="[..], &value].concat(),
            None => parameter,
        });
        rest = after;
    }
    assert_eq!(words, expected[1..]);
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0xa0)
}

fn skip_spaces(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|byte| is_space(**byte)).count()..]
}

#[allow(clippy::type_complexity, reason = "a parameter, its value, and what follows")]
fn next_arg(mut args: &[u8]) -> (Vec<u8>, Option<Vec<u8>>, &[u8]) {
    let (mut equals, mut in_quote, mut quoted) = (0, false, false);
    if args[0] == b'"' {
        args = &args[1..];
        in_quote = true;
        quoted = true;
    }
    let mut i = 0;
    while i < args.len() {
        if is_space(args[i]) && !in_quote {
            break;
        }
        if equals == 0 && args[i] == b'=' {
            equals = i;
        }
        if args[i] == b'"' {
            in_quote = !in_quote;
        }
        i += 1;
    }
    // The kernel writes NULs into the line: where a word ends, and where a quote was.
    let mut line = args.to_vec();
    let mut value = None;
    if equals != 0 {
        line[equals] = 0;
        let mut start = equals + 1;
        if line.get(start) == Some(&b'"') {
            start += 1;
            if line[i - 1] == b'"' {
                line[i - 1] = 0;
            }
        }
        value = Some(start);
    }
    if quoted && i > 0 && line[i - 1] == b'"' {
        line[i - 1] = 0;
    }
    let next = if i < args.len() {
        line[i] = 0;
        skip_spaces(&args[i + 1..])
    } else {
        &args[i..]
    };
    let string =
        |from: usize| line.get(from..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    (string(0), value.map(string), next)
}
