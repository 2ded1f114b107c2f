//! Options of `docker run` that cannot exist here, and what to use instead.

use crate::text::names::words;
use crate::text::sentence::Sentence;
use crate::text::t;

/// Names that mean the same, and the advice.
const HABITS: &[(&str, Sentence)] = &[
    (
        "p publish P publish-all expose",
        t!("the host's network is shared, so a port that is opened inside is the host's"),
    ),
    #[cfg(not(feature = "full"))]
    ("d detach", t!("there is no daemon: put & behind it, or let a service manager run it")),
    ("link network-alias", t!("join another's network with --network ns:/proc/PID/ns/net")),
    ("privileged", t!("take away single walls: see --cap-add, --userns and --fs")),
    ("restart", t!("a service manager starts it again, or inside: aril init --restart")),
    ("entrypoint", t!("the command is all that is run: write it behind the root file system")),
    ("pull platform", t!("nothing is fetched: the root file system is a directory, or an image file")),
];

/// What someone who types this option by habit should do.
pub fn instead_of(name: &[u8]) -> Option<Sentence> {
    HABITS.iter().find(|(names, _)| words(names).any(|known| known == name)).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::options::Opt;

    #[test]
    fn a_habit_is_no_option() {
        for name in HABITS.iter().flat_map(|(names, _)| words(names)) {
            assert!(Opt::named(name).is_none() && (name.len() > 1 || Opt::of_letter(name[0]).is_none()), "{name:?}");
            assert!(instead_of(name).is_some());
        }
        assert!(instead_of(b"no-such-option").is_none());
    }
}
