//! How the root file system becomes `/`.
//!
//! Whatever the root is, it ends as one mount on top of `/`, in which the rest is mounted; then it takes the old root's place.

use super::{Draft, Fate, Make, Step, Tree};
use crate::host::view::How;
use crate::host::{Host, Piece};
use crate::spec::{ChangeRoot, Spec};
use crate::sys::Errno;
use crate::sys::file::Kind;
use crate::sys::mount::Attributes;

/// What the root is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    /// The directory itself.
    Bind,
    /// An overlay of it.
    Overlay,
    /// Overlays of this machine's directories.
    View,
    /// The directory, entered by chroot(2).
    Chroot,
    /// The host's.
    Host,
}

impl Root {
    /// `lacks`: something is to be mounted for which the image has no mount point.
    pub fn of(spec: &Spec, _host: &Host, lacks: bool) -> Self {
        match spec.change_root {
            ChangeRoot::None => Self::Host,
            ChangeRoot::Chroot => Self::Chroot,
            ChangeRoot::Pivot if spec.is_view() => Self::View,
            ChangeRoot::Pivot if spec.overlay || spec.read_only && lacks => Self::Overlay,
            ChangeRoot::Pivot => Self::Bind,
        }
    }

    /// Whether writes go to a tmpfs.
    pub const fn has_scratch(self) -> bool {
        matches!(self, Self::Overlay | Self::View)
    }

    /// Someone privileged makes the overlays before the clone: `/` with locked mounts below it is refused as a lower layer
    /// in a user namespace, and only outside of one can replaced directories be marked in every kernel.
    ///
    /// The launcher does so in a mount namespace of its own, because before Linux 6.15 an upper layer must be attached.
    pub fn prepare<'p>(self, draft: &mut Draft<'p>, spec: &'p Spec, host: &'p Host) {
        if self.has_scratch() && host.overlays_outside() {
            draft.must(Step::UnshareMounts);
            draft.must(Step::Scratch);
            self.overlays(draft, spec, host, false);
        }
    }

    /// One overlay of the directory, or one for each of the machine's file systems.
    fn overlays<'p>(self, draft: &mut Draft<'p>, spec: &'p Spec, host: &'p Host, user_attributes: bool) {
        if self == Self::Overlay {
            return draft.must(Step::Overlay { lower: spec.rootfs, number: 0, user_attributes });
        }
        for (number, piece) in overlaid(host) {
            draft.must(Step::Overlay { lower: &piece.path, number, user_attributes });
        }
    }

    /// Puts the root on top of `/`. `used`: something is mounted in it later.
    pub fn begin<'p>(self, draft: &mut Draft<'p>, spec: &'p Spec, host: &'p Host, used: bool) {
        match self {
            Self::Bind => {
                let attributes = if spec.read_only { Attributes::RDONLY } else { Attributes::NONE };
                draft.must(Step::BindRoot { path: spec.rootfs, attributes });
            }
            Self::Overlay => {
                if !host.overlays_outside() {
                    draft.must(Step::Scratch);
                    self.overlays(draft, spec, host, true);
                }
                draft.must(Step::AttachRoot { number: 0 });
            }
            Self::View if host.overlays_outside() => {
                draft.must(Step::AttachRoot { number: 0 });
                for (number, piece) in overlaid(host).skip(1) {
                    draft.must(Step::AttachOverlay { number, path: &piece.path });
                }
                let bound = |piece: &&Piece| matches!(piece.how, How::Bind(_));
                host.view.iter().filter(bound).for_each(|piece| show(draft, piece));
            }
            Self::View => {
                draft.must(Step::Scratch);
                draft.must(Step::EmptyRoot);
                for piece in Spec::FRESH.iter().chain(&[c"/proc", c"/sys", c"/dev"]) {
                    draft.must(Step::MakeInRoot { target: piece, make: Make::Directory });
                }
                let mut number = 0;
                for piece in &host.view {
                    if piece.how == How::Overlay {
                        let path = &piece.path;
                        draft.must(Step::Overlay { lower: path, number, user_attributes: true });
                        draft.must(Step::MakeInRoot { target: path, make: Make::Directory });
                        draft.must(Step::AttachOverlay { number, path });
                        number += 1;
                    } else {
                        show(draft, piece);
                    }
                }
            }
            Self::Chroot | Self::Host => draft.when(used, Step::OpenRoot { path: spec.rootfs }),
        }
    }

    /// Moves the root.
    pub fn end<'p>(self, draft: &mut Draft<'p>, spec: &'p Spec) {
        match self {
            Self::Bind | Self::Overlay | Self::View => {
                // EINVAL: the old root is an initramfs, or no mount, as in a chroot.
                draft.add(Fate::Try(&[Errno::EINVAL]), Step::PivotRoot);
                draft.add(Fate::Instead, Step::EnterRoot);
            }
            Self::Chroot => draft.must(Step::ChrootTo { path: spec.rootfs }),
            Self::Host => {}
        }
    }
}

fn overlaid<'p>(host: &'p Host) -> impl Iterator<Item = (u16, &'p Piece)> {
    (0..).zip(host.view.iter().filter(|piece| piece.how == How::Overlay))
}

/// A part that is no overlay.
fn show<'p>(draft: &mut Draft<'p>, piece: &'p Piece) {
    match &piece.how {
        How::Overlay => {}
        How::Directory => draft.must(Step::MakeInRoot { target: &piece.path, make: Make::Directory }),
        How::Link(target) => draft.must(Step::Link { target, path: &piece.path }),
        How::Bind(kind) => {
            let make = Some(if *kind == Kind::Directory { Make::Directory } else { Make::File });
            let (source, path, at) = (&piece.path, &piece.path, Tree::Root);
            draft.must(Step::Bind { source, attributes: Attributes::RDONLY, keep: None, at, path, make });
        }
    }
}
