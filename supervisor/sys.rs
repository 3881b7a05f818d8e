//! The system's calls, as 64-bit Linux has them.

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

// SAFETY: the C library of the systems that `main.rs` admits has these functions with these types.
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
    pub fn opendir(path: *const c_char) -> *mut u8;
    pub fn readdir(folder: *mut u8) -> *const Entry;
    pub fn closedir(folder: *mut u8) -> i32;
    pub fn clock_gettime(clock: i32, time: *mut Time) -> i32;
}
