//! The memory in which a launcher makes its Spec and its plan: one mapping, handed out upwards, and taken back whole once
//! everything in it has been dropped.
//!
//! A running supervisor has no heap: when it begins, `trim` gives the pages back to the kernel.

use super::{Result, errno::check};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use linux_raw_sys::general as k;

/// Address space reserved; pages of it cost memory only once they are written.
const RESERVED: usize = 64 << 20;

/// A bump allocator for one thread.
#[derive(Debug)]
pub struct Heap {
    /// Address of the mapping; 0 before the first use.
    base: AtomicUsize,
    /// Bytes handed out.
    used: AtomicUsize,
    /// Allocations that have not been freed. At 0 the heap begins anew.
    live: AtomicUsize,
}

impl Heap {
    pub const fn new() -> Self {
        Self { base: AtomicUsize::new(0), used: AtomicUsize::new(0), live: AtomicUsize::new(0) }
    }

    /// Gives the pages back to the kernel, if nothing lives in them.
    pub fn trim(&self) -> Result<()> {
        let base = self.base.load(Relaxed);
        if base == 0 || self.live.load(Relaxed) != 0 {
            return Ok(());
        }
        // SAFETY: no allocation is live, so nothing reads these pages before writing them again.
        check(unsafe { sc::syscall!(MADVISE, base, RESERVED, k::MADV_DONTNEED) }).map(drop)
    }

    fn base(&self) -> Option<usize> {
        let base = self.base.load(Relaxed);
        if base != 0 {
            return Some(base);
        }
        let protection = k::PROT_READ | k::PROT_WRITE;
        let flags = k::MAP_PRIVATE | k::MAP_ANONYMOUS | k::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice overlaps nothing.
        let base = check(unsafe { sc::syscall!(MMAP, 0, RESERVED, protection, flags, -1isize, 0) }).ok()?;
        self.base.store(base, Relaxed);
        Some(base)
    }
}

// SAFETY: blocks are disjoint parts of one mapping: `used` only grows while anything is live, and goes back to 0 only when
// every block has been freed. There is one thread; a vfork-like child runs only while its parent does not.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(base) = self.base() else { return null_mut() };
        let start = self.used.load(Relaxed).next_multiple_of(layout.align());
        let Some(end) = start.checked_add(layout.size()).filter(|end| *end <= RESERVED) else { return null_mut() };
        self.used.store(end, Relaxed);
        self.live.store(self.live.load(Relaxed) + 1, Relaxed);
        (base + start) as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let live = self.live.load(Relaxed) - 1;
        self.live.store(live, Relaxed);
        let start = block as usize - self.base.load(Relaxed);
        if live == 0 {
            self.used.store(0, Relaxed);
        } else if start + layout.size() == self.used.load(Relaxed) {
            self.used.store(start, Relaxed);
        }
    }

    /// The newest block grows where it is: that is how a `Vec` or a `String` is filled.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = block as usize - self.base.load(Relaxed);
        if start + layout.size() == self.used.load(Relaxed) && start + size <= RESERVED {
            self.used.store(start + size, Relaxed);
            return block;
        }
        // SAFETY: the size is not zero (contract of realloc); the new block is disjoint from the old one, and the smaller
        // of both sizes is copied.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                core::ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

/// The allocator of a binary that never allocates.
#[derive(Debug)]
pub struct NoHeap;

// SAFETY: it hands out nothing.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_disjoint_grow_in_place_and_the_heap_begins_anew_when_all_are_freed() {
        let heap = Heap::new();
        let layout = Layout::from_size_align(24, 8).unwrap();
        // SAFETY: each block is used within its size and freed once with its layout.
        unsafe {
            let first = heap.alloc(layout);
            let second = heap.alloc(layout);
            assert!(second as usize >= first as usize + 24);
            first.write_bytes(1, 24);
            assert_eq!(heap.realloc(second, layout, 100), second, "the newest grows where it is");
            let moved = heap.realloc(first, layout, 48);
            assert_ne!(moved, first);
            assert_eq!(*moved.add(23), 1);
            heap.trim().unwrap();
            assert_eq!(*moved, 1, "nothing is given back while something lives");
            heap.dealloc(moved, Layout::from_size_align(48, 8).unwrap());
            heap.dealloc(second, Layout::from_size_align(100, 8).unwrap());
            heap.trim().unwrap();
            assert_eq!(heap.alloc(layout), first);
        }
    }
}
