//! By the sockets of each process. macOS shows a user only their own processes' (root sees all), so it cannot name a
//! stranger; but who is bound to 127.0.0.1 itself gets what is sent there, whoever else listens on all addresses.
#![allow(unsafe_code, reason = "the system's own function")]

use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr};

use listeners::{Protocol, SocketState};

use super::Owner;

/// `None`: it cannot be told.
pub fn owner(port: u16) -> Option<Owner> {
    let ours = user_of(std::process::id())?;
    let sockets = listeners::get_all().ok()?;
    let here = |socket: &&listeners::Listener| {
        let address = socket.socket.ip().to_canonical();
        let is_reached = address == IpAddr::V4(Ipv4Addr::LOCALHOST) || address.is_unspecified();
        let listens = socket.state == SocketState::Listen && socket.protocol == Protocol::TCP;
        listens && is_reached && socket.socket.port() == port
    };
    let mut is_bound_here = false;
    for socket in sockets.iter().filter(here) {
        let user = user_of(socket.process.pid)?;
        if user != ours {
            return Some(Owner::Another(format!("uid {user}")));
        }
        is_bound_here |= !socket.socket.ip().to_canonical().is_unspecified();
    }
    if is_bound_here {
        return Some(Owner::Us);
    }
    // Somebody whose sockets we do not see may be there.
    let refused = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    refused.then_some(Owner::Nobody)
}

fn user_of(pid: u32) -> Option<u32> {
    let size = i32::try_from(size_of::<libc::proc_bsdinfo>()).ok()?;
    // SAFETY: the structure is plain numbers, for which zero is a value; the system writes at most `size` bytes to it.
    unsafe {
        let mut about: libc::proc_bsdinfo = zeroed();
        let pid = i32::try_from(pid).ok()?;
        let written = libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, (&raw mut about).cast(), size);
        (written == size).then_some(about.pbi_uid)
    }
}
