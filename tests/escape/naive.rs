//! A container runner as one writes it first: it looks, mounts and reads by path. What leads it out is a trap, and a test that sets
//! one can fail.

use crate::support::{Folder, Who};

/// Mounts something of the same kind on a path, which comes to lie outside. The third descriptor is one of the runner's own.
pub const MOUNTS: &str = "exec 3</; if [ -d \"$1\" ]; then source=/; else source=/etc/hostname; fi; \
    mount --bind \"$source\" \"$1\" && ! tail -n 1 /proc/self/mountinfo | grep -F \" $2\"";

/// It is led out: this script of its, run by root in a mount namespace of its own with a path in an image and the image, ends well.
/// Where root does not run the tests there is nobody whom every trap can lead out.
#[track_caller]
pub fn is_led_out(who: &Who, image: &Folder, path: &str, script: &str) {
    let point = image.join(path).display().to_string();
    if rustix::process::geteuid().is_root() {
        let words = ["--mount", "sh", "-c", script, "sh", &point, image.str()];
        who.caller(true).program("unshare", &words).run().exited(0);
    }
}
