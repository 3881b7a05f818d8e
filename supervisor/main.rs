//! Runs one program and sees to it that nothing the program started outlives us.
//!
//! OpenCode leaves its running `bash` tools behind on every signal, a process group misses what made its
//! own, and after SIGKILL of Node nobody is left there to act. So this small process stands in between:
//! it is the reaper of all orphans below it, and it sees Node's death, however it came, by the loss of
//! the reader of its standard output. It is built by `build.rs` and travels inside the addon, so it does
//! without the standard library, which is thirty times its size.
//!
//! `supervisor <null|inherit> <grace in ms> <file|-> <program> [argument…]`: what the program's standard
//! input is, how long it has between SIGTERM and SIGKILL, and a file to remove when all is over.

#![no_std]
#![no_main]

use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicI32, Ordering};

// The numbers and layouts below are those of these systems, and of no other that was looked at.
#[cfg(not(all(
    target_os = "linux",
    any(target_env = "gnu", target_env = "musl"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little",
)))]
compile_error!("the supervisor's system calls are written down for 64-bit Linux on x64 and arm64");

/// The system's calls, as 64-bit Linux has them.
mod sys {
    use core::ffi::c_char;

    #[repr(C)]
    pub struct PollFd {
        pub fd: i32,
        pub events: i16,
        pub revents: i16,
    }

    #[repr(C)]
    pub struct Time {
        pub seconds: i64,
        pub nanoseconds: i64,
    }

    /// The kernel writes only as much of `name` as is needed: never make a reference to a whole one.
    #[repr(C)]
    pub struct Entry {
        pub inode: u64,
        pub offset: i64,
        pub length: u16,
        pub kind: u8,
        pub name: [c_char; 256],
    }

    const _: () = assert!(size_of::<PollFd>() == 8 && size_of::<Time>() == 16);
    const _: () = assert!(core::mem::offset_of!(Entry, name) == 19);

    pub const SIGHUP: i32 = 1;
    pub const SIGINT: i32 = 2;
    pub const SIGQUIT: i32 = 3;
    pub const SIGKILL: i32 = 9;
    pub const SIGUSR1: i32 = 10;
    pub const SIGUSR2: i32 = 12;
    pub const SIGPIPE: i32 = 13;
    pub const SIGALRM: i32 = 14;
    pub const SIGTERM: i32 = 15;
    pub const SIGSTKFLT: i32 = 16;
    pub const SIGCHLD: i32 = 17;
    pub const SIGXCPU: i32 = 24;
    pub const SIGXFSZ: i32 = 25;
    pub const SIGVTALRM: i32 = 26;
    pub const SIGPROF: i32 = 27;
    pub const SIGIO: i32 = 29;
    pub const SIGPWR: i32 = 30;
    /// The first that both C libraries leave to programs, and the last.
    pub const SIGRTMIN: i32 = 35;
    pub const SIGRTMAX: i32 = 64;
    pub const SIG_ERR: usize = usize::MAX;
    pub const POLLIN: i16 = 1;
    pub const O_RDONLY: i32 = 0;
    pub const O_NONBLOCK: i32 = 0o4_000;
    pub const O_CLOEXEC: i32 = 0o2_000_000;
    pub const PR_SET_PDEATHSIG: i32 = 1;
    pub const PR_SET_CHILD_SUBREAPER: i32 = 36;
    pub const WNOHANG: i32 = 1;
    pub const CLOCK_MONOTONIC: i32 = 1;

    #[link(name = "c")]
    unsafe extern "C" {
        pub fn prctl(option: i32, argument: u64) -> i32;
        pub fn setsid() -> i32;
        pub fn getpid() -> i32;
        pub fn getppid() -> i32;
        pub fn fork() -> i32;
        pub fn execvp(program: *const c_char, words: *const *const c_char) -> i32;
        pub fn perror(what: *const c_char);
        pub fn _exit(code: i32) -> !;
        pub fn abort() -> !;
        pub fn kill(pid: i32, signal: i32) -> i32;
        pub fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
        pub fn poll(fds: *mut PollFd, count: u64, timeout: i32) -> i32;
        pub fn pipe2(fds: *mut i32, flags: i32) -> i32;
        pub fn signal(signal: i32, handler: extern "C" fn(i32)) -> usize;
        pub fn open(path: *const c_char, flags: i32, ...) -> i32;
        pub fn dup2(from: i32, to: i32) -> i32;
        pub fn read(fd: i32, bytes: *mut u8, count: usize) -> isize;
        pub fn write(fd: i32, bytes: *const u8, count: usize) -> isize;
        pub fn close(fd: i32) -> i32;
        pub fn unlink(path: *const c_char) -> i32;
        pub fn opendir(path: *const c_char) -> *mut u8;
        pub fn readdir(folder: *mut u8) -> *const Entry;
        pub fn closedir(folder: *mut u8) -> i32;
        pub fn clock_gettime(clock: i32, time: *mut Time) -> i32;
    }
}

/// Milliseconds the killed may take to be gone; a process that hangs in the kernel is not waited for.
const REAP: i64 = 5_000;
/// How far up a process is followed: a tree that is deeper is no tool's.
const DEPTH: usize = 1_000;

/// Where the signal handler says which signal came.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// What asks us to end. A child that ends is told as a signal too.
const ENDING: [i32; 4] = [sys::SIGHUP, sys::SIGINT, sys::SIGQUIT, sys::SIGTERM];

/// What would end us by default, and leave behind all that we look after. It means nothing to us.
const MEANINGLESS: [i32; 11] = [
    sys::SIGUSR1,
    sys::SIGUSR2,
    sys::SIGPIPE,
    sys::SIGALRM,
    sys::SIGSTKFLT,
    sys::SIGXCPU,
    sys::SIGXFSZ,
    sys::SIGVTALRM,
    sys::SIGPROF,
    sys::SIGIO,
    sys::SIGPWR,
];

extern "C" fn on_signal(signal: i32) {
    let signal = signal as u8;
    // SAFETY: write is async-signal-safe, and the byte outlives the call. A pipe that is full has told enough.
    unsafe { sys::write(BELL.load(Ordering::Relaxed), &raw const signal, 1) };
}

/// Not `SIG_IGN`: the program would inherit that.
extern "C" fn on_nothing(_: i32) {}

/// The compiler's own functions name it in musl's static library, and lld wants to see it; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[panic_handler]
fn on_panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: ends this process, and with it, by PR_SET_PDEATHSIG, the program.
    unsafe { sys::abort() }
}

/// # Safety
/// Called by the C runtime, with `count` words and a null behind them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: i32, words: *const *const c_char) -> i32 {
    if count < 5 {
        // SAFETY: a static string.
        unsafe { sys::write(2, c"supervisor: no program\n".as_ptr().cast(), 23) };
        return 127;
    }
    // SAFETY: there are five words at least, each ends with a null, and all live as long as we do.
    let word = |at: usize| unsafe { CStr::from_ptr(*words.add(at)) };
    let grace = number(word(2).to_bytes()).unwrap_or(0);
    let Some(bell) = become_reaper() else {
        // SAFETY: a static string that ends with a null.
        unsafe { sys::perror(c"supervisor".as_ptr()) };
        return 127;
    };
    // SAFETY: the words from the program on are a list that ends with a null.
    let child = unsafe { start(word(1) == c"inherit", words.add(4)) };
    if child < 0 {
        return 127;
    }
    let status = watch(bell, child, i64::from(grace));
    kill_the_rest();
    if word(3) != c"-" {
        // SAFETY: a string that ends with a null. The file may be gone already.
        unsafe { sys::unlink(word(3).as_ptr()) };
    }
    status
}

/// Takes a session of its own, so that a terminal's Ctrl-C is Node's to handle, and the orphans below.
/// Returns where signals are told; `None` where the system refuses what the promise rests on.
fn become_reaper() -> Option<i32> {
    let mut bell = [-1; 2];
    // SAFETY: plain system calls; `bell` has room for two descriptors.
    unsafe {
        // Refused only to the leader of a group, which has a session or a shell that keeps Ctrl-C away.
        sys::setsid();
        if sys::prctl(sys::PR_SET_CHILD_SUBREAPER, 1) != 0
            || sys::pipe2(bell.as_mut_ptr(), sys::O_CLOEXEC | sys::O_NONBLOCK) != 0
        {
            return None;
        }
    }
    BELL.store(bell[1], Ordering::Relaxed);
    let listens = |signal| handle(signal, on_signal);
    if !ENDING.into_iter().all(listens) || !listens(sys::SIGCHLD) {
        return None;
    }
    for signal in MEANINGLESS.into_iter().chain(sys::SIGRTMIN..=sys::SIGRTMAX) {
        // One that this system does not know cannot come either.
        handle(signal, on_nothing);
    }
    Some(bell[0])
}

fn handle(signal: i32, handler: extern "C" fn(i32)) -> bool {
    // SAFETY: both handlers do nothing that a signal handler must not.
    unsafe { sys::signal(signal, handler) != sys::SIG_ERR }
}

/// Starts the program; its process id, or -1.
///
/// # Safety
/// `words` is a list of strings, the program first, with a null behind them.
unsafe fn start(inherits_stdin: bool, words: *const *const c_char) -> i32 {
    // SAFETY: the child only makes system calls, and replaces itself or ends.
    unsafe {
        let us = sys::getpid();
        let child = sys::fork();
        if child < 0 {
            sys::perror(c"supervisor".as_ptr());
        }
        if child != 0 {
            return child;
        }
        // Should somebody kill the supervisor, at least the program goes with it; it may have gone already.
        let orphaned = sys::prctl(sys::PR_SET_PDEATHSIG, sys::SIGKILL as u64) != 0 || sys::getppid() != us;
        if orphaned || !(inherits_stdin || empty_stdin()) {
            sys::perror(c"supervisor".as_ptr());
            sys::_exit(127)
        }
        sys::execvp(*words, words);
        sys::perror(*words);
        sys::_exit(127)
    }
}

fn empty_stdin() -> bool {
    // SAFETY: plain system calls on a static string that ends with a null.
    unsafe {
        let empty = sys::open(c"/dev/null".as_ptr(), sys::O_RDONLY | sys::O_CLOEXEC);
        empty >= 0 && sys::dup2(empty, 0) == 0
    }
}

/// Reaps whatever ends below us until the program does. Once Node is gone or a signal comes, the program is
/// asked to end, and after `grace` ms it is made to. Returns its exit code, or 128 and its signal.
fn watch(bell: i32, child: i32, grace: i64) -> i32 {
    let mut watched = [
        // No events wanted: the loss of the last reader is always told.
        sys::PollFd { fd: 1, events: 0, revents: 0 },
        sys::PollFd { fd: bell, events: sys::POLLIN, revents: 0 },
    ];
    let mut kill_at = None;
    loop {
        let patience = kill_at.map_or(-1, |at: i64| (at - now()).clamp(0, 60_000) as i32);
        // SAFETY: `watched` holds two entries.
        let answered = unsafe { sys::poll(watched.as_mut_ptr(), 2, patience) } > 0;
        // Interrupted, it has not written what it saw.
        let told = rung(bell) || (answered && watched[0].revents != 0);
        if let Some(status) = reap(child) {
            return status;
        }
        if told && kill_at.is_none() {
            // SAFETY: `child` is ours and not yet reaped, so the number is nobody else's.
            unsafe { sys::kill(child, sys::SIGTERM) };
            kill_at = Some(now() + grace);
            // It would be told for ever.
            watched[0].fd = -1;
        } else if kill_at.is_some_and(|at| now() >= at) {
            // SAFETY: as above.
            unsafe { sys::kill(child, sys::SIGKILL) };
            kill_at = Some(i64::MAX);
        }
        watched[0].revents = 0;
    }
}

/// Whether a signal came that is not the end of a child.
fn rung(bell: i32) -> bool {
    let mut told = false;
    let mut signals = [0; 64];
    // SAFETY: `signals` has room for what is asked for; the bell never blocks.
    while let count @ 1.. = unsafe { sys::read(bell, signals.as_mut_ptr(), signals.len()) } {
        told |= signals.iter().take(count as usize).any(|signal| i32::from(*signal) != sys::SIGCHLD);
    }
    told
}

/// Reaps all that has ended; how the program ended, if it has.
fn reap(child: i32) -> Option<i32> {
    loop {
        let mut status = 0;
        // SAFETY: `status` is valid for the call.
        let pid = unsafe { sys::waitpid(-1, &raw mut status, sys::WNOHANG) };
        if pid <= 0 {
            return None;
        }
        if pid == child {
            let (signal, code) = (status & 0x7f, (status >> 8) & 0xff);
            return Some(if signal == 0 { code } else { 128 + signal });
        }
    }
}

/// Kills all that is left below us. What is killed may have started more meanwhile, and its own orphans
/// become ours: again, until nobody is left.
fn kill_the_rest() {
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

fn number(digits: &[u8]) -> Option<i32> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i32::from(byte - b'0'));
    let add = |sum: i32, byte| sum.checked_mul(10)?.checked_add(digit(byte)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Milliseconds of a clock that only goes on.
fn now() -> i64 {
    let mut time = sys::Time { seconds: 0, nanoseconds: 0 };
    // SAFETY: `time` is valid for the call, and the clock is one that every Linux has: the call cannot fail.
    unsafe { sys::clock_gettime(sys::CLOCK_MONOTONIC, &raw mut time) };
    time.seconds * 1000 + time.nanoseconds / 1_000_000
}
