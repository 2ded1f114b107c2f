//! Carries the settings out.

use super::Carrier;
use crate::spec::{Set, Setting};
use crate::sys::process::{self, Limit, Pid};
use crate::sys::{Result, word};

impl Carrier<'_> {
    #[inline(never)]
    pub(super) fn set(&self, setting: &Setting) -> Result<()> {
        let own = Pid(0);
        let child = self.child.as_ref().map_or(own, |(child, _)| *child);
        match setting.what {
            Set::HardLimit { resource, hard } => {
                let limit = process::limit(resource)?;
                if hard <= limit.hard { Ok(()) } else { process::set_limit(own, resource, Limit { hard, ..limit }) }
            }
            Set::Limit { resource, limit } => process::set_limit(own, resource, limit),
            Set::OomScore => self.write_of_child(word(c"oom_score_adj"), setting.asked.bytes()),
            Set::Nice(nice) => process::set_nice(child, nice),
            Set::Affinity(processors) => process::set_affinity(child, processors),
            Set::Domainname => process::setdomainname(setting.asked),
            Set::Umask(mask) => {
                process::umask(mask);
                Ok(())
            }
        }
    }
}
