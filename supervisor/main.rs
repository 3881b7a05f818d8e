//! Runs one program and sees to it that nothing the program started outlives us.
//!
//! OpenCode leaves its running `bash` tools behind on every signal, a process group misses what made its
//! own, and after SIGKILL of Node nobody is left there to act. So this small process stands in between:
//! it is the reaper of all orphans below it, and it sees Node's death, however it came, by the loss of
//! the reader of its standard output. It is built by `build.rs` and travels inside the addon, so it does
//! without the standard library, which is thirty times its size.
//!
//! `supervisor <null|inherit> <grace in ms> <program> [argument…]`: what the program's standard input is, and how
//! long it has between SIGTERM and SIGKILL.

#![no_std]
#![no_main]

mod family;
mod sys;

use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicI32, Ordering};

use family::{kill_the_rest, number};

// The numbers and layouts below are those of these systems, and of no other that was looked at.
#[cfg(not(all(
    target_os = "linux",
    any(target_env = "gnu", target_env = "musl"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little",
)))]
compile_error!("the supervisor's system calls are written down for 64-bit Linux on x64 and arm64");

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
// SAFETY: nothing else in this program has the name that the C runtime calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: i32, words: *const *const c_char) -> i32 {
    if count < 4 {
        // SAFETY: a static string.
        unsafe { sys::write(2, c"supervisor: no program\n".as_ptr().cast(), 23) };
        return 127;
    }
    // SAFETY: there are four words at least, each ends with a null, and all live as long as we do.
    let word = |at: usize| unsafe { CStr::from_ptr(*words.add(at)) };
    let grace = number(word(2).to_bytes()).unwrap_or(0);
    let Some(bell) = become_reaper() else {
        // SAFETY: a static string that ends with a null.
        unsafe { sys::perror(c"supervisor".as_ptr()) };
        return 127;
    };
    // SAFETY: the words from the program on are a list that ends with a null.
    let child = unsafe { start(word(1) == c"inherit", words.add(3)) };
    if child < 0 {
        return 127;
    }
    let status = watch(bell, child, i64::from(grace));
    kill_the_rest();
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

/// Milliseconds of a clock that only goes on.
fn now() -> i64 {
    let mut time = sys::Time { seconds: 0, nanoseconds: 0 };
    // SAFETY: `time` is valid for the call, and the clock is one that every Linux has: the call cannot fail.
    unsafe { sys::clock_gettime(sys::CLOCK_MONOTONIC, &raw mut time) };
    time.seconds * 1000 + time.nanoseconds / 1_000_000
}
