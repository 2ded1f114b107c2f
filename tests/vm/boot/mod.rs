//! `aril` as a VM's first process: each test boots VMs of its own, `boot::…`. `vm` describes, runs and questions one,
//! `archive` is what is in it; each other file has the tests of one subject.

pub mod archive;
mod command;
mod console;
mod containers;
mod cost;
mod ends;
mod failing;
mod harness;
mod mounts;
mod network;
mod recipes;
mod reports;
mod root;
mod status;
mod vm;

use libtest_mimic::{Completion, Failed, Trial};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

/// Declares a module's tests.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn tests() -> Vec<$crate::boot::Test> {
            vec![$($crate::boot::Test { module: module_path!(), name: stringify!($name), body: $name }),*]
        }
    };
}
use tests;

/// One test.
pub struct Test {
    pub module: &'static str,
    pub name: &'static str,
    pub body: fn(),
}

pub fn trials() -> Vec<Trial> {
    let tests = [
        cost::tests(),
        harness::tests(),
        mounts::tests(),
        console::tests(),
        command::tests(),
        status::tests(),
        ends::tests(),
        failing::tests(),
        containers::tests(),
        root::tests(),
        network::tests(),
        reports::tests(),
        recipes::tests(),
    ];
    panic::set_hook(Box::new(|info| FAILED_AT.set(info.location().map(ToString::to_string))));
    tests.into_iter().flatten().map(Test::trial).collect()
}

impl Test {
    fn trial(self) -> Trial {
        let module = self.module.rsplit("::").next().unwrap_or(self.module);
        Trial::ignorable_test(format!("boot::{module}::{}", self.name), move || outcome_of(self.body))
    }
}

/// What `skip` unwinds with.
struct Skip(String);

thread_local! {
    static FAILED_AT: Cell<Option<String>> = const { Cell::new(None) };
}

/// Ends a test that cannot be run here.
pub fn skip(reason: &str) -> ! {
    panic::resume_unwind(Box::new(Skip(reason.to_string())))
}

/// How a test ended: it came to its end, or `skip`, or a failure, with its place.
pub fn outcome_of(body: impl FnOnce()) -> Result<Completion, Failed> {
    let Err(payload) = panic::catch_unwind(AssertUnwindSafe(body)) else { return Ok(Completion::Completed) };
    if let Some(Skip(reason)) = payload.downcast_ref() {
        return Ok(Completion::ignored_with(reason));
    }
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
    Err(format!("at {}\n{text}", FAILED_AT.take().unwrap_or_default()).into())
}
