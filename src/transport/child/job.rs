//! Windows: a Job Object holds the child and all it starts. The system ends them with the last handle of the job, and
//! so with this process, whichever way it comes.
#![allow(unsafe_code, reason = "Windows' own functions")]

use std::io::{Error, Result};
use std::mem::size_of;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::null;

use tokio::process::{Child, Command};
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
    TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NO_WINDOW, CREATE_SUSPENDED, OpenThread, ResumeThread, THREAD_SUSPEND_RESUME,
};

use super::launch::Launch;

/// What ends the child.
pub struct Keeper {
    job: OwnedHandle,
}

impl Keeper {
    /// # Errors
    /// When the system cannot start the child, or hold it.
    pub fn spawn(launch: &Launch) -> Result<(Child, Self)> {
        let job = job()?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            // Suspended, until it is in the job: nothing it starts can be outside. Without a window: a program that
            // has none of its own would get a console, and Ctrl-C in ours would reach it.
            .creation_flags(CREATE_SUSPENDED | CREATE_NO_WINDOW);
        let mut child = launch.prepare(command).spawn()?;
        if let Err(error) = assign(&job, &child).and_then(|()| resume(&child)) {
            let _ = child.start_kill();
            return Err(error);
        }
        Ok((child, Self { job }))
    }

    pub fn end(&self) {
        // SAFETY: the handle is open as long as we are.
        unsafe { TerminateJobObject(self.job.as_raw_handle(), 1) };
    }

    /// Ends what the child has left behind.
    #[expect(clippy::unused_async, reason = "elsewhere there is something to wait for")]
    pub async fn finish(&self) {
        self.end();
    }
}

/// A job that ends with its last handle, which is ours, and which nobody inherits.
fn job() -> Result<OwnedHandle> {
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    // SAFETY: without attributes and a name nothing is pointed to; the handle is new and nobody else's; `limits` is
    // as long as is said, and outlives the call that reads it.
    unsafe {
        let job = CreateJobObjectW(null(), null());
        succeeded(!job.is_null())?;
        let job = OwnedHandle::from_raw_handle(job);
        let (limits, size) = ((&raw const limits).cast(), size_of_val(&limits) as u32);
        let set =
            SetInformationJobObject(job.as_raw_handle(), JobObjectExtendedLimitInformation, limits, size);
        succeeded(set != 0)?;
        Ok(job)
    }
}

fn assign(job: &OwnedHandle, child: &Child) -> Result<()> {
    let process = child.raw_handle().ok_or_else(|| Error::other("it has ended already"))?;
    // SAFETY: both handles are open.
    succeeded(unsafe { AssignProcessToJobObject(job.as_raw_handle(), process) } != 0)
}

/// Lets a suspended child run. Rust keeps no handle of its first thread, so that is looked for.
fn resume(child: &Child) -> Result<()> {
    let pid = child.id().ok_or_else(|| Error::other("it has ended already"))?;
    let mut entry = THREADENTRY32 { dwSize: size_of::<THREADENTRY32>() as u32, ..Default::default() };
    // SAFETY: handles are open while they are used and closed once; `entry` says its own size.
    unsafe {
        let threads = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
        succeeded(threads != INVALID_HANDLE_VALUE)?;
        let threads = OwnedHandle::from_raw_handle(threads);
        let mut more = Thread32First(threads.as_raw_handle(), &raw mut entry);
        while more != 0 {
            if entry.th32OwnerProcessID == pid {
                let thread = OpenThread(THREAD_SUSPEND_RESUME, 0, entry.th32ThreadID);
                succeeded(!thread.is_null())?;
                let thread = OwnedHandle::from_raw_handle(thread);
                return succeeded(ResumeThread(thread.as_raw_handle()) != u32::MAX);
            }
            more = Thread32Next(threads.as_raw_handle(), &raw mut entry);
        }
    }
    Err(Error::other("its first thread is not to be found"))
}

fn succeeded(done: bool) -> Result<()> {
    if done { Ok(()) } else { Err(Error::last_os_error()) }
}
