//! Users of Windows: whose a process is, and files that are theirs alone.
#![allow(unsafe_code, reason = "Windows' own functions")]

use std::io::{Error, Result};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr::{null_mut, read_unaligned};

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateFileW, DELETE, FILE_ATTRIBUTE_TEMPORARY, FILE_FLAG_DELETE_ON_CLOSE, FILE_GENERIC_WRITE,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
};
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

/// A new file that only this user may open, gone with its last handle. What a mode of 0600 is elsewhere.
///
/// # Errors
/// When it exists, or cannot be made.
pub fn create_private(path: &Path) -> Result<std::fs::File> {
    let wide = |text: &std::ffi::OsStr| text.encode_wide().chain([0]).collect::<Vec<u16>>();
    let path = wide(path.as_os_str());
    // All rights to this user, none to others, none inherited from the folder.
    let rights = wide(format!("D:P(A;;FA;;;{})", user_of_us()?.0).as_ref());
    let mut descriptor = null_mut();
    // SAFETY: both texts end with a null and outlive the calls; the descriptor is the system's until it is freed; the
    // handle is new and nobody else's.
    unsafe {
        let made = ConvertStringSecurityDescriptorToSecurityDescriptorW(
            rights.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        );
        succeeded(made != 0)?;
        let attributes = SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: descriptor,
            bInheritHandle: 0,
        };
        let file = CreateFileW(
            path.as_ptr(),
            FILE_GENERIC_WRITE | DELETE,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            &raw const attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE,
            null_mut(),
        );
        let created = succeeded(file != INVALID_HANDLE_VALUE);
        LocalFree(descriptor);
        created?;
        Ok(std::fs::File::from(OwnedHandle::from_raw_handle(file)))
    }
}

fn succeeded(done: bool) -> Result<()> {
    if done { Ok(()) } else { Err(Error::last_os_error()) }
}
