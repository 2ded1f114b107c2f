//! Modules of the kernel, with those that they need.

use crate::engine::Carrier;
use crate::host::modules;
use crate::host::rootfs::read_path;
use crate::sys::file::{self, Open};
use crate::sys::modules::finit_module;
use crate::sys::{Arena, At, Errno, List, Result, Word, word};
use crate::text::{Text, cut, path, t, text};

impl Carrier<'_> {
    /// Loads a module by its name, and what it needs before it; or the one in a file. What the kernel has is nothing to do.
    pub(super) fn load_module(&mut self, name: Word, parameters: &[Word]) -> Result<()> {
        if path::is_path(name.bytes()) {
            return self.load_file(name, parameters);
        }
        // The table of a whole distribution does not stay in memory.
        let arena = &Arena::new()?;
        let release = read_path(arena, word(c"/proc/sys/kernel/osrelease"), Open::READ)?;
        let folder = path::join(arena, b"/lib/modules", cut(release, b'\n').0);
        let read = |file: &[u8]| read_path(arena, path::join(arena, folder.bytes(), file), Open::READ);
        let mut files = List::new(arena);
        // Without a table the module is in none.
        let table = read(b"modules.dep").unwrap_or_default();
        if !modules::add_files(table, name.bytes(), &mut files) {
            if read(b"modules.builtin").is_ok_and(|list| modules::is_built_in(list, name.bytes())) {
                return Ok(());
            }
            self.detail = text(self.arena, t!("it is not in %/modules.dep, which depmod makes"), &[folder]);
            return Err(Errno::ENOENT);
        }
        files.iter().try_for_each(|file| self.load_file(path::join(arena, folder.bytes(), file), parameters))
    }

    fn load_file(&mut self, file: Word, parameters: &[Word]) -> Result<()> {
        let arena = self.arena;
        let name = modules::name(file.bytes());
        let mut own = Text::new(arena);
        own.add(b"/sys/module/");
        for letter in name {
            own.add(&[if *letter == b'-' { b'_' } else { *letter }]);
        }
        if file::fstatat(At::CWD, own.word()).is_ok() {
            return Ok(());
        }
        let is_compressed = modules::is_compressed(file.bytes());
        let values = values(arena, name, parameters);
        let loaded =
            file::openat(At::CWD, file, Open::READ).and_then(|module| finit_module(module.at(), values, is_compressed));
        let reason = match loaded {
            // Without /sys it was not seen.
            Ok(()) | Err(Errno::EEXIST) => return Ok(()),
            Err(Errno::ENOEXEC) => t!("% is for another kernel"),
            Err(Errno::EOPNOTSUPP | Errno::EINVAL) if is_compressed => {
                t!("% is compressed, and the kernel does not unpack it: put the plain .ko there")
            }
            Err(_) => t!("%"),
        };
        self.detail = text(arena, reason, &[file]);
        loaded
    }
}

/// What `NAME.parameter=value` says to the module of this name, as insmod(8) has it.
fn values<'m>(arena: &'m Arena, name: &[u8], parameters: &[Word]) -> Word<'m> {
    let mut values = Text::new(arena);
    for parameter in parameters {
        let (module, Some(given)) = cut(parameter.bytes(), b'.') else { continue };
        if !modules::is_same(module, name) {
            continue;
        }
        let (key, value) = cut(given, b'=');
        values.add(key);
        if let Some(value) = value {
            let quote: &[u8] = if value.contains(&b' ') { b"\"" } else { b"" };
            values.add(b"=").add(quote).add(value).add(quote);
        }
        values.add(b" ");
    }
    values.word()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_gets_its_own_parameters() {
        let arena = Arena::new().unwrap();
        let line =
            [c"aril.user=a", c"virtio-blk.num=2", c"virtio_blk.flag", c"x.y=1", c"virtio_blk.text=a b=c", c"plain"];
        let line = line.map(word);
        assert_eq!(values(&arena, b"virtio_blk", &line), word(c"num=2 flag text=\"a b=c\" "));
        assert_eq!(values(&arena, b"virtio", &line), word(c""));
    }
}
