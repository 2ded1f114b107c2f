//! What an overlay is made of beyond a directory of the host and memory: a file system image below, a directory that keeps the
//! writes above.
//!
//! A mounted image is parsed by the kernel itself, which is only as safe as its file system's code: whoever mounts a stranger's
//! image trusts that code with it. Nothing is mounted but what the image is known for, and what an image may ask for by
//! itself, such as a panic at the first error (tune2fs(8), `-e`), is overruled.

use super::{Draft, Step};
use crate::host::image::{Format, Image};
use crate::host::{Host, Ids};
use crate::spec::Spec;
use crate::sys::{Arena, Word, word};
use crate::text::sentence::Sentence;
use crate::text::{decimal, t};

/// A step for such a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer<'p> {
    /// Makes the directory if only that is missing, and locks it: what two overlays write to one directory is undefined.
    Lock { directory: Word<'p> },
    /// In place of the scratch; with the owners on the disk that the image has, whatever the container's ids are.
    Bind { directory: Word<'p>, idmapped: bool },
    /// What is made on an idmapped mount is someone's whom it shows: for a while the launcher is the container's root to the
    /// file system, and then himself again.
    ActAs { uid: u32, gid: u32 },
    /// The image becomes a tree, which is the lower layer in its place. The loop device is free again when its last user is
    /// gone, however that one ends.
    Image { path: Word<'p>, format: Format },
}

impl<'p> Layer<'p> {
    #[inline(never)]
    pub const fn sentence(&self) -> Sentence {
        match self {
            Self::Lock { .. } => t!("lock %, which keeps the writes"),
            Self::Bind { .. } => t!("bind %, which takes the writes%"),
            Self::ActAs { .. } => t!("act on files as user % and group %"),
            Self::Image { .. } => t!("mount the image %: % %, from a free loop device"),
        }
    }

    #[inline(never)]
    pub fn words<'m>(&self, arena: &'m Arena) -> [Word<'m>; 3]
    where
        'p: 'm,
    {
        match *self {
            Self::Lock { directory } => [directory, Word::default(), Word::default()],
            Self::Bind { directory, idmapped } => {
                [directory, if idmapped { word(c", idmapped") } else { Word::default() }, Word::default()]
            }
            Self::ActAs { uid, gid } => [decimal(arena, uid.into()), decimal(arena, gid.into()), Word::default()],
            Self::Image { path, format } => {
                let [kind, options, _] = *format.words();
                [path, kind, options]
            }
        }
    }
}

/// What takes the writes.
pub fn scratch<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host) {
    let Some(directory) = spec.kept() else { return draft.must(Step::Scratch) };
    let idmapped = host.is_shifted();
    draft.must(Step::Layer(Layer::Bind { directory, idmapped }));
    if let Ids::Unused(id) = host.ids {
        draft.must(Step::Layer(Layer::ActAs { uid: id, gid: id }));
    }
}

/// What is due when the overlays are made.
pub fn detach_scratch(draft: &mut Draft, spec: &Spec, host: &Host) {
    let acts = spec.kept().is_some() && host.is_shifted();
    draft.when(acts, Step::Layer(Layer::ActAs { uid: host.uid, gid: host.gid }));
    draft.must(Step::DetachScratch);
}

/// The image, if the lower layer is one.
pub fn image<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>) {
    if let Some(Image { format, .. }) = host.image {
        draft.must(Step::Layer(Layer::Image { path: spec.rootfs, format }));
    }
}
