//! How the root file system becomes `/`.
//!
//! Whatever the root is, it ends as one mount on top of `/`, in which the rest is mounted; then it takes the old root's place.

#[cfg(feature = "full")]
use super::ids::IdStep;
#[cfg(feature = "full")]
use super::layers;
use super::{Draft, Fate, Make, On, Place, Step};
use crate::host::view::{How, OWN};
use crate::host::{Host, Piece};
use crate::spec::{ChangeRoot, Namespace, Overlay, Spec};
#[cfg(feature = "full")]
use crate::sys::Arena;
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
    pub fn of(spec: &Spec, host: &Host, lacks: bool) -> Self {
        match spec.change_root {
            ChangeRoot::None => Self::Host,
            ChangeRoot::Chroot => Self::Chroot,
            ChangeRoot::Pivot if spec.is_view() => Self::View,
            ChangeRoot::Pivot
                if host.is_image() || !matches!(spec.overlay, Overlay::None) || spec.read_only && lacks =>
            {
                Self::Overlay
            }
            ChangeRoot::Pivot => Self::Bind,
        }
    }

    /// Whether writes go elsewhere.
    pub const fn has_scratch(self) -> bool {
        matches!(self, Self::Overlay | Self::View)
    }

    /// Someone privileged makes the overlays before the clone: `/` with locked mounts below it is refused as a lower layer
    /// in a user namespace, and only outside of one can replaced directories be marked in every kernel.
    ///
    /// The launcher does so in a mount namespace of its own, because before Linux 6.15 an upper layer must be attached.
    pub fn prepare<'p>(self, draft: &mut Draft<'p>, spec: &Spec<'p>, host: &'p Host<'p>) {
        if self.has_scratch() && host.overlays_outside() && !host.is_shifted() {
            draft.must(Step::UnshareMounts);
            self.overlays(draft, spec, host, false);
        }
    }

    /// Whether the launcher has it, where it opens what root inside perhaps may not: an overlay has been made already, unless
    /// it is to be idmapped.
    #[cfg(feature = "full")]
    pub fn is_handed(self, host: &Host) -> bool {
        self == Self::Bind || host.is_shifted()
    }

    /// What the launcher hands over, the root itself first.
    #[cfg(feature = "full")]
    fn pieces<'p>(self, arena: &'p Arena, spec: &Spec<'p>, host: &'p Host<'p>) -> &'p [Piece<'p>] {
        let how = match self {
            Self::View => return host.view,
            Self::Overlay => How::Overlay,
            _ => How::Bind(Kind::Directory),
        };
        core::slice::from_ref(arena.hold(Piece { path: spec.rootfs, how, seen: host.root }))
    }

    /// The launcher's part of that.
    #[cfg(feature = "full")]
    pub fn hand_over<'p>(self, draft: &mut Draft<'p>, spec: &Spec<'p>, host: &'p Host<'p>) {
        if self.has_scratch() {
            draft.must(Step::UnshareMounts);
            layers::scratch(draft, spec, host);
            layers::image(draft, spec, host);
        }
        for (number, Piece { path, how, seen }) in (0..).zip(self.pieces(draft.lines.arena(), spec, host)) {
            let attributes = if self == Self::Bind { attributes(spec) } else { SHOWN };
            let (attributes, overlay) = match how {
                How::Overlay => (Attributes::NODEV, Some(number)),
                _ => (attributes, None),
            };
            let (source, seen) = (*path, seen.as_ref());
            draft.ids(IdStep::HandOver { source, seen, attributes, idmapped: host.is_shifted(), overlay });
        }
        if self.has_scratch() {
            layers::detach_scratch(draft, spec, host);
        }
    }

    /// The new process's.
    #[cfg(feature = "full")]
    pub fn take<'p>(self, draft: &mut Draft<'p>, spec: &Spec<'p>, host: &'p Host<'p>) {
        for (number, Piece { path, .. }) in self.pieces(draft.lines.arena(), spec, host).iter().enumerate() {
            let place = (number > 0).then(|| Place::in_root(*path));
            draft.ids(IdStep::Take { source: *path, place });
        }
    }

    /// One overlay of the directory, or one for each part of the machine that can be a lower layer.
    fn overlays<'p>(self, draft: &mut Draft<'p>, spec: &Spec<'p>, host: &'p Host<'p>, user_attributes: bool) {
        #[cfg(feature = "full")]
        layers::scratch(draft, spec, host);
        #[cfg(not(feature = "full"))]
        draft.must(Step::Scratch);
        if self == Self::Overlay {
            #[cfg(feature = "full")]
            layers::image(draft, spec, host);
            let (lower, seen) = (spec.rootfs, host.root.as_ref());
            draft.must(Step::Overlay { lower, seen, number: 0, user_attributes, attributes: Attributes::NODEV });
        }
        for (number, Piece { path, seen, .. }) in overlaid(host) {
            let (lower, seen) = (*path, seen.as_ref());
            draft.must(Step::Overlay { lower, seen, number, user_attributes, attributes: Attributes::NODEV });
        }
        draft.must(Step::DetachScratch);
    }

    /// Puts the root on top of `/`. `used`: something is mounted in it later.
    pub fn begin<'p>(self, draft: &mut Draft<'p>, spec: &Spec<'p>, host: &'p Host<'p>, used: bool) {
        // A new user namespace is not to be had in one, and what is no mount point could not be made private.
        let pivots = !matches!(self, Self::Chroot | Self::Host);
        draft.when(pivots && !spec.is_private(Namespace::User), Step::RefuseChroot);
        if self.has_scratch() && !host.overlays_outside() {
            self.overlays(draft, spec, host, true);
        }
        match self {
            Self::Bind => {
                draft.must(Step::BindRoot { path: spec.rootfs, seen: host.root.as_ref(), attributes: attributes(spec) })
            }
            Self::Overlay => draft.must(Step::AttachRoot { number: 0 }),
            Self::View => show_all(draft, host),
            Self::Chroot => draft.must(Step::OpenRoot { path: spec.rootfs, seen: host.root.as_ref() }),
            Self::Host => draft.when(used, Step::OpenRoot { path: spec.rootfs, seen: None }),
        }
    }

    /// Moves the root.
    pub fn end<'p>(self, draft: &mut Draft<'p>, spec: &Spec<'p>) {
        match self {
            Self::Bind | Self::Overlay | Self::View => {
                // EINVAL: the old root is an initramfs.
                draft.add(Fate::Try(On::Invalid), Step::PivotRoot);
                draft.add(Fate::Instead, Step::EnterRoot);
            }
            Self::Chroot => draft.must(Step::ChrootTo { path: spec.rootfs }),
            Self::Host => {}
        }
    }
}

/// Device nodes of an image, or made inside, are nobody's way to the host's disks.
fn attributes(spec: &Spec) -> Attributes {
    let access = if spec.read_only { Attributes::RDONLY } else { Attributes::NONE };
    access.and(Attributes::NODEV)
}

/// Of what a view shows as it is.
const SHOWN: Attributes = Attributes::RDONLY.and(Attributes::NODEV);

fn overlaid<'p>(host: &'p Host<'p>) -> impl Iterator<Item = (u16, &'p Piece<'p>)> {
    (0..).zip(host.view.iter().filter(|piece| piece.how == How::Overlay))
}

/// Puts a view of this machine together. Where its `/` is no layer, the root is a tmpfs with what lies in it.
fn show_all<'p>(draft: &mut Draft<'p>, host: &'p Host<'p>) {
    let mut number = 0;
    if host.overlays_outside() {
        draft.must(Step::AttachRoot { number });
        number += 1;
    } else {
        draft.must(Step::EmptyRoot);
        for target in OWN {
            draft.must(Step::MakeInRoot { target, make: Make::Directory });
        }
    }
    for piece in host.view.get(usize::from(number)..).unwrap_or_default() {
        let path = piece.path;
        match piece.how {
            How::Overlay => {
                draft.when(!host.overlays_outside(), Step::MakeInRoot { target: path, make: Make::Directory });
                draft.must(Step::AttachOverlay { number, path });
                number += 1;
            }
            How::Directory => draft.must(Step::MakeInRoot { target: path, make: Make::Directory }),
            How::Link(target) => draft.must(Step::Link { target, path }),
            How::Bind(kind) => {
                let make = Some(if kind == Kind::Directory { Make::Directory } else { Make::File });
                let place = Place { make, ..Place::in_root(path) };
                draft.must(Step::Bind { source: path, seen: piece.seen.as_ref(), attributes: SHOWN, place });
            }
        }
    }
}
