//! Runs one program and sees to it that nothing the program started outlives us.
//!
//! OpenCode leaves its running `bash` tools behind on every signal, a process group misses what made its
//! own, and after SIGKILL of Node nobody is left there to act. So this small process stands in between:
//! it is the reaper of all orphans below it, and it sees Node's death, however it came, by the loss of
//! the reader of its standard output. It is compiled by `build.rs` and travels inside the addon.
//!
//! `supervisor <null|inherit> <grace in ms> <file|-> <program> [argument…]`: what the program's standard
//! input is, how long it has between SIGTERM and SIGKILL, and a file to remove when all is over.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// The few calls the standard library does not have. This file is built without crates.
mod sys {
    #[repr(C)]
    pub struct PollFd {
        pub fd: i32,
        pub events: i16,
        pub revents: i16,
    }

    pub const SIGTERM: i32 = 15;
    pub const SIGKILL: i32 = 9;
    pub const POLLIN: i16 = 1;
    pub const PR_SET_PDEATHSIG: i32 = 1;
    pub const PR_SET_CHILD_SUBREAPER: i32 = 36;
    pub const WNOHANG: i32 = 1;

    unsafe extern "C" {
        pub fn prctl(option: i32, argument: u64) -> i32;
        pub fn setsid() -> i32;
        pub fn kill(pid: i32, signal: i32) -> i32;
        pub fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
        pub fn poll(fds: *mut PollFd, count: u64, timeout: i32) -> i32;
        pub fn pipe2(fds: *mut i32, flags: i32) -> i32;
        pub fn signal(signal: i32, handler: extern "C" fn(i32)) -> usize;
        pub fn write(fd: i32, bytes: *const u8, count: usize) -> isize;
    }
}

const O_CLOEXEC: i32 = 0o2_000_000;
/// How long the killed may take to be gone; a process that hangs in the kernel is not waited for.
const REAP: Duration = Duration::from_secs(5);

/// Where the signal handler says that a signal came.
static BELL: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_signal(_: i32) {
    // SAFETY: write is async-signal-safe, and the byte outlives the call.
    unsafe { sys::write(BELL.load(Ordering::Relaxed), c"x".as_ptr().cast(), 1) };
}

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let stdin = if words.next().is_some_and(|word| word == "inherit") { Stdio::inherit() } else { Stdio::null() };
    let grace = words.next().and_then(|word| word.to_str()?.parse().ok()).map_or(Duration::ZERO, Duration::from_millis);
    let leftover = words.next().filter(|word| word != "-");
    let Some(program) = words.next() else {
        eprintln!("supervisor: no program");
        return ExitCode::from(127);
    };
    let bell = become_reaper();
    let mut command = Command::new(&program);
    command.args(words).stdin(stdin);
    // SAFETY: prctl is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            // Should somebody kill this process, at least the program goes with it.
            sys::prctl(sys::PR_SET_PDEATHSIG, sys::SIGKILL as u64);
            Ok(())
        });
    }
    let child = match command.spawn() {
        Ok(child) => child.id() as i32,
        Err(error) => {
            eprintln!("{}: {error}", program.to_string_lossy());
            return ExitCode::from(127);
        }
    };
    drop(command);
    std::thread::spawn(move || end_when_told(bell, child, grace));
    let status = wait_for(child);
    kill_the_rest();
    if let Some(file) = leftover {
        let _ = std::fs::remove_file(file);
    }
    ExitCode::from(status)
}

/// Takes a session of its own, so that a terminal's Ctrl-C is Node's to handle, and the orphans below.
/// Returns where signals are told.
fn become_reaper() -> i32 {
    let mut bell = [-1; 2];
    // SAFETY: plain system calls; `bell` has room for two descriptors.
    unsafe {
        sys::setsid();
        sys::prctl(sys::PR_SET_CHILD_SUBREAPER, 1);
        sys::pipe2(bell.as_mut_ptr(), O_CLOEXEC);
        BELL.store(bell[1], Ordering::Relaxed);
        for signal in [1, 2, 3, sys::SIGTERM] {
            sys::signal(signal, on_signal);
        }
    }
    bell[0]
}

/// Waits until Node is gone or a signal comes, then asks the program to end, and makes it.
fn end_when_told(bell: i32, child: i32, grace: Duration) {
    let mut watched = [
        // No events wanted: the loss of the last reader is always told.
        sys::PollFd { fd: 1, events: 0, revents: 0 },
        sys::PollFd { fd: bell, events: sys::POLLIN, revents: 0 },
    ];
    // SAFETY: `watched` holds two entries.
    while unsafe { sys::poll(watched.as_mut_ptr(), 2, -1) } < 0 {}
    // SAFETY: `child` is ours and not reaped before this process ends.
    unsafe { sys::kill(child, sys::SIGTERM) };
    std::thread::sleep(grace);
    unsafe { sys::kill(child, sys::SIGKILL) };
}

/// Reaps whatever ends below us until the program does; its exit code, or 128 and its signal.
fn wait_for(child: i32) -> u8 {
    loop {
        let mut status = 0;
        // SAFETY: `status` is valid for the call.
        let pid = unsafe { sys::waitpid(-1, &mut status, 0) };
        if pid == child {
            let (signal, code) = (status & 0x7f, (status >> 8) & 0xff);
            return if signal == 0 { code as u8 } else { 128 + signal as u8 };
        }
    }
}

/// Kills all that is left below us. What is killed may have started more meanwhile, and its own orphans
/// become ours: again, until nobody is left.
fn kill_the_rest() {
    let until = Instant::now() + REAP;
    while Instant::now() < until {
        for pid in descendants() {
            // SAFETY: a plain system call.
            unsafe { sys::kill(pid, sys::SIGKILL) };
        }
        // SAFETY: a null status is allowed.
        while unsafe { sys::waitpid(-1, std::ptr::null_mut(), sys::WNOHANG) } > 0 {}
        if descendants().is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Everybody below this process.
fn descendants() -> Vec<i32> {
    let parents: Vec<(i32, i32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name stands in parentheses and may hold anything, parentheses too.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut below = vec![std::process::id() as i32];
    let mut at = 0;
    while at < below.len() {
        let parent = below[at];
        below.extend(parents.iter().filter(|(pid, of)| *of == parent && !below.contains(pid)).map(|(pid, _)| *pid).collect::<Vec<_>>());
        at += 1;
    }
    below.split_off(1)
}
