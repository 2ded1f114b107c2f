//! Modules of the kernel (finit_module(2)).

use super::{At, Result, Word, errno::done, number};

/// linux/module.h: the kernel decompresses the file itself (Linux 5.17, if it was built to).
const MODULE_INIT_COMPRESSED_FILE: u32 = 4;

/// finit_module(2): loads the module in a file, with parameters as insmod(8) takes them. EEXIST if it is loaded already.
pub fn finit_module(file: At, parameters: Word, is_compressed: bool) -> Result<()> {
    let flags = if is_compressed { MODULE_INIT_COMPRESSED_FILE } else { 0 };
    // SAFETY: `parameters` is NUL-terminated and outlives the call; the kernel reads the file itself.
    done(unsafe { sc::syscall!(FINIT_MODULE, number(file.number()), parameters.as_ptr(), flags) })
}
