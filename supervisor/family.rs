//! Who is below us, by proc(5), and their end.

use core::ffi::CStr;

use crate::{now, reap, sys};

/// Milliseconds the killed may take to be gone; a process that hangs in the kernel is not waited for.
const REAP: i64 = 5_000;
/// How far up a process is followed: a tree that is deeper is no tool's.
const DEPTH: usize = 1_000;

/// Kills all that is left below us. What is killed may have started more meanwhile, and its own orphans
/// become ours: again, until nobody is left.
pub fn kill_the_rest() {
    let until = now() + REAP;
    while now() < until {
        let killed = kill_below();
        reap(-1);
        if !killed {
            return;
        }
        // SAFETY: with no descriptors this only waits.
        unsafe { sys::poll(core::ptr::null_mut(), 0, 2) };
    }
}

/// Kills everybody below this process. Says whether there was anybody to kill.
fn kill_below() -> bool {
    // SAFETY: the folder is closed before its entries are forgotten; an entry lives until the next one, and
    // its name, which alone is looked at, ends with a null.
    unsafe {
        let us = sys::getpid();
        let mut found = false;
        let folder = sys::opendir(c"/proc".as_ptr());
        if folder.is_null() {
            return false;
        }
        loop {
            let entry = sys::readdir(folder);
            if entry.is_null() {
                break;
            }
            let name = CStr::from_ptr((&raw const (*entry).name).cast()).to_bytes();
            if let Some(pid) = number(name).filter(|pid| is_below(*pid, us)) {
                // It may have gone meanwhile, or not be ours to kill: no reason to look again.
                found |= sys::kill(pid, sys::SIGKILL) == 0;
            }
        }
        sys::closedir(folder);
        found
    }
}

fn is_below(pid: i32, us: i32) -> bool {
    let mut at = pid;
    for _ in 0..DEPTH {
        match parent_of(at) {
            Some(parent) if parent == us => return true,
            Some(parent) if parent > 1 => at = parent,
            _ => return false,
        }
    }
    false
}

/// By `/proc/<pid>/stat`: `pid (name) state parent …`. The name may hold anything, parentheses too.
fn parent_of(pid: i32) -> Option<i32> {
    let mut path = [0_u8; 32];
    let mut length = 0;
    let mut digits = [0; 10];
    for piece in [b"/proc/".as_slice(), decimal(pid, &mut digits), b"/stat\0"] {
        path.get_mut(length..length + piece.len())?.copy_from_slice(piece);
        length += piece.len();
    }
    let mut stat = [0_u8; 512];
    // SAFETY: the path ends with a null, and `stat` has room for what is asked for.
    let count = unsafe {
        let file = sys::open(path.as_ptr().cast(), sys::O_RDONLY | sys::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let count = sys::read(file, stat.as_mut_ptr(), stat.len());
        sys::close(file);
        count
    };
    let stat = stat.get(..usize::try_from(count).ok()?)?;
    let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
    // `) S 123 …`
    number(stat.get(name_ends + 4..)?.split(|byte| *byte == b' ').next()?)
}

fn decimal(number: i32, digits: &mut [u8; 10]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &digits[first..];
        }
    }
}

pub fn number(digits: &[u8]) -> Option<i32> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i32::from(byte - b'0'));
    let add = |sum: i32, byte| sum.checked_mul(10)?.checked_add(digit(byte)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}
