//! Carries out the steps for devices: nodes of the container's own, and the rules of its control group.

use super::Carrier;
use crate::plan::{DeviceStep, Make, Place, Rule, Tree, device_program};
use crate::sys::file::{self, Open};
use crate::sys::{Arena, At, Result, bpf, mount, word};
use crate::text::{Text, decimal};

impl Carrier<'_> {
    /// Does what such a step says.
    #[inline(never)]
    pub(super) fn carry_out_devices(&mut self, step: DeviceStep) -> Result<()> {
        match step {
            DeviceStep::HandOver { nodes, attributes } => {
                let tree = self.new_tmpfs()?;
                for (number, node) in nodes.iter().enumerate() {
                    let name = decimal(self.arena, number as u64);
                    file::make_device(tree.at(), name, node.is_block, node.device)?;
                    file::fchownat(tree.at(), name, node.uid, node.gid)?;
                    // By itself, since mknod(2) heeds the caller's umask.
                    file::fchmodat(tree.at(), name, node.mode)?;
                }
                mount::mount_setattr(tree.at(), attributes, false)?;
                self.send_tree(tree.at())
            }
            DeviceStep::Bind { number, path, .. } => {
                let name = decimal(self.arena, number as u64);
                let tree = mount::open_tree(self.trees.get(Tree::Devices)?, name, false)?;
                self.attach(tree, Place { make: Some(Make::File), ..Place::in_root(path) })
            }
            // None: that it could not be made is told.
            DeviceStep::Allow { rules, site, unified } => {
                let arena = self.arena;
                self.cgroups().directory(site).map_or(Ok(()), |group| allow(arena, group, rules, unified))
            }
        }
    }
}

/// From now on a control group may use these devices and no others. `unified`: of version 2, where a program decides; else of
/// the controller `devices`, which has two files for it.
pub fn allow(arena: &Arena, group: At, rules: &[Rule], unified: bool) -> Result<()> {
    if unified {
        let program = bpf::load_device_program(device_program(arena, rules))?;
        return bpf::attach_device_program(group, program.at());
    }
    file::write_all(file::openat(group, word(c"devices.deny"), Open::WRITE)?.at(), b"a")?;
    let allowed = file::openat(group, word(c"devices.allow"), Open::WRITE)?;
    for rule in rules {
        // One line for each write.
        let mut line = Text::new(arena);
        rule.write(&mut line);
        file::write_all(allowed.at(), line.bytes())?;
    }
    Ok(())
}
