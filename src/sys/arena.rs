//! The memory in which a launcher makes its Spec and its plan: one mapping, handed out upwards and given back whole.
//!
//! There is no allocator besides. What was made in an arena cannot outlive it, so a supervisor, which begins when the
//! arena has ended, has no memory of its own but its stack: the compiler sees to it.

#[cfg(not(feature = "boot"))]
use super::process;
use super::{Result, errno::check};
use core::alloc::Layout;
use core::cell::Cell;
use core::fmt::{Debug, Formatter};
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, align_of, size_of};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use linux_raw_sys::general as k;

/// Address space reserved; pages of it cost memory only once they are written. The largest file that is read into it is
/// a quarter of that.
const RESERVED: usize = if cfg!(miri) { 1 << 20 } else { 64 << 20 };

/// One mapping from which pieces are taken, never to be given back alone.
#[derive(Debug)]
pub struct Arena {
    base: NonNull<u8>,
    /// Bytes handed out.
    used: Cell<usize>,
}

impl Arena {
    /// mmap(2).
    #[cfg(not(miri))]
    pub fn new() -> Result<Self> {
        let protection = k::PROT_READ | k::PROT_WRITE;
        // MAP_STACK means nothing to Linux but, since 6.7, no huge pages. Where these are given unasked, as Debian's kernels do, the
        // first byte would cost 2 MiB that the kernel clears.
        let flags = k::MAP_PRIVATE | k::MAP_ANONYMOUS | k::MAP_NORESERVE | k::MAP_STACK;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice overlaps nothing.
        let base = check(unsafe { sc::syscall!(MMAP, 0, RESERVED, protection, flags, -1isize, 0) })?;
        // SAFETY: the kernel maps nothing at 0 unless told to.
        Ok(Self { base: unsafe { NonNull::new_unchecked(base as *mut u8) }, used: Cell::new(0) })
    }

    /// The same where no system call can be made: Miri, which interprets, knows mmap(2) by its C function alone.
    #[cfg(miri)]
    pub fn new() -> Result<Self> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice overlaps nothing.
        let base = unsafe { libc::mmap(core::ptr::null_mut(), RESERVED, protection, flags, -1, 0) };
        check(base as usize)?;
        // SAFETY: what is no error is an address that is not 0.
        Ok(Self { base: unsafe { NonNull::new_unchecked(base.cast()) }, used: Cell::new(0) })
    }

    /// An arena for as long as the process lives, which lies in its own mapping.
    pub fn forever() -> Result<&'static Self> {
        let arena = ManuallyDrop::new(Self::new()?);
        let place = arena.base.cast::<Self>();
        // SAFETY: the mapping is large enough, aligned to a page, and nobody else's: it is never given back, because the only
        // owner of it that would is not dropped. The block at its start is marked as used.
        unsafe {
            place.write(Self { base: arena.base, used: Cell::new(size_of::<Self>()) });
            Ok(place.as_ref())
        }
    }

    /// Keeps a value, which is never dropped.
    #[inline(never)]
    pub fn hold<T>(&self, value: T) -> &T {
        // The mapping itself is aligned to a page.
        const { assert!(align_of::<T>() <= 4096) };
        let (block, _) = self.grow(NonNull::dangling(), 0, size_of::<T>(), align_of::<T>());
        let place = block.cast::<T>();
        // SAFETY: the block is new, large enough and aligned, and stays as long as the arena is borrowed.
        unsafe {
            place.write(value);
            place.as_ref()
        }
    }

    /// Makes the block of `old` bytes at `block` one of at least `wanted` bytes, in its place if it is the newest: that is
    /// how a list is filled. Gives its address and its size.
    ///
    /// Nobody can go on without memory, and nothing of what an arena is for comes near its size: the process ends.
    #[inline(never)]
    fn grow(&self, block: NonNull<u8>, old: usize, wanted: usize, align: usize) -> (NonNull<u8>, usize) {
        const SMALLEST: usize = 32;
        let used = self.used.get();
        let is_newest = old != 0 && block.as_ptr() as usize + old == self.base.as_ptr() as usize + used;
        let size = wanted.max(2 * old).max(SMALLEST);
        let start = if is_newest { used - old } else { (used + align - 1) & !(align - 1) };
        if wanted > RESERVED / 2 || start + size > RESERVED {
            exhausted();
        }
        self.used.set(start + size);
        // SAFETY: `start + size` lies in the mapping, as just checked.
        let new = unsafe { self.base.add(start) };
        if !is_newest && old != 0 {
            // SAFETY: the new block is at least as large as the old one, and disjoint from it.
            unsafe { core::ptr::copy_nonoverlapping(block.as_ptr(), new.as_ptr(), old) };
        }
        (new, size)
    }
}

/// As any state that cannot be: the first process of a machine has something to do then.
#[cold]
fn exhausted() -> ! {
    #[cfg(feature = "boot")]
    panic!();
    #[cfg(not(feature = "boot"))]
    process::abort()
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: whatever was taken from the arena borrows it, so nothing of it is left. The mapping is ours whole, so that
        // the call cannot fail.
        #[cfg(not(miri))]
        unsafe {
            sc::syscall!(MUNMAP, self.base.as_ptr(), RESERVED)
        };
        // SAFETY: likewise.
        #[cfg(miri)]
        unsafe {
            libc::munmap(self.base.as_ptr().cast(), RESERVED)
        };
    }
}

/// A growing list in an arena. Its items are never dropped.
pub struct List<'m, T> {
    block: Block<'m>,
    items: PhantomData<&'m mut [T]>,
}

/// The memory of a list, whatever is in it: in this way growing is compiled once.
#[derive(Debug)]
struct Block<'m> {
    arena: &'m Arena,
    start: NonNull<u8>,
    /// Items that are there, and bytes for them. An arena is smaller than 4 GiB.
    count: u32,
    size: u32,
}

impl Block<'_> {
    /// Room behind the last item, for `more`, which are there or at most as many bytes as an arena has.
    #[inline(never)]
    fn reserve(&mut self, more: usize, item: Layout) -> NonNull<u8> {
        let used = self.count as usize * item.size();
        let wanted = used + more * item.size();
        if wanted > self.size as usize {
            return self.grow(used, wanted, item.align());
        }
        // SAFETY: the block has more bytes than are used.
        unsafe { self.start.add(used) }
    }

    /// Room behind the used bytes.
    #[inline(never)]
    fn grow(&mut self, used: usize, wanted: usize, align: usize) -> NonNull<u8> {
        let (start, size) = self.arena.grow(self.start, self.size as usize, wanted, align);
        (self.start, self.size) = (start, size as u32);
        // SAFETY: as above.
        unsafe { start.add(used) }
    }

    /// Copies items behind the last.
    ///
    /// # Safety
    /// There are that many at `items`, outside of this block.
    #[inline(never)]
    unsafe fn append(&mut self, items: *const u8, more: usize, item: Layout) {
        let place = self.reserve(more, item);
        // SAFETY: by the contract, and there is room at `place`.
        unsafe { core::ptr::copy_nonoverlapping(items, place.as_ptr(), more * item.size()) };
        self.count += more as u32;
    }
}

impl<'m, T> List<'m, T> {
    /// An empty list, which takes no memory yet.
    pub const fn new(arena: &'m Arena) -> Self {
        Self { block: Block { arena, start: NonNull::<T>::dangling().cast(), count: 0, size: 0 }, items: PhantomData }
    }

    /// Where it grows.
    pub const fn arena(&self) -> &'m Arena {
        self.block.arena
    }

    /// An empty list with room for so many: one that grows while others do has to move.
    pub fn with_room(arena: &'m Arena, items: usize) -> Self {
        let mut list = Self::new(arena);
        list.block.reserve(items, Layout::new::<T>());
        list
    }

    pub fn push(&mut self, item: T) {
        let item = ManuallyDrop::new(item);
        // SAFETY: the item is moved: its bytes are copied, and it is not used again.
        unsafe { self.block.append((&raw const item).cast(), 1, Layout::new::<T>()) };
    }

    /// The same where there are many: it is made in its place.
    #[inline(always)]
    pub fn push_many(&mut self, item: T) {
        let place = self.block.reserve(1, Layout::new::<T>()).cast::<T>();
        // SAFETY: there is room for one more, aligned as the items before it.
        unsafe { place.write(item) };
        self.block.count += 1;
    }

    /// Takes the last item off.
    pub fn pop(&mut self) -> Option<T> {
        self.block.count = self.block.count.checked_sub(1)?;
        // SAFETY: the item was the last, and the list does not have it any more.
        Some(unsafe { self.block.start.cast::<T>().add(self.count()).read() })
    }

    /// The whole list, which does not grow any more.
    pub fn finish(self) -> &'m mut [T] {
        // SAFETY: the items are there, in memory that is this list's alone as long as the arena lives.
        unsafe { core::slice::from_raw_parts_mut(self.block.start.cast().as_ptr(), self.count()) }
    }

    const fn count(&self) -> usize {
        self.block.count as usize
    }
}

impl<T: Copy> List<'_, T> {
    pub fn extend(&mut self, items: &[T]) {
        // SAFETY: `items` lies outside of this list's memory, since the list is borrowed mutably.
        unsafe { self.block.append(items.as_ptr().cast(), items.len(), Layout::new::<T>()) };
    }
}

impl List<'_, u8> {
    /// Room for at least `more` bytes behind the last, to be filled by `fill`, which says how many it has written.
    pub fn fill<E>(
        &mut self,
        more: usize,
        fill: impl FnOnce(&mut [u8]) -> core::result::Result<usize, E>,
    ) -> core::result::Result<usize, E> {
        let more = more.min(RESERVED);
        let place = self.block.reserve(more, Layout::new::<u8>());
        // SAFETY: the bytes are there, and the kernel gave them as zeros or an earlier user left them: any value is a `u8`.
        let room = unsafe { core::slice::from_raw_parts_mut(place.as_ptr(), more) };
        let count = fill(room)?.min(more);
        self.block.count += count as u32;
        Ok(count)
    }

    /// Gives back the room that is left, if it is the arena's newest: each page of it costs the kernel a fault once it is used.
    #[inline(never)]
    pub fn trim(&mut self) {
        let Block { arena, start, count, size } = &mut self.block;
        if *size == 0 {
            return;
        }
        let end = start.as_ptr() as usize + *size as usize - arena.base.as_ptr() as usize;
        if end == arena.used.get() {
            arena.used.set(end - (*size - *count) as usize);
            *size = *count;
        }
    }
}

impl<T> Deref for List<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the items are there.
        unsafe { core::slice::from_raw_parts(self.block.start.cast().as_ptr(), self.count()) }
    }
}

impl<T: Debug> Debug for List<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T> DerefMut for List<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: the items are there, and this list is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.block.start.cast().as_ptr(), self.count()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_list_grows_where_it_is_and_others_move() {
        let arena = Arena::new().unwrap();
        let mut first: List<u64> = List::new(&arena);
        first.push(1);
        let before = first.as_ptr();
        for number in 2..100 {
            first.push(number);
        }
        assert_eq!(first.as_ptr(), before);
        let mut second: List<u8> = List::new(&arena);
        second.extend(b"abc");
        for number in 100..1000 {
            first.push(number);
        }
        assert_ne!(first.as_ptr(), before);
        assert!(first.iter().copied().eq(1..1000));
        assert_eq!(&second[..], b"abc");
        assert_eq!(second.pop(), Some(b'c'));
        assert_eq!(second.finish(), b"ab");
    }

    #[test]
    fn one_that_lasts_keeps_itself() {
        let arena = Arena::forever().unwrap();
        let kept: &'static [u64] = {
            let mut list = List::new(arena);
            (0..1000).for_each(|number| list.push(number));
            list.finish()
        };
        assert!(kept.iter().copied().eq(0..1000));
        assert_eq!(*arena.hold(7u64), 7);
    }

    #[test]
    fn items_are_aligned_behind_bytes() {
        let arena = Arena::new().unwrap();
        let mut bytes: List<u8> = List::new(&arena);
        bytes.extend(&[1; 33]);
        assert_eq!(*arena.hold(7u64), 7);
        assert_eq!(core::ptr::from_ref(arena.hold(7u64)) as usize % 8, 0);
        assert_eq!(bytes.finish(), [1; 33]);
    }

    #[test]
    fn a_list_is_filled_from_outside() {
        let arena = Arena::new().unwrap();
        let mut bytes: List<u8> = List::new(&arena);
        let count = bytes.fill(10, |room| {
            room[..3].copy_from_slice(b"xyz");
            Ok::<_, ()>(3)
        });
        assert_eq!((count, &bytes[..]), (Ok(3), &b"xyz"[..]));
        assert_eq!(bytes.fill(10, |_| Err(())), Err(()));
        assert_eq!(&bytes[..], b"xyz");
    }

    #[test]
    fn room_that_is_left_is_the_next_one_s() {
        let arena = Arena::new().unwrap();
        let mut bytes: List<u8> = List::new(&arena);
        let fill = |room: &mut [u8]| {
            room.fill(b'x');
            Ok::<_, ()>(3)
        };
        assert_eq!(bytes.fill(4096, fill), Ok(3));
        let start = bytes.as_ptr();
        bytes.trim();
        assert_eq!(core::ptr::from_ref(arena.hold(7u8)), start.wrapping_add(3));
        // It is not the newest any more, and not taken from it.
        bytes.trim();
        assert_eq!(bytes.fill(2, fill), Ok(2));
        assert_eq!(*arena.hold(8u8), 8);
        assert_eq!(bytes.finish(), b"xxxxx");
    }
}
