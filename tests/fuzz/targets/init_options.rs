//! The command line and the environment of an init.

use super::{files, words};
use aril::init::{DROP, Persona, Setup};
use aril::sys::Word;

/// The name by which it was called, its words and its environment.
pub fn check(bytes: &[u8]) {
    let [name, given, environment] = files(bytes).map(words);
    let name = name.first().map_or(Word::default(), |name| Word::new(name));
    let given: Vec<Option<Word>> = given.iter().map(|word| Some(Word::new(word))).collect();
    let environment: Vec<Option<Word>> = environment.iter().map(|word| Some(Word::new(word))).collect();
    is_sound::<true>(Persona::of(name), &given, &environment);
    is_sound::<false>(Persona::of(name), &given, &environment);
}

fn is_sound<const MORE: bool>(persona: Persona, given: &[Option<Word>], environment: &[Option<Word>]) {
    let mut setup = Setup::new(persona, given);
    let read = setup.read::<MORE>(environment);
    let mut again = Setup::new(persona, given);
    assert_eq!(again.read::<MORE>(environment), read);
    assert_eq!(format!("{again:?}"), format!("{setup:?}"));
    assert!(given.ends_with(setup.words), "the command is the end of the line");
    assert!(setup.parent_death <= 64);
    assert!(setup.rewrite.iter().all(|signal| *signal <= 64 || *signal == DROP));
    if !MORE {
        assert!(setup.timeout.is_none() && setup.report.is_none());
    }
    assert!(setup.report.is_none_or(|path| path.bytes().starts_with(b"/")));
    if read.is_none() {
        let is_known = |word: &&Option<Word>| word.is_some_and(|word| word.bytes().ends_with(setup.refused.1.bytes()));
        assert!(given.iter().chain(environment).any(|word| is_known(&word)), "what is refused was given");
    } else if let Some(Some(first)) = setup.words.first() {
        // Options end at an operand, or behind `--`.
        let is_after_dashes = given.len() > setup.words.len()
            && given[given.len() - setup.words.len() - 1].is_some_and(|word| word.bytes() == b"--");
        assert!(is_after_dashes || !matches!(first.bytes(), [b'-', _, ..]));
    }
}
