//! Users of Windows: whose a process is.
#![allow(unsafe_code, reason = "Windows' own functions")]

use std::io::{Error, Result};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::{null_mut, read_unaligned};

use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{GetTokenInformation, TOKEN_QUERY, TOKEN_USER, TokenUser};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION,
};

/// A user, by the text of their SID: `S-1-5-21-…`.
#[derive(Debug, PartialEq, Eq)]
pub struct User(String);

impl User {
    /// How an error names them.
    pub fn name(self) -> Option<String> {
        Some(self.0).filter(|sid| !sid.is_empty())
    }
}

/// # Errors
/// When the system does not say.
pub fn user_of_us() -> Result<User> {
    // SAFETY: always a handle, which needs no closing.
    user_behind(unsafe { GetCurrentProcess() })
}

/// # Errors
/// When the process is gone, or may not be looked at.
pub fn user_of(pid: u32) -> Result<User> {
    // SAFETY: a plain call; the handle is new and nobody else's.
    let process = unsafe {
        let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid);
        succeeded(!process.is_null())?;
        OwnedHandle::from_raw_handle(process)
    };
    user_behind(process.as_raw_handle())
}

fn user_behind(process: HANDLE) -> Result<User> {
    let mut handle = null_mut();
    // SAFETY: `process` is open; the handle that is written is new and nobody else's.
    let token = unsafe {
        succeeded(OpenProcessToken(process, TOKEN_QUERY, &raw mut handle) != 0)?;
        OwnedHandle::from_raw_handle(handle)
    };
    // A SID has 68 bytes at most.
    let mut user = [0_u8; size_of::<TOKEN_USER>() + 128];
    let mut size = user.len() as u32;
    let mut text = null_mut();
    // SAFETY: the buffer has as many bytes as `size` says, and begins with a TOKEN_USER, whose SID points into it;
    // the text is the system's until it is freed, and ends with a null.
    unsafe {
        let token = token.as_raw_handle();
        let told = GetTokenInformation(token, TokenUser, user.as_mut_ptr().cast(), size, &raw mut size);
        succeeded(told != 0)?;
        let sid = read_unaligned(user.as_ptr().cast::<TOKEN_USER>()).User.Sid;
        succeeded(ConvertSidToStringSidW(sid, &raw mut text) != 0)?;
        let length = (0..).take_while(|at| *text.add(*at) != 0).count();
        let sid = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        Ok(User(sid))
    }
}

fn succeeded(done: bool) -> Result<()> {
    if done { Ok(()) } else { Err(Error::last_os_error()) }
}
