//! The steps of landlock.

use crate::plan::Landlock;
use crate::sys::{Result, sandbox};

/// Does what a step says.
pub fn carry_out(step: Landlock) -> Result<()> {
    match step {
        Landlock::Scope { scopes } => {
            let ruleset = sandbox::landlock_create_ruleset(0, scopes)?;
            sandbox::landlock_restrict_self(ruleset.at())
        }
    }
}
