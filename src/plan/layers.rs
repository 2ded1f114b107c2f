//! What an overlay is made of beyond a directory of the host and memory: a file system image below, a directory that keeps the
//! writes above.
//!
//! A mounted image is parsed by the kernel itself, which is only as safe as its file system's code: whoever mounts a stranger's
//! image trusts that code with it. Nothing is mounted but what the image is known for, and what an image may ask for by
//! itself, such as a panic at the first error (tune2fs(8), `-e`), is overruled.

use super::{Draft, Step};
use crate::host::Host;
use crate::host::image::{Format, Image};
use crate::spec::Spec;
use crate::sys::Word;
use crate::text::sentence::Sentence;
use crate::text::t;

/// A step for such a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer<'p> {
    /// Makes the directory if only that is missing, and locks it: what two overlays write to one directory is undefined.
    Lock { directory: Word<'p> },
    /// In place of the scratch.
    Bind { directory: Word<'p> },
    /// The image becomes a tree, which is the lower layer in its place. The loop device is free again when its last user is
    /// gone, however that one ends.
    Image { path: Word<'p>, format: Format },
}

impl<'p> Layer<'p> {
    #[inline(never)]
    pub const fn sentence(&self) -> Sentence {
        match self {
            Self::Lock { .. } => t!("lock %, which keeps the writes"),
            Self::Bind { .. } => t!("bind %, which takes the writes"),
            Self::Image { .. } => t!("mount the image %: % %, from a free loop device"),
        }
    }

    #[inline(never)]
    pub fn words<'m>(&self) -> [Word<'m>; 3]
    where
        'p: 'm,
    {
        match *self {
            Self::Lock { directory } | Self::Bind { directory } => [directory, Word::default(), Word::default()],
            Self::Image { path, format } => {
                let [kind, options, _] = *format.words();
                [path, kind, options]
            }
        }
    }
}

/// What takes the writes.
pub fn scratch<'p>(spec: &Spec<'p>) -> Step<'p> {
    spec.kept().map_or(Step::Scratch, |directory| Step::Layer(Layer::Bind { directory }))
}

/// The image, if the lower layer is one.
pub fn image<'p>(draft: &mut Draft<'p>, spec: &Spec<'p>, host: &Host<'p>) {
    if let Some(Image { format, .. }) = host.image {
        draft.must(Step::Layer(Layer::Image { path: spec.rootfs, format }));
    }
}
